"""newrelic: incidents of the legacy webhook channel and issues of the workflow webhook. Pure.

Formats: New Relic documentation, "Legacy notification channels: webhook", and the default payload of "Notification
integrations: webhook" (issueId, priority, state, impactedEntities ...).
"""

from collections.abc import Iterator
from typing import Any

from resilibot.contracts.signal import SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.errors import MalformedSignal
from resilibot.ingest.sources.fields import at, pairs, words
from resilibot.ingest.sources.record import Item, Record, Source, ignored
from resilibot.ingest.sources.severity import by_word

NAME = "newrelic"
STATES: dict[str, SignalState | None] = {
    **dict.fromkeys(("open", "created", "activated", "active"), "ALARM"),
    **dict.fromkeys(("closed", "resolved"), "OK"),
    **dict.fromkeys(("acknowledged", "deactivated", "test"), None),
}
LEGACY = ("condition_name", "policy_name", "incident_id")
WORKFLOW = ("issueUrl", "issueId", "workflowName", "impactedEntities", "alertPolicyNames", "alertConditionNames")


def recognises(body: dict[str, Any]) -> bool:
    is_legacy = "current_state" in body and any(key in body for key in LEGACY)
    return is_legacy or ("state" in body and sum(key in body for key in WORKFLOW) >= 2)


def read(record: Record) -> Iterator[Item]:
    body = record.body
    word = words(body, "current_state", "state").lower()
    if word not in STATES:
        raise MalformedSignal(f"{record.place}current_state: {word[:40]!a} is none of {', '.join(STATES)}")
    state = STATES[word]
    conditions = at(body, "alertConditionNames")
    told = sorted(name for name in conditions if isinstance(name, str)) if isinstance(conditions, list) else []
    name = words(body, "condition_name") or words(told, "0") or words(body, "title", "policy_name")
    issue = words(body, "incident_id", "issueId", "id")
    if state is None:
        yield ignored(record, NAME, f"issue {name or issue}", f"{word} changes nothing")
        return
    if not name:
        raise MalformedSignal(f"{record.place}condition_name: missing, or no text")
    told_at = words(body, "timestamp", "updatedAt", "createdAt")
    about = words(body, "targets.0.name", "entitiesData.names.0", "impactedEntities.0")
    yield build.signal(
        record,
        source=NAME,
        source_id=record.of_content(f"{issue}@{word}@{told_at}") if issue else "",
        name=name,
        identity=" ".join(filter(None, (words(body, "account_id"), issue or name))),
        state=state,
        title=f"{name}: {words(body, 'title', 'details')}" if words(body, "title", "details") else "",
        reason=words(body, "details", "trigger"),
        severity=by_word(NAME, "priority" if "priority" in body else "severity", words(body, "priority", "severity")),
        fired_at=body.get("timestamp") or body.get("createdAt"),
        resource=build.resource_ref(name=about or name, service=about),
        tags=pairs(at(body, "targets.0.labels")),
        links=[body.get("incident_url"), body.get("issueUrl"), body.get("runbook_url")],
    )


SOURCE = Source(NAME, recognises, read)
