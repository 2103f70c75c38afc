"""reconsider: what was held back is looked at again when what held it back is over. No new signal is needed. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ulid import ULID

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.door_policy import DoorPolicy
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.signal import Signal
from resilibot.ingest.admit import Door, fold_doorstep
from resilibot.ingest.attach import DoorState, Related, fold_signals, on_incident, open_incident, quiet_for_s
from resilibot.ingest.homes import home_of, relate
from resilibot.ingest.ports import Ports
from resilibot.ingest.silences import SILENCES, fold_silences, silenced_stream
from resilibot.runtime.event_store.loading import Loading
from resilibot.runtime.folds import Folds
from resilibot.runtime.service import After, Decision, On, Trigger

Why = Literal["silence_over", "flapping"]


@dataclass(frozen=True)
class Held:
    """The facts: the policy; the incident that the fingerprint came to last (None: none yet), and the one it belongs
    to now, after merges and splits; the open incident that what waits is related to.
    """

    policy: DoorPolicy
    quiet_period_s: float
    incident_id: str | None
    home_id: str | None
    related: Related | None
    new_incident_id: str


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> Held:
    assert ports.history is not None  # noqa: S101  every composition gives one
    current, folds = Loading(ports.history), Folds()
    name = trigger.recorded.stream
    events = current[name].events
    known = fold_signals(events).incident_id
    home = home_of(name.partition("#")[2], known, current, folds) if known else None
    waiting = newest_first(fold_doorstep(events).waiting)
    related = relate(waiting[0], trigger.now, current, ports.topology, folds) if waiting else None
    home_id = home.incident_id if home else None
    return Held(ports.policy, ports.settings.quiet_period_s, known, home_id, related, _incident_id(trigger))


def joins(case: IncidentCase, trigger: Trigger, facts: Held) -> list[str]:
    incidents = [facts.home_id, facts.related.incident_id if facts.related else None]
    known = dict.fromkeys(stream_id("incident", incident_id) for incident_id in incidents if incident_id)
    return [trigger.recorded.stream, SILENCES, *known]


def timer(recorded: RecordedEvent, ports: Any) -> list[After]:
    """A signal at which flapping was seen is looked at again after its window."""
    received = recorded.event
    if not isinstance(received, e.SignalReceivedV1) or received.reconsider_after_s is None:
        return []
    return [After("reconsider", received.reconsider_after_s)]


def unsilenced(case: IncidentCase, trigger: Trigger, facts: Held) -> Decision:
    """The silence is over: what still fires opens, unless another silence covers it."""
    again = _Again(trigger, facts)
    if again.is_stale or not again.state.door.doorstep.waiting:
        return []
    return again.let_in("silence_over", f"silence {_silence_id(trigger)} is over")


def flapped(case: IncidentCase, trigger: Trigger, facts: Held) -> Decision:
    """A window has passed: tell the incident how things stand now, and go on if it still changes too often."""
    again = _Again(trigger, facts)
    received = trigger.event
    name = received.signal.name if isinstance(received, e.SignalReceivedV1) else ""
    door = again.state.door
    if again.is_stale:
        return [After("reconsider", 1)]  # an incident was opened this very moment: look at that one
    if name not in door.doorstep.flapping:
        return []
    flapping = door.arrive(door.doorstep.states[name]).ruling.flapping
    goes_on = door.doorstep.changes_of(name, trigger.now, flapping.within_s) >= flapping.changes
    decided: list[Any]
    if again.state.open_id is not None:
        decided = again.tell(name)
    elif name in door.doorstep.waiting:
        decided = again.let_in("flapping", "it was flapping, and fires still")
    else:
        decided = [again.record("flapping", "nothing")]
    recorded = decided[0].event.model_copy(update={"is_flapping": goes_on, "signal_name": name})
    decided[0] = On(decided[0].stream, recorded)
    if goes_on:
        return [*decided, After("reconsider", flapping.within_s)]
    if again.state.open_id is not None and again.is_told_flapping(name):
        ended = e.FlappingEndedV1(fingerprint=again.fingerprint, signal_name=name)
        decided.append(on_incident(again.state, ended))
    return decided


class _Again:
    """The fingerprint as it stands now, folded from what was joined."""

    def __init__(self, trigger: Trigger, facts: Held) -> None:
        events = trigger.joined[trigger.recorded.stream]
        history = fold_signals(events)
        self.fingerprint = trigger.recorded.stream.partition("#")[2]
        self.is_stale = history.incident_id != facts.incident_id
        self._case = None
        if facts.home_id and not self.is_stale:
            self._case = fold(facts.home_id, trigger.joined[stream_id("incident", facts.home_id)])
            self.is_stale = self._case.home_of(self.fingerprint) is not None  # it was moved this very moment
        silences = fold_silences(trigger.joined[SILENCES])
        door = Door(fold_doorstep(events), facts.policy, lambda: silences, now=trigger.now)
        self.state = DoorState(history, self._case, door, self.fingerprint, self._related)
        self._trigger = trigger
        self._now = trigger.now
        self._facts = facts

    def let_in(self, why: Why, reason: str) -> list[Any]:
        """Open or reopen with the newest that waits, attach the rest; or say which silence covers it now."""
        state, door = self.state, self.state.door
        if state.open_id is not None:  # another alarm of the same resource opened it meanwhile
            uncovered = [s for s in door.doorstep.waiting.values() if door.silence_of(s) is None]
            joined = [self._attach(signal, "new_kind") for signal in uncovered]
            return [self.record(why, "attached", reason), *joined] if joined else []
        first, *others = newest_first(door.doorstep.waiting)
        covering = door.silence_of(first)
        if covering is not None:
            recorded = self.record(why, "silenced", f"silence {covering.id} covers it", covering.id)
            if covering.id in door.doorstep.silences:
                return [recorded]
            applied = e.SilenceAppliedV1(silence_id=covering.id, fingerprint=self.fingerprint)
            return [recorded, On(silenced_stream(covering.id), applied)]
        quiet_for = quiet_for_s(state, self._now, self._facts.quiet_period_s)
        disposition, _, opened = open_incident(
            state,
            first,
            door.arrive(first),
            self.fingerprint,
            self._facts.new_incident_id,
            quiet_for,
            now=self._now,
            admission=reason,
        )
        attached = [self._attach(signal, "new_kind") for signal in others if door.silence_of(signal) is None]
        return [
            self.record(why, "attached" if disposition == "correlated" else disposition, reason),
            *opened,
            *attached,
        ]

    def tell(self, name: str) -> list[Any]:
        """The open incident hears the alarm's state, if it knows another one."""
        signal = self.state.door.doorstep.states[name]
        is_firing = signal.state == "ALARM"
        if bool(self.state.firing.get(name)) == is_firing:
            return [self.record("flapping", "nothing")]
        if is_firing:
            return [self.record("flapping", "attached"), self._attach(signal, "state_change")]
        cleared = e.SignalClearedV1(
            signal_name=name, fingerprint=self.fingerprint, cleared_at=signal.fired_at, reason=signal.reason
        )
        return [self.record("flapping", "cleared"), on_incident(self.state, cleared)]

    def _related(self, signal: Signal) -> Related | None:
        """As it was found before, if that incident is open still."""
        related = self._facts.related
        if related is None:
            return None
        case = fold(related.incident_id, self._trigger.joined[stream_id("incident", related.incident_id)])
        return None if case.is_over else related

    def is_told_flapping(self, name: str) -> bool:
        return self._case is not None and name in self._case.flapping

    def record(self, why: Why, disposition: str, reason: str = "", silence_id: str | None = None) -> On:
        event = e.SignalReconsideredV1.model_validate(
            {
                "why": why,
                "disposition": disposition,
                "incident_id": self.state.open_id,
                "reason": reason,
                "silence_id": silence_id,
            }
        )
        return On(stream_id("signal", self.fingerprint), event)

    def _attach(self, signal: Signal, why: Literal["new_kind", "state_change"]) -> On:
        attached = e.SignalAttachedV1(
            signal=signal, fingerprint=self.fingerprint, why=why, occurrences=max(self.state.occurrences, 1)
        )
        return on_incident(self.state, attached)


def newest_first(waiting: Mapping[str, Signal]) -> list[Signal]:
    return sorted(waiting.values(), key=lambda signal: signal.fired_at, reverse=True)


def _silence_id(trigger: Trigger) -> str:
    return trigger.event.silence_id if isinstance(trigger.event, e.SignalUnsilencedV1) else "?"


def _incident_id(trigger: Trigger) -> str:
    """A ULID that repeats when the reaction is tried again: of the time it was due, and of the trigger."""
    at: datetime = trigger.timer.due_at if trigger.timer else trigger.recorded.envelope.recorded_at
    milliseconds = int(at.timestamp() * 1000)
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + hashlib.sha256(trigger.id.encode()).digest()[:10]))
