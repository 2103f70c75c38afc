"""registry: every source there is, in the order in which they are asked; a new one is a line here. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from pydantic import ValidationError

from resilibot.contracts.faults import faults_of
from resilibot.ingest.sources import (
    alertmanager,
    aws_notifications,
    cloudwatch,
    conventional,
    datadog,
    envelopes,
    eventbridge,
    findings,
    grafana,
    health,
    mapped,
    newrelic,
    other_traffic,
    pagerduty,
    sentry,
)
from resilibot.ingest.sources.errors import MalformedSignal
from resilibot.ingest.sources.record import Item, Record, Refused, Source, ignored

OWN: tuple[Source, ...] = (
    cloudwatch.SOURCE,
    health.SOURCE,
    findings.GUARDDUTY,
    findings.SECURITYHUB,
    findings.SCANNERS,
    eventbridge.SOURCE,
    aws_notifications.SOURCE,
    other_traffic.SOURCE,
    alertmanager.SOURCE,
    grafana.SOURCE,
    pagerduty.SOURCE,
    newrelic.SOURCE,
    sentry.SOURCE,
    datadog.SOURCE,
)
QUEUE = "queue"
AWS_DOORS = frozenset({QUEUE, "aws", "sns"})  # hints under which envelopes are peeled


def names(sources: Sequence[Source]) -> list[str]:
    """What a hint may be: each sender once, in order."""
    return list(dict.fromkeys((*sorted(AWS_DOORS), *(source.name for source in sources))))


def all_sources(extra: Sequence[mapped.Mapped] = ()) -> tuple[Source, ...]:
    """An owner's own mappings come before what ships, but after AWS itself, which nobody may speak for."""
    own = tuple(mapping.as_source() for mapping in extra)
    first = OWN.index(alertmanager.SOURCE)
    return (*OWN[:first], *own, *OWN[first:], *mapped.shipped(), conventional.SOURCE)


def read(
    raw: bytes | str,
    hint: str | None,
    sources: Sequence[Source],
    received_at: datetime,
    message_id: str,
) -> list[Item]:
    """See resilibot.ingest.sources.read."""
    if message_id == sha256(raw.encode() if isinstance(raw, str) else raw).hexdigest():
        message_id = ""  # a webhook's delivery without an id of its own: made from the content
    opened, record = envelopes.open_text(raw), envelopes.arrived(received_at, message_id, is_from_queue=hint == QUEUE)
    if hint is None or hint in AWS_DOORS:
        items = [item for peeled in envelopes.peel(opened, record) for item in _of(peeled, sources)]
    else:
        items = _hinted(opened, hint, sources, record)
    refused = [item for item in items if isinstance(item, Refused)]
    if len(refused) == len(items):
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise MalformedSignal(f"{refused[0].reason if refused else 'message: nothing in it'}{more}")
    return items


def _hinted(opened: object, hint: str, sources: Sequence[Source], record: Record) -> list[Item]:
    """A sender known by its secret speaks for itself alone: no envelope, no other source's events."""
    wanted = [source for source in sources if source.name == hint]
    if not wanted:
        raise MalformedSignal(f"source: {hint[:40]!a} is none of {', '.join(names(sources))}")
    items: list[Item] = []
    for number, body in enumerate(opened if isinstance(opened, list) else [opened]):
        placed = record.within(str(number)) if isinstance(opened, list) else record
        if not isinstance(body, dict):
            items.append(Refused(f"{placed.place}message: an object is needed, not {type(body).__name__}"))
        elif not any(source.recognises(body) for source in wanted):
            items.append(Refused(f"{placed.place}message: not in the form of {hint} (it has {_shape(body)})"))
        else:
            items += _of(replace(placed, body=body), wanted)
    return items


def _of(peeled: envelopes.Peeled, sources: Sequence[Source]) -> Iterator[Item]:
    if not isinstance(peeled, Record):
        yield peeled
        return
    source = next((source for source in sources if source.recognises(peeled.body)), None)
    if source is None:
        yield ignored(peeled, "unknown", f"object with {_shape(peeled.body)}", "no source knows this form")
        return
    try:
        yield from source.read(peeled)
    except MalformedSignal as error:
        yield Refused(f"{source.name}: {error}")
    except ValidationError as error:  # a value the contract does not take: bounded texts should leave none
        yield Refused(f"{source.name}: {faults_of(error, 'signal')}"[:500])


def _shape(body: dict[str, object]) -> str:
    return ", ".join(sorted(body)[:6])[:150] or "no fields"
