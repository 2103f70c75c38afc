"""datadog: a monitor's notification through the webhooks integration. Pure.

The owner writes the payload as a template; read is what the default template and Datadog's own examples have. Format:
Datadog documentation, "Webhooks" ($ALERT_TRANSITION, $ALERT_TYPE, $EVENT_TITLE, $ID ...).
"""

import re
from collections.abc import Iterator
from typing import Any

from resilibot.contracts.signal import SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.errors import MalformedSignal
from resilibot.ingest.sources.fields import pairs, text, words
from resilibot.ingest.sources.record import Item, Record, Source, ignored
from resilibot.ingest.sources.severity import by_word

STATES: dict[str, SignalState | None] = {
    **dict.fromkeys(("info", "user_update", "snapshot"), None),
    **dict.fromkeys(("triggered", "re-triggered", "retriggered", "warn", "re-warn", "alert", "renotify"), "ALARM"),
    **dict.fromkeys(("error", "warning", "warn", "critical"), "ALARM"),
    **dict.fromkeys(("recovered", "warn recovered", "ok", "success", "resolved"), "OK"),
    **dict.fromkeys(("no data", "re-no data", "no data recovered"), "INSUFFICIENT_DATA"),
}
TRANSITION = ("alert_transition", "transition", "alertTransition", "alert_status", "alert_type", "alertType")
TITLES = ("title", "event_title", "alert_title")
MONITOR = ("alert_id", "monitor_id", "aggreg_key")
SCOPE = ("alert_scope", "scopes")
MARKS = ("alert_transition", "alert_type", "alertTransition", "alert_id", "monitor_id", "alert_query", "alert_metric")
MAX_TITLE = 2048
BRACKETS = re.compile(r"\[([^\[\]]*)\]")  # "[Triggered on {host:a}] CPU is high"; no two ways to match: linear
STATE = re.compile(r"[A-Za-z -]+")


def recognises(body: dict[str, Any]) -> bool:
    has_title = any(key in body for key in TITLES)
    is_event = "event_type" in body and ("org" in body or "org_id" in body)
    return has_title and ("alert_transition" in body or is_event or sum(mark in body for mark in MARKS) >= 2)


def read(record: Record) -> Iterator[Item]:
    body = record.body
    title = text(body, next((key for key in TITLES if key in body), TITLES[0]), record.place)[:MAX_TITLE]
    tellings = [telling for key in TRANSITION if (telling := words(body, key))]  # $ALERT_STATUS may be a sentence
    told = next((telling for telling in tellings if telling.lower() in STATES), tellings[0] if tellings else "")
    if title.startswith("$") or told.startswith("$"):
        yield ignored(record, "datadog", "an unfilled template", f"{told or title} stands where a value should")
        return
    written, _ = _state_and_scope(BRACKETS.match(title))
    word = told.lower() or written
    if not word:
        yield ignored(record, "datadog", f"event {title}", "it tells no transition")
        return
    if word not in STATES:
        raise MalformedSignal(f"{record.place}alert_transition: {word[:40]!a} is none that Datadog has")
    state = STATES[word]
    if state is None:
        yield ignored(record, "datadog", f"event {title}", f"{word} is no transition of a monitor")
        return
    monitor, scope = words(body, *MONITOR), words(body, *SCOPE) or _state_and_scope(BRACKETS.search(title))[1]
    name = f"monitor {monitor}" if monitor else _without_state(title) or title  # its title may tell today's figure
    tags = pairs(body.get("tags"))
    priority = words(body, "alert_priority", "priority", "severity")
    yield build.signal(
        record,
        source="datadog",
        source_id=words(body, "id", "event_id") and f"{words(body, 'id', 'event_id')}@{word}",
        name=name,
        identity=build.joined(monitor or name, scope),
        state=state,
        title=title,
        reason=words(body, "body", "text_only_msg", "event_msg", "message"),
        severity=by_word("datadog", "priority", f"p{priority}" if priority.isdigit() else priority),
        fired_at=body.get("date") or body.get("last_updated"),
        resource=build.resource_ref(
            name=words(body, "hostname", "alert_scope", "scopes") or tags.get("host") or name,
            service=tags.get("service", ""),
            account=tags.get("aws_account", ""),
            region=tags.get("region", ""),
        ),
        tags=tags,
        links=[body.get("link"), body.get("url"), body.get("snapshot")],
    )


SOURCE = Source("datadog", recognises, read)


def _state_and_scope(brackets: re.Match[str] | None) -> tuple[str, str]:
    """Of "[Triggered on {host:a}]" its state, in lower case, and its scope."""
    state, _, scope = brackets[1].partition(" on ") if brackets else ("", "", "")
    return (state.strip().lower(), scope.strip()) if STATE.fullmatch(state) else ("", "")


def _without_state(title: str) -> str:
    """ "[Prod] CPU is high" keeps its brackets: they tell it from another."""
    return BRACKETS.sub(lambda found: "" if _state_and_scope(found)[0] in STATES else found[0], title).strip()
