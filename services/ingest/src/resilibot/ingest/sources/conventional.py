"""conventional: an alert in the words most senders share, of a sender nobody described. Asked last. Pure.

It is taken only when it says all three: that it is an alert (a field named so, or a severity), in which state it is, by
a word that leaves no doubt, and what it is called. Anything less is an event of somebody's application.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resilibot.contracts.signal import SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.fields import at, pairs, words
from resilibot.ingest.sources.record import Item, Record, Source
from resilibot.ingest.sources.severity import by_word

NAME = "conventional"
STATES: dict[str, SignalState] = {
    **dict.fromkeys(
        ("firing", "alerting", "alarm", "triggered", "trigger", "problem", "down", "critical", "failing"), "ALARM"
    ),
    **dict.fromkeys(("open", "opened", "active", "anomalous", "unhealthy", "failed", "warning"), "ALARM"),
    **dict.fromkeys(
        ("ok", "resolved", "resolve", "recovered", "recovery", "cleared", "clear", "closed", "up", "normal"), "OK"
    ),
    **dict.fromkeys(("healthy", "fixed"), "OK"),
}
STATE_KEYS = (
    "status",
    "state",
    "alert_status",
    "alert_state",
    "current_state",
    "currentState",
    "alertState",
    "alertStatus",
)
NAMES = (
    *("alertname", "alert_name", "alertName", "title", "name", "summary", "subject", "rule_name", "message"),
    *("alarm", "alert", "monitor_name", "check_name", "check", "rule"),
)
IDS = ("alert_id", "alertId", "incident_id", "incidentId", "fingerprint", "dedup_key", "id", "uuid")
RESOURCES = ("resource", "host", "hostname", "hostName", "instance", "service", "target", "entity", "source")
CONTAINERS = ("alert", "alarm", "incident", "problem", "monitor")
VAGUE = frozenset(("open", "opened", "active"))  # with INFO ... NOTICE alone: a line of somebody's log
INFORMS = frozenset(("info", "information", "informational", "notice", "debug", "trace", "default", "none", "verbose"))
MARK = re.compile(r"alert|alarm|incident|severity|monitor|problem", re.IGNORECASE)


def recognises(body: dict[str, Any]) -> bool:
    alert = _alert(body)
    if alert is None or not words(alert, *NAMES) or _state(alert, body) is None:
        return False
    return not _is_log_line(alert, body)


def read(record: Record) -> Iterator[Item]:
    body = record.body
    alert = _alert(body) or body
    name, state = words(alert, *NAMES), _state(alert, body) or "ALARM"
    labels = pairs(alert.get("labels")) or pairs(alert.get("tags"))
    yield build.signal(
        record,
        source=NAME,
        name=words(alert, *IDS) or name,  # "x is down" and "x is up" are one signal
        identity=words(alert, *IDS),
        state=state,
        title=name,
        reason=words(alert, "description", "message", "details", "summary"),
        severity=by_word(NAME, "severity", words(alert, "severity", "priority", "level") or labels.get("severity", "")),
        fired_at=at(alert, "timestamp") or at(alert, "time") or at(alert, "startsAt") or at(alert, "lastReceived"),
        resource=build.resource_ref(name=words(alert, *RESOURCES) or name, service=words(alert, "service")),
        environment=words(alert, "environment", "env"),
        tags=labels,
        links=[alert.get("url"), alert.get("link")],
    )


SOURCE = Source(NAME, recognises, read)


def _alert(body: dict[str, Any]) -> dict[str, Any] | None:
    """The object that is the alert: itself, or what stands under one of the usual names."""
    inner: dict[str, Any] | None = next((body[key] for key in CONTAINERS if isinstance(body.get(key), dict)), None)
    if inner is not None:
        return inner
    return body if any(MARK.search(key) for key in body) else None


def _is_log_line(alert: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Nothing but a severity that informs says that it is an alert, and its state is a word of anything's life."""
    marks = [key for key in body if MARK.search(key)]
    is_bare = alert is body and all(key.lower() in ("severity", "severitytext", "severity_text") for key in marks)
    informs = words(alert, *marks).lower() in INFORMS if is_bare else False
    return informs and _told(alert, body) in VAGUE


def _told(alert: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    return next((word for part in (alert, body) for key in STATE_KEYS if (word := words(part, key))), "").lower()


def _state(alert: Mapping[str, Any], body: Mapping[str, Any]) -> SignalState | None:
    return STATES.get(_told(alert, body))
