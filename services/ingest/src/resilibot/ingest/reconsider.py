"""reconsider: what was held back is looked at again when what held it back is over. No new signal is needed. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.signal import Signal
from resilibot.ingest.admit import Door, fold_doorstep
from resilibot.ingest.attach import DoorState, Related, fold_signals, on_incident, open_incident, quiet_for_s
from resilibot.ingest.homes import home_of, relate
from resilibot.ingest.joined import Held, Joined, MovedOn, incident_id_of
from resilibot.ingest.ports import Ports
from resilibot.ingest.silences import SILENCES, fold_silences, silenced_stream
from resilibot.runtime.event_store.loading import Loading
from resilibot.runtime.folds import case_folds
from resilibot.runtime.service import After, Decision, On, Trigger

Why = Literal["silence_over", "flapping"]


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> Held:
    """Walks to the home and to the related incident as the decision will, only to learn which streams that takes."""
    assert ports.history is not None  # noqa: S101  every composition gives one
    current, cases = Loading(ports.history.load), case_folds()
    name = trigger.recorded.stream
    events = current[name].events
    known = fold_signals(events).incident_id
    if known:
        home_of(name.partition("#")[2], known, current, cases)
    for signal in fold_doorstep(events).waiting.values():
        relate(signal, trigger.now, current, ports.topology, cases)
    return Held(ports.policy, ports.settings.quiet_period_s, ports.topology, tuple(current), incident_id_of(trigger))


def joins(case: IncidentCase, trigger: Trigger, facts: Held) -> list[str]:
    return [trigger.recorded.stream, SILENCES, *facts.streams]


def timer(recorded: RecordedEvent, ports: Any) -> list[After]:
    """A signal at which flapping was seen is looked at again after its window."""
    received = recorded.event
    if not isinstance(received, e.SignalReceivedV1) or received.reconsider_after_s is None:
        return []
    return [After("reconsider", received.reconsider_after_s)]


def unsilenced(case: IncidentCase, trigger: Trigger, facts: Held) -> Decision:
    """The silence is over: what still fires opens, unless another silence covers it. Raises MovedOn."""
    again = _Again(trigger, facts)
    if not again.state.door.doorstep.waiting:
        return []
    return again.let_in("silence_over", f"silence {_silence_id(trigger)} is over")


def flapped(case: IncidentCase, trigger: Trigger, facts: Held) -> Decision:
    """A window has passed: tell the incident how things stand now, and go on if it still changes too often."""
    try:
        return _after_window(_Again(trigger, facts))
    except MovedOn:
        return [After("reconsider", 1)]  # an incident was opened this very moment: look at that one


def _after_window(again: "_Again") -> Decision:
    trigger = again.trigger
    received = trigger.event
    name = received.signal.name if isinstance(received, e.SignalReceivedV1) else ""
    door = again.state.door
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
    """The fingerprint as it stands now, folded from what was joined. Raises MovedOn, as do its methods."""

    def __init__(self, trigger: Trigger, facts: Held) -> None:
        events = trigger.joined[trigger.recorded.stream]
        history = fold_signals(events)
        self.trigger = trigger
        self.fingerprint = trigger.recorded.stream.partition("#")[2]
        self._current, self._cases = Joined(trigger.joined), case_folds()
        self._case = None
        if history.incident_id:
            self._case = home_of(self.fingerprint, history.incident_id, self._current, self._cases)
        silences = fold_silences(trigger.joined[SILENCES])
        door = Door(fold_doorstep(events), facts.policy, lambda: silences, now=trigger.now)
        self.state = DoorState(history, self._case, door, self.fingerprint, self._related)
        self._facts = facts

    def let_in(self, why: Why, reason: str) -> list[Any]:
        """What no silence covers any more opens, reopens or is attached; each silence that covers the rest learns it.

        An open incident takes all of them, else the newest opens and the others are attached.
        """
        door = self.state.door
        waiting = newest_first(door.doorstep.waiting)
        covering = {signal.name: found.id for signal in waiting if (found := door.silence_of(signal)) is not None}
        uncovered = [signal for signal in waiting if signal.name not in covering]
        silences = list(dict.fromkeys(covering.values()))
        applied = [
            On(silenced_stream(name), e.SilenceAppliedV1(silence_id=name, fingerprint=self.fingerprint))
            for name in silences
            if name not in door.doorstep.silences
        ]
        if not uncovered:
            covered = f"silence {', '.join(silences)} covers it"
            return [self.record(why, "silenced", covered, silences=silences), *applied]
        disposition, begun, others = "attached", list[On](), uncovered
        if self.state.open_id is None:  # else another alarm of the same resource opened it meanwhile
            disposition, begun = self._open(uncovered[0], reason)
            others = uncovered[1:]
        attached = [self._attach(signal, "new_kind") for signal in others]
        names = [signal.name for signal in uncovered]
        recorded = self.record(why, disposition, reason, let_in=names, silences=silences)
        return [recorded, *begun, *attached, *applied]

    def _open(self, signal: Signal, reason: str) -> tuple[str, list[On]]:
        disposition, _, events = open_incident(
            self.state,
            signal,
            self.state.door.arrive(signal),
            self.fingerprint,
            self._facts.new_incident_id,
            quiet_for_s(self.state, self.trigger.now, self._facts.quiet_period_s),
            now=self.trigger.now,
            admission=reason,
        )
        return "attached" if disposition == "correlated" else disposition, events

    def tell(self, name: str) -> list[Any]:
        """The open incident hears the alarm's state, if it knows another one."""
        signal = self.state.door.doorstep.states[name]
        is_firing = signal.state == "ALARM"
        if bool(self.state.firing.get(name)) == is_firing:
            return [self.record("flapping", "nothing")]
        if is_firing:
            recorded = self.record("flapping", "attached", let_in=[name])
            return [recorded, self._attach(signal, "state_change")]
        cleared = e.SignalClearedV1(
            signal_name=name, fingerprint=self.fingerprint, cleared_at=signal.fired_at, reason=signal.reason
        )
        return [self.record("flapping", "cleared"), on_incident(self.state, cleared)]

    def _related(self, signal: Signal) -> Related | None:
        return relate(signal, self.trigger.now, self._current, self._facts.topology, self._cases)

    def is_told_flapping(self, name: str) -> bool:
        return self._case is not None and name in self._case.flapping

    def record(
        self, why: Why, disposition: str, reason: str = "", *, let_in: Sequence[str] = (), silences: Sequence[str] = ()
    ) -> On:
        event = e.SignalReconsideredV1.model_validate(
            {
                "why": why,
                "disposition": disposition,
                "incident_id": self.state.open_id,
                "reason": reason,
                "let_in": list(let_in),
                "silences": list(silences),
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
