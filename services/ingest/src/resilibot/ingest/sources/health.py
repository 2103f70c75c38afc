"""health: AWS Health says that AWS itself has a problem. Pure.

Format: "AWS Health User Guide", monitoring events with EventBridge, event schema 1.0 and 1.1.
"""

from collections.abc import Iterator
from typing import Any

from resilibot.ingest.sources import build
from resilibot.ingest.sources.eventbridge import event_id, resource_of
from resilibot.ingest.sources.fields import at, mapping, objects, pairs, text, words
from resilibot.ingest.sources.record import Item, Record, Source, ignored
from resilibot.ingest.sources.severity import HIGH, MEDIUM

NAME = "health"
CATEGORIES = {"issue": HIGH, "investigation": MEDIUM}  # scheduledChange and accountNotification are announcements


def recognises(body: dict[str, Any]) -> bool:
    return body.get("source") == "aws.health" and str(body.get("detail-type")).startswith("AWS Health")


def read(record: Record) -> Iterator[Item]:
    detail = mapping(record.body, "detail", record.place)
    code = text(detail, "eventTypeCode", f"{record.place}detail.")
    category = text(detail, "eventTypeCategory", f"{record.place}detail.")
    if category not in CATEGORIES:
        yield ignored(record, NAME, f"aws.health: {code}", f"{category} is no problem of now", event_id(record))
        return
    entities = [words(entity, "entityValue") for entity in objects(detail, "affectedEntities")]
    about = (
        next((entity for entity in entities if entity), "")
        or words(record.body, "resources.0")
        or words(detail, "service")
    )
    resource, region = resource_of(record, about or code), words(detail, "eventRegion")  # a backup copy is from another
    yield build.signal(
        record,
        source=NAME,
        source_id=event_id(record),
        name=code,
        identity=words(detail, "eventArn") or code,
        state="OK" if words(detail, "statusCode") == "closed" else "ALARM",
        title=f"AWS Health: {code}" + (f" ({about})" if about else ""),
        reason=words(detail, "eventDescription.0.latestDescription"),
        severity=(CATEGORIES[category], f"health:eventTypeCategory={category}"),
        fired_at=at(detail, "lastUpdatedTime") or record.body.get("time") or at(detail, "startTime"),
        resource=resource.model_copy(update={"region": region}) if region else resource,
        tags=pairs(at(detail, "affectedEntities.0.tags")),
    )


SOURCE = Source(NAME, recognises, read)
