"""attach: what to do with signals of one fingerprint: open, attach, count, clear, reopen or ignore. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.signal import Signal
from resilibot.ingest.correlate import group_streams, grouped
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


@dataclass(frozen=True)
class Related:
    """The open incident that a signal belongs to, by which relation, and why, in words."""

    incident_id: str
    relation: e.Relation
    reason: str


Relate = Callable[[Signal], Related | None]


def fold_signals(events: Sequence[RecordedEvent]) -> SignalHistory:
    history = SignalHistory()
    seen = set()
    for recorded in events:
        event = recorded.readable
        if isinstance(event, e.SignalReceivedV1):
            seen.add(event.signal.source_id)
            if event.incident_id:
                history = replace(
                    history,
                    incident_id=event.incident_id,
                    occurrences=event.occurrence,
                    is_released=history.is_released
                    and event.incident_id == history.incident_id  # people may have moved it to another
                    and event.disposition not in ("opened", "reopened", "correlated"),
                )
        elif isinstance(event, e.SignalReleasedV1) and event.incident_id == history.incident_id:
            history = replace(history, is_released=True, released_why=event.why, released_at=event.released_at)
    return replace(history, seen=frozenset(seen))


def decide_signals(
    history: SignalHistory,
    case: IncidentCase | None,
    signals: Sequence[Signal],
    *,
    fingerprint: str,
    new_incident_id: str,
    now: datetime,
    quiet_period_s: float,
    relate: Relate = lambda signal: None,
) -> list[On]:
    """Events for the signal stream, the incident it belongs to and its group, in one commit.

    `case` is the incident named by `history`, or the one to which people moved the fingerprint since (None if there is
    none). `relate` is asked when an incident would open. A source id seen before is skipped: a redelivery changes
    nothing. Each signal is decided upon what those before it in the batch did.
    """
    decided: list[On] = []
    state = _State(history, case, fingerprint)
    for signal in signals:
        if signal.source_id in state.seen:
            continue
        decided += _decide_one(state, signal, fingerprint, new_incident_id, now, quiet_period_s, relate)
    return decided


class _State:
    """What is known while a batch is decided: the history, and which alarms of the open incident are firing."""

    def __init__(self, history: SignalHistory, case: IncidentCase | None, fingerprint: str) -> None:
        self.history = history
        self.case = case
        self.seen = set(history.seen)
        # the incident itself says whether it is live: a release may come late, after it was reopened
        is_live = case is not None and case.exists and not case.is_over
        self.open_id = case.incident_id if case and is_live else None
        self.occurrences = history.occurrences
        own = [s for s in case.signals.values() if s.fingerprint == fingerprint] if case and self.open_id else []
        self.firing = {s.signal.name: s.is_firing for s in own}


def _decide_one(
    state: _State,
    signal: Signal,
    fingerprint: str,
    new_incident_id: str,
    now: datetime,
    quiet_period_s: float,
    relate: Relate,
) -> list[On]:
    state.seen.add(signal.source_id)
    if signal.state != "ALARM":
        return _cleared(state, signal, fingerprint)
    if state.open_id is not None:
        return _attached(state, signal, fingerprint)
    quiet_for = _quiet_for(state, now, quiet_period_s)
    state.occurrences = 1
    state.firing = {signal.name: True}
    if quiet_for is not None and state.case is not None:
        state.open_id = state.case.incident_id
        quiet_for_s = round(quiet_for.total_seconds(), 3)
        reopened = e.IncidentReopenedV1(signal=signal, fingerprint=fingerprint, quiet_for_s=quiet_for_s)
        return [
            _received(state, signal, fingerprint, "reopened"),
            _on_incident(state, reopened),
            *_in_group(state, signal, fingerprint, now, "reopened"),
        ]
    related = relate(signal)
    if related is not None:
        return _correlated(state, signal, fingerprint, now, related)
    state.open_id = new_incident_id
    opened = e.IncidentOpenedV1(
        title=signal.title,
        severity=signal.severity,
        severity_rule=signal.severity_rule,
        source=signal.source,
        resource=signal.resource,
        fingerprint=fingerprint,
        signal=signal,
    )
    return [
        _received(state, signal, fingerprint, "opened"),
        _on_incident(state, opened),
        *_in_group(state, signal, fingerprint, now, "opened"),
    ]


def _correlated(state: _State, signal: Signal, fingerprint: str, now: datetime, related: Related) -> list[On]:
    """The signal joins an open incident: no second one, and no second investigation."""
    state.open_id = related.incident_id
    attached = e.SignalAttachedV1(
        signal=signal, fingerprint=fingerprint, why="correlated", occurrences=1, reason=related.reason
    )
    return [
        _received(state, signal, fingerprint, "correlated", related.reason),
        _on_incident(state, attached),
        *_in_group(state, signal, fingerprint, now, related.relation, related.reason),
    ]


def _in_group(
    state: _State, signal: Signal, fingerprint: str, now: datetime, basis: e.Basis, reason: str = ""
) -> list[On]:
    member = grouped(signal, fingerprint, str(state.open_id), basis, reason)
    return [On(stream, member) for stream in group_streams(signal, now)]


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


def _quiet_for(state: _State, now: datetime, quiet_period_s: float) -> timedelta | None:
    """Time since the resolution when it is within the quiet period, else None: then a new incident opens."""
    case = state.case
    if case is None or case.resolved_at is None or case.closed_at is not None:
        return None
    quiet_for = now - case.resolved_at
    return quiet_for if quiet_for <= timedelta(seconds=quiet_period_s) else None


def _is_round(count: int) -> bool:
    """10, 100, 1000 ..."""
    return count >= 10 and str(count).strip("0") == "1"
