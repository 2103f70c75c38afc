"""sentry: issues, issue alerts and metric alerts of the integration platform, and the older webhook plugin. Pure.

Formats: Sentry documentation, "Integration Platform: Webhooks" (issues, issue alerts, metric alerts, errors).
"""

import re
from collections.abc import Iterator
from typing import Any

from resilibot.contracts.signal import SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.fields import at, mapping, pairs, text, words
from resilibot.ingest.sources.record import Item, Record, Source, ignored
from resilibot.ingest.sources.severity import by_word

NAME = "sentry"
RESOURCES = ("metric_alert", "event", "issue", "error")
ISSUE = re.compile(r"/issues/(\d+)/?$")
STATES: dict[str, SignalState] = {
    **dict.fromkeys(("triggered", "created", "critical", "warning", "unresolved", "regressed"), "ALARM"),
    **dict.fromkeys(("resolved", "closed"), "OK"),
}


def recognises(body: dict[str, Any]) -> bool:
    data = body.get("data")
    if isinstance(body.get("action"), str) and isinstance(data, dict) and _kind(data):
        return "installation" in body or "actor" in body or "triggered_rule" in data
    return "culprit" in body and "project" in body and isinstance(body.get("event"), dict)


def read(record: Record) -> Iterator[Item]:
    body = record.body
    if "culprit" in body:
        yield _plugin(record)
        return
    action, data = text(body, "action", record.place), mapping(body, "data", record.place)
    kind = _kind(data)
    if action not in STATES:
        yield ignored(record, NAME, f"{kind} {action}", "neither new nor resolved")
        return
    it = mapping(data, kind, f"{record.place}data.")
    place = f"{record.place}data.{kind}."
    title = words(data, "description_title") or words(it, "title", "alert_rule.name") or text(it, "title", place)
    number = words(it, "issue_id", "groupID") or _issue_of(words(it, "issue_url")) or words(it, "id", "identifier")
    known_as = "issue" if kind == "event" or (kind == "error" and words(it, "issue_id", "groupID")) else kind
    level = action if kind == "metric_alert" else words(it, "level")
    project = words(it, "project.slug", "project_name", "project", "projects.0")
    yield build.signal(
        record,
        source=NAME,
        name=f"{known_as} {number}" if number else title,  # titles differ from event to event
        identity=number or title,
        state=STATES[action],
        title=title,
        reason=words(data, "description_text") or words(it, "culprit", "message"),
        severity=by_word(NAME, "level", level),
        fired_at=it.get("datetime") or it.get("date_started") or it.get("firstSeen") or it.get("timestamp"),
        resource=build.resource_ref(name=project or title, service=project),
        environment=words(it, "environment", "alert_rule.environment"),
        tags=pairs(it.get("tags")),
        links=[data.get("web_url"), it.get("web_url"), it.get("url"), it.get("permalink")],
    )


SOURCE = Source(NAME, recognises, read)


def _issue_of(url: str) -> str:
    """Older events name their issue by its address alone: .../issues/1170820242/."""
    return found[1] if (found := ISSUE.search(url)) else ""


def _kind(data: dict[str, Any]) -> str:
    return next((kind for kind in RESOURCES if kind in data), "")


def _plugin(record: Record) -> Item:
    """The plugin tells new events only, never a resolution."""
    body, event = record.body, mapping(record.body, "event", record.place)
    project = words(body, "project_slug", "project_name", "project")
    return build.signal(
        record,
        source=NAME,
        source_id=words(event, "event_id"),
        name=words(event, "title", "metadata.title") or words(body, "message") or text(body, "culprit", record.place),
        identity=words(body, "id") or words(body, "culprit"),
        state="ALARM",
        reason=words(body, "message"),
        severity=by_word(NAME, "level", words(body, "level") or words(event, "level")),
        fired_at=event.get("timestamp") or at(event, "received"),
        resource=build.resource_ref(name=project, service=project),
        environment=words(event, "environment"),
        tags=pairs(event.get("tags")),
        links=[body.get("url")],
    )
