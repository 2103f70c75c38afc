"""states: the usual words for how an alert stands, in ours. Pure and declarative.

A word stands alone ("Firing"), with a level ("ResolvedCritical"), with what it is about ("alert.fired") or at the end
of a change ("OK -> CRITICAL"). One that is not here has no state: who acknowledges, escalates or comments neither
raises nor ends an alarm.
"""

import re
from collections.abc import Callable, Iterable

from resilibot.contracts.signal import SignalState

CERTAIN = frozenset(("firing", "alerting"))  # only who raises alarms says so
LEVELS = frozenset(
    ("critical", "crit", "error", "fatal", "emergency", "disaster", "severe", "major", "minor", "warning", "warn")
)
RUNNING = frozenset(
    ("open", "opened", "reopened", "active", "activated", "ongoing", "raised", "new", "started", "investigating")
)
BROKEN = frozenset(
    ("down", "failing", "failed", "failure", "unhealthy", "degraded", "offline", "unreachable", "outage")
)
ENDED = frozenset(
    (
        *("resolved", "resolve", "recovered", "recovery", "restored", "fixed", "solved", "cleared", "clear", "closed"),
        *("close", "ended", "inactive", "deactivated"),
    )
)
WORDS: dict[str, SignalState] = {
    **dict.fromkeys((*CERTAIN, "fired", "triggered", "trigger", "retriggered", "alarm", "alert", "problem"), "ALARM"),
    **dict.fromkeys((*LEVELS, *RUNNING, *BROKEN, "anomalous", "breached", "violated", "unresolved"), "ALARM"),
    **dict.fromkeys(("identified", "not responding", "in alarm"), "ALARM"),
    **dict.fromkeys(
        (*ENDED, "ok", "up", "normal", "healthy", "online", "passing", "passed", "operational", "improved"), "OK"
    ),
}
QUIET = frozenset(  # of somebody who works on it, or tries the line
    (
        *("acknowledged", "acknowledge", "acknowledgement", "ack", "assigned", "reassigned", "escalated", "snoozed"),
        *("muted", "silenced", "suppressed", "updated", "annotated", "test", "ping", "paused", "maintenance"),
    )
)
SUBJECTS = frozenset(("alert", "alarm", "incident", "problem"))
WATCHERS = frozenset(("monitor", "check"))  # created and closed by people, too: not by what they see
SEEN = {word: WORDS[word] for word in (*BROKEN, "up", "online", "recovered", "recovery", "healthy", "passing")}
ALONE = frozenset((*CERTAIN, *SUBJECTS, "triggered", "resolved", "recovery", "recovered", "down", "up"))
PARTS = re.compile(r"[\s._:/-]+|(?<=[a-z])(?=[A-Z])")
CHANGE = re.compile(r".*(?:->|=>|[\u2192\u21d2\u279c\u27f6\u00bb>]|(?:\b|_)to(?:\b|_))", re.IGNORECASE)
BEFORE = re.compile(r"(?:<[-=]|\u2190|\(|\b(?:was|from)\b).*", re.IGNORECASE)  # "CRITICAL (was OK)"
MAX_WORD = 60  # characters; what is longer is prose


def state_of(word: str) -> SignalState | None:
    """Of a word that stands where a state is expected."""
    parts = _parts(word)
    return WORDS.get(" ".join(parts)) or _together((part for part in parts if part not in SUBJECTS), WORDS.get)


def state_of_event(kind: str) -> SignalState | None:
    """Of the name of an event ("incident_resolved"): it must say that it is about an alert."""
    parts = _parts(kind)
    if len(parts) == 1:
        return WORDS.get(parts[0]) if parts[0] in ALONE or CHANGE.match(kind) else None
    if any(part in WATCHERS for part in parts):
        return _together((part for part in parts if part not in WATCHERS), SEEN.get)
    is_told = any(part in SUBJECTS for part in parts)
    return _together((part for part in parts if part not in SUBJECTS), _happened) if is_told else None


def is_quiet(word: str) -> bool:
    return not QUIET.isdisjoint(_parts(word))


def is_ended(word: str) -> bool:
    """Over, in a word that only an alert's end has: whatever answers a call is "ok" as well."""
    return state_of(word) == "OK" and not ENDED.isdisjoint(_parts(word))


def is_trouble(word: str) -> bool:
    """It fires, in a word that is not said of anything that runs, nor a mere name of its kind."""
    return state_of(word) == "ALARM" and not (RUNNING | SUBJECTS).issuperset(_parts(word))


def is_trouble_of_event(kind: str) -> bool:
    return state_of_event(kind) == "ALARM" and len(_parts(kind)) > 1


def is_about_an_alert(kind: str) -> bool:
    """The name of an event says so, and how the alert stands: what carries it needs no other mark."""
    parts = _parts(kind)
    return len(parts) > 1 and not SUBJECTS.isdisjoint(parts) and state_of_event(kind) is not None


def _happened(part: str) -> SignalState | None:
    return "ALARM" if part == "created" else WORDS.get(part)


def _together(parts: Iterable[str], meaning: Callable[[str], SignalState | None]) -> SignalState | None:
    """Several words are one state if each is known: "not ok" is nothing anybody knows.

    The last one counts ("ok/critical", "recovery failed"); only a level changes nothing in what is over ("resolved
    critical").
    """
    told = [(part, meaning(part)) for part in parts]
    if not told or None in (state for _, state in told):
        return None
    if any(part in ENDED for part, _ in told):
        told = [(part, state) for part, state in told if part not in LEVELS]
    return told[-1][1]


def _parts(word: str) -> list[str]:
    if len(word) > MAX_WORD:
        return []
    parts = PARTS.split(BEFORE.sub("", CHANGE.sub("", word)))
    return [part.lower() for part in parts if any(character.isalnum() for character in part)]  # no picture
