"""pagerduty: incidents by webhook v3, by the older v1 and v2, and events in the form of its Events API v2. Pure.

Formats: PagerDuty developer documentation, "Webhooks Overview" (v3), "V1/V2 webhooks", "Send an Alert Event".
"""

from collections.abc import Iterator
from typing import Any

from resilibot.contracts.signal import SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.errors import MalformedSignal
from resilibot.ingest.sources.fields import at, mapping, one_of, pairs, text, words
from resilibot.ingest.sources.record import Item, Record, Refused, Source, ignored
from resilibot.ingest.sources.severity import HIGH, LOW, by_word

NAME = "pagerduty"
STATES: dict[str, SignalState] = {
    **dict.fromkeys(("incident.triggered", "incident.reopened", "incident.trigger"), "ALARM"),
    **dict.fromkeys(("incident.resolved", "incident.resolve"), "OK"),
}
ACTIONS: dict[str, SignalState | None] = {"trigger": "ALARM", "resolve": "OK", "acknowledge": None}


def recognises(body: dict[str, Any]) -> bool:
    event = at(body, "event.event_type")
    if isinstance(event, str) and ("data" in body["event"] or event.startswith("incident.")):
        return True
    first = at(body, "messages.0")
    if isinstance(first, dict) and str(first.get("type", first.get("event", ""))).startswith("incident."):
        return True
    return "event_action" in body and ("dedup_key" in body or "routing_key" in body)


def read(record: Record) -> Iterator[Item]:
    body = record.body
    if "event_action" in body:
        yield _event(record)
    elif "messages" in body:
        for number, message in enumerate(body["messages"]):
            placed = record.within(f"messages.{number}")
            try:
                if not isinstance(message, dict):
                    raise MalformedSignal(f"{placed.place}: an object is needed, not {type(message).__name__}")
                kind = text(message, "type" if "type" in message else "event", placed.place)
                incident = at(message, "data.incident") or message.get("incident")
                yield _incident(placed, kind, incident, words(message, "id"), message.get("created_on"))
            except MalformedSignal as error:
                yield Refused(str(error))
    else:
        event = mapping(body, "event", record.place)
        kind = text(event, "event_type", f"{record.place}event.")
        yield _incident(record, kind, event.get("data"), words(event, "id"), event.get("occurred_at"))


SOURCE = Source(NAME, recognises, read)


def _incident(record: Record, kind: str, incident: Any, source_id: str, occurred_at: Any) -> Item:
    if kind not in STATES:
        return ignored(record, NAME, kind, "neither triggered nor resolved", source_id)
    if not isinstance(incident, dict):
        raise MalformedSignal(f"{record.place}event.data: an object is needed, not {type(incident).__name__}")
    number = words(incident, "incident_number", "number")
    title = words(
        incident, "title", "trigger_summary_data.subject", "trigger_summary_data.description", "summary", "incident_key"
    ) or (f"incident {number}" if number else "")
    if not title:
        raise MalformedSignal(f"{record.place}event.data.title: missing, or no text")
    service = words(incident, "service.summary", "service.name")
    priority, urgency = words(incident, "priority.summary"), words(incident, "urgency")
    severity = by_word(NAME, "priority", priority, LOW if urgency == "low" else HIGH)
    return build.signal(
        record,
        source=NAME,
        source_id=source_id,
        name=f"incident {words(incident, 'id', 'incident_key') or title}",  # a title may be edited before it resolves
        identity=words(incident, "id", "incident_key") or title,
        state=STATES[kind],
        title=title,
        reason=words(incident, "description", "body.details"),
        severity=severity if severity[1] != f"{NAME}-default" else (severity[0], f"{NAME}:urgency={urgency or 'none'}"),
        fired_at=occurred_at or incident.get("created_at") or incident.get("created_on"),
        resource=build.resource_ref(name=service or title, service=service),
        links=[incident.get("html_url")],
    )


def _event(record: Record) -> Item:
    body = record.body
    state = one_of(body, "event_action", ACTIONS, record.place)
    key = words(body, "dedup_key")
    if state is None:
        return ignored(record, NAME, "acknowledge", "neither triggered nor resolved")
    payload = body.get("payload")
    summary = words(payload, "summary")
    if not summary and state == "ALARM":
        raise MalformedSignal(f"{record.place}payload.summary: missing, or no text")
    return build.signal(
        record,
        source=NAME,
        name=key or summary or text(body, "dedup_key", record.place),
        identity=key,
        state=state,
        title=summary,
        severity=by_word(NAME, "severity", words(payload, "severity")),
        fired_at=at(payload, "timestamp"),
        resource=build.resource_ref(
            name=words(payload, "component", "source") or summary or key, service=words(payload, "component")
        ),
        tags=pairs(at(payload, "custom_details")),
        links=[at(body, "links.0.href"), body.get("client_url")],
    )
