"""attach: what to do with signals of one fingerprint: open, attach, count, clear, reopen or ignore. Pure.

The sender's `fired_at` orders an alarm's states, not their delivery: what is older than the last known state of the
same alarm changes nothing in an open incident. An ALARM for which none is open opens one, however late it comes: no
alarm goes unseen. Of two states of one moment (some senders tell whole seconds) delivery decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.signal import Signal
from resilibot.ingest.admit import Arrival, Door, Verdict, asks_auto_approval
from resilibot.ingest.correlate import group_streams, grouped
from resilibot.ingest.silences import silenced_stream
from resilibot.runtime.service import On


@dataclass(frozen=True)
class SignalHistory:
    """The fold of a signal stream. `incident_id` is the last incident of this fingerprint, open or released."""

    incident_id: str | None = None
    is_released: bool = True
    released_why: str = ""
    released_at: datetime | None = None
    occurrences: int = 0  # of the current incident
    seen: frozenset[str] = frozenset()  # source ids
    latest: Mapping[str, "Moment"] = field(default_factory=dict)  # the last state of each alarm, by its name


@dataclass(frozen=True)
class Related:
    """The open incident that a signal belongs to, by which relation, and why, in words."""

    incident_id: str
    relation: e.Relation
    reason: str


Relate = Callable[[Signal], Related | None]


Moment = tuple[datetime, bool]  # when it fired, and whether it was ALARM


def fold_signals(events: Sequence[RecordedEvent], history: SignalHistory | None = None) -> SignalHistory:
    """The history after these events; `history` is that of the events before them, if there are any."""
    history = history or SignalHistory()
    seen: set[str] = set()
    latest = dict(history.latest)
    for recorded in events:
        event = recorded.readable
        if isinstance(event, e.SignalReceivedV1):
            seen.add(event.signal.source_id)
            _note(latest, event.signal)
            if event.incident_id:
                history = replace(
                    history,
                    incident_id=event.incident_id,
                    occurrences=event.occurrence,
                    is_released=history.is_released
                    and event.incident_id == history.incident_id  # people may have moved it to another
                    and event.disposition not in ("opened", "reopened", "correlated"),
                )
        elif isinstance(event, e.SignalIgnoredV1):
            seen.add(event.source_id)
        elif isinstance(event, e.SignalReconsideredV1) and event.disposition in ("opened", "reopened", "attached"):
            history = replace(history, incident_id=event.incident_id, occurrences=1, is_released=False)
        elif isinstance(event, e.SignalReleasedV1) and event.incident_id == history.incident_id:
            history = replace(history, is_released=True, released_why=event.why, released_at=event.released_at)
    return replace(history, seen=history.seen | seen, latest=latest)


def decide_signals(
    history: SignalHistory,
    case: IncidentCase | None,
    signals: Sequence[Signal],
    *,
    fingerprint: str,
    new_incident_id: str,
    now: datetime,
    quiet_period_s: float,
    door: Door | None = None,
    relate: Relate = lambda signal: None,
) -> list[On]:
    """Events for the signal stream, the incident it belongs to and its group, in one commit.

    `door` admits what would open an incident; without one everything is let in by the built-in policy.

    `case` is the incident named by `history`, or the one to which people moved the fingerprint since (None if there is
    none). `relate` is asked when an incident would open. A source id seen before is skipped: a redelivery changes
    nothing. Each signal is decided upon what those that fired before it did.
    """
    decided: list[On] = []
    state = _State(history, case, door or Door(now=now), fingerprint, relate)
    for signal in sorted(signals, key=lambda signal: signal.fired_at):
        if signal.source_id in state.seen or signal.source_id in history.seen:
            continue
        decided += _decide_one(state, signal, fingerprint, new_incident_id, now, quiet_period_s)
    return decided


class _State:
    """What is known while a batch is decided: the history, and which alarms of the open incident are firing."""

    def __init__(
        self,
        history: SignalHistory,
        case: IncidentCase | None,
        door: Door,
        fingerprint: str,
        relate: Relate = lambda signal: None,
    ) -> None:
        self.door = door
        self.relate = relate
        self.history = history
        self.case = case
        self.seen: set[str] = set()  # in this batch
        self.latest = dict(history.latest)
        # the incident itself says whether it is live: a release may come late, after it was reopened
        is_live = case is not None and case.exists and not case.is_over
        self.open_id = case.incident_id if case and is_live else None
        self.occurrences = history.occurrences
        own = [s for s in case.signals.values() if s.fingerprint == fingerprint] if case and self.open_id else []
        self.firing = {s.signal.name: s.is_firing for s in own}


def _decide_one(
    state: _State, signal: Signal, fingerprint: str, new_incident_id: str, now: datetime, quiet_period_s: float
) -> list[On]:
    state.seen.add(signal.source_id)
    arrival = state.door.arrive(signal)
    latest = state.latest.get(signal.name)
    is_late = latest is not None and latest[0] > signal.fired_at and latest[1] != (signal.state == "ALARM")
    if not is_late:
        _note(state.latest, signal)
    if is_late and (signal.state != "ALARM" or state.open_id is not None):
        later = "OK" if signal.state == "ALARM" else "ALARM"
        decided = _ignored(state, signal, fingerprint, f"{signal.state} came late: a later {later} is known")
    elif arrival.was_flapping and _is_news(state, signal):
        decided = [_held(state, signal, fingerprint, state.door.hold_flapping(arrival))]
    elif signal.state != "ALARM":
        decided = _cleared(state, signal, fingerprint)
    elif state.open_id is not None:
        decided = _attached(state, signal, fingerprint)
    else:
        decided = _admitted(state, signal, arrival, fingerprint, new_incident_id, now, quiet_period_s)
    return _noted(state, arrival, fingerprint, decided)


def _admitted(
    state: _State,
    signal: Signal,
    arrival: Arrival,
    fingerprint: str,
    new_incident_id: str,
    now: datetime,
    quiet_period_s: float,
) -> list[On]:
    """A firing signal with nothing open: it opens, reopens, or is held back with a reason."""
    quiet_for = quiet_for_s(state, now, quiet_period_s)
    verdict = state.door.admit(signal, arrival, is_reopening=quiet_for is not None)
    if verdict.disposition != "open":
        held = _held(state, signal, fingerprint, verdict)
        if verdict.is_new_to_silence and verdict.silence_id:
            applied = e.SilenceAppliedV1(silence_id=verdict.silence_id, fingerprint=fingerprint)
            return [held, On(silenced_stream(verdict.silence_id), applied)]
        return [held]
    disposition, reason, events = open_incident(
        state, signal, arrival, fingerprint, new_incident_id, quiet_for, now=now, admission=verdict.reason
    )
    return [_received(state, signal, fingerprint, disposition, reason), *events]


def open_incident(
    state: _State,
    signal: Signal,
    arrival: Arrival,
    fingerprint: str,
    new_incident_id: str,
    quiet_for: float | None,
    *,
    now: datetime,
    admission: str,
) -> tuple[str, str, list[On]]:
    """What was admitted opens an incident, reopens the last one, or joins an open one that it belongs to.

    Returns the disposition, the reason where it joins, and the events beside the signal's own.

    `quiet_for`: seconds since the last one was resolved; None: too long ago, or there is none.
    """
    ruling = arrival.ruling
    investigation = state.door.investigation(ruling)
    state.occurrences = 1
    state.firing = {signal.name: True}
    if quiet_for is not None and state.case is not None:
        state.open_id = state.case.incident_id
        reopened = e.IncidentReopenedV1(
            signal=signal, fingerprint=fingerprint, quiet_for_s=round(quiet_for, 3), investigation=investigation
        )
        return "reopened", "", [_on_incident(state, reopened), *_in_group(state, signal, fingerprint, now, "reopened")]
    related = state.relate(signal)
    if related is not None:
        return "correlated", related.reason, _correlated(state, signal, fingerprint, now, related)
    state.open_id = new_incident_id
    opened = e.IncidentOpenedV1(
        title=signal.title,
        severity=ruling.severity,
        severity_rule=ruling.severity_rule,
        source=signal.source,
        resource=signal.resource,
        fingerprint=fingerprint,
        signal=signal,
        investigation=investigation,
        policy_version=state.door.policy.version,
        policy_rules=ruling.rules,
        admission=admission,
        auto_approve=asks_auto_approval(signal),
    )
    return "opened", "", [_on_incident(state, opened), *_in_group(state, signal, fingerprint, now, "opened")]


def _correlated(state: _State, signal: Signal, fingerprint: str, now: datetime, related: Related) -> list[On]:
    """The signal joins an open incident: no second one, and no second investigation."""
    state.open_id = related.incident_id
    attached = e.SignalAttachedV1(
        signal=signal, fingerprint=fingerprint, why="correlated", occurrences=1, reason=related.reason
    )
    return [
        _on_incident(state, attached),
        *_in_group(state, signal, fingerprint, now, related.relation, related.reason),
    ]


def _in_group(
    state: _State, signal: Signal, fingerprint: str, now: datetime, basis: e.Basis, reason: str = ""
) -> list[On]:
    member = grouped(signal, fingerprint, str(state.open_id), basis, reason)
    return [On(stream, member) for stream in group_streams(signal, now)]


def _is_news(state: _State, signal: Signal) -> bool:
    """The incident would be told another state than it knows; without an open one, it would be opened again."""
    if signal.state == "INSUFFICIENT_DATA":
        return False
    if state.open_id is None:
        return signal.state == "ALARM" and state.history.incident_id is not None
    return bool(state.firing.get(signal.name)) != (signal.state == "ALARM")


def _held(state: _State, signal: Signal, fingerprint: str, verdict: Verdict) -> On:
    received = e.SignalReceivedV1.model_validate(
        {
            "signal": signal,
            "disposition": verdict.disposition,
            "incident_id": state.open_id,
            "occurrence": state.occurrences + 1 if state.open_id else verdict.occurrence,
            "reason": verdict.reason,
            "held_by": verdict.held_by,
            "silence_id": verdict.silence_id,
        }
    )
    if state.open_id is not None:
        state.occurrences += 1
    return On(stream_id("signal", fingerprint), received)


def _noted(state: _State, arrival: Arrival, fingerprint: str, decided: list[On]) -> list[On]:
    """Mark the signal at which flapping is seen, tell the incident, and let the door know of the signal."""
    received = decided[0].event
    assert isinstance(received, e.SignalReceivedV1)  # noqa: S101  every branch records the signal first
    if arrival.flapping_now:
        flapping = arrival.ruling.flapping
        received = received.model_copy(update={"is_flapping": True, "reconsider_after_s": flapping.within_s})
        decided = [On(decided[0].stream, received), *decided[1:]]
        if state.open_id is not None:
            detected = e.FlappingDetectedV1(
                fingerprint=fingerprint,
                signal_name=received.signal.name,
                changes=arrival.changes,
                within_s=flapping.within_s,
                policy_version=state.door.policy.version,
            )
            decided.append(_on_incident(state, detected))
    state.door.note(received)
    return decided


def _attached(state: _State, signal: Signal, fingerprint: str) -> list[On]:
    state.occurrences += 1
    known = state.firing.get(signal.name)
    state.firing[signal.name] = True
    if known is None or known is False:
        why = "new_kind" if known is None else "state_change"
        attached = e.SignalAttachedV1(signal=signal, fingerprint=fingerprint, why=why, occurrences=state.occurrences)
        return [_received(state, signal, fingerprint, "attached"), _on_incident(state, attached)]
    received = _received(state, signal, fingerprint, "counted")
    if _is_round(state.occurrences):
        counted = e.SignalAttachedV1(signal=signal, fingerprint=fingerprint, why="count", occurrences=state.occurrences)
        return [received, _on_incident(state, counted)]
    return [received]


def _cleared(state: _State, signal: Signal, fingerprint: str) -> list[On]:
    """OK clears what is firing; INSUFFICIENT_DATA says nothing about health and clears nothing."""
    if signal.state == "OK" and state.open_id is not None and state.firing.get(signal.name):
        state.firing[signal.name] = False
        cleared = e.SignalClearedV1(
            signal_name=signal.name, fingerprint=fingerprint, cleared_at=signal.fired_at, reason=signal.reason
        )
        return [_received(state, signal, fingerprint, "cleared"), _on_incident(state, cleared)]
    reason = "no open incident has this alarm firing" if signal.state == "OK" else f"{signal.state} opens nothing"
    return _ignored(state, signal, fingerprint, reason)


def _ignored(state: _State, signal: Signal, fingerprint: str, reason: str) -> list[On]:
    received = e.SignalReceivedV1(
        signal=signal,
        disposition="ignored",
        incident_id=state.open_id,
        occurrence=max(state.occurrences, 1),
        reason=reason,
    )
    return [On(stream_id("signal", fingerprint), received)]


def _received(state: _State, signal: Signal, fingerprint: str, disposition: str, reason: str = "") -> On:
    received = e.SignalReceivedV1.model_validate(
        {
            "signal": signal,
            "disposition": disposition,
            "incident_id": state.open_id,
            "occurrence": max(state.occurrences, 1),
            "reason": reason,
        }
    )
    return On(stream_id("signal", fingerprint), received)


def _on_incident(state: _State, event: DomainEvent) -> On:
    return On(stream_id("incident", str(state.open_id)), event)


def quiet_for_s(state: _State, now: datetime, quiet_period_s: float) -> float | None:
    """Seconds since the resolution when it is within the quiet period, else None: then a new incident opens."""
    case = state.case
    if case is None or case.resolved_at is None or case.closed_at is not None:
        return None
    quiet_for = (now - case.resolved_at).total_seconds()
    return quiet_for if quiet_for <= quiet_period_s else None


def _note(latest: dict[str, Moment], signal: Signal) -> None:
    """INSUFFICIENT_DATA says nothing about health, so it is no state to be held against others."""
    known = latest.get(signal.name)
    if signal.state != "INSUFFICIENT_DATA" and (known is None or signal.fired_at >= known[0]):
        latest[signal.name] = (signal.fired_at, signal.state == "ALARM")


def _is_round(count: int) -> bool:
    """10, 100, 1000 ..."""
    return count >= 10 and str(count).strip("0") == "1"


DoorState, on_incident = _State, _on_incident  # reconsider decides with them too
