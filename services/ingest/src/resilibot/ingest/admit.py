"""admit: may this signal open an incident now? Silences, thresholds and flapping, by the owner's policy. Pure.

Whatever is not admitted is recorded on its signal stream all the same, with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from resilibot.contracts import events as e
from resilibot.contracts.door_policy import DEFAULT, DoorPolicy, Ruling, rule_on
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent, format_time
from resilibot.contracts.signal import Signal
from resilibot.ingest.silences import Silence, silence_of

KEEP = 1000  # times remembered per alarm: the largest count that a policy may name


@dataclass(frozen=True)
class Doorstep:
    """What a signal stream says about those who were not let in. All by the alarm's name, times of coming in."""

    states: Mapping[str, Signal] = field(default_factory=dict)  # the last signal that was ALARM or OK
    waiting: Mapping[str, Signal] = field(default_factory=dict)  # firing, held back by a silence or by flapping
    outside: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)  # firing signals that opened nothing
    changes: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)  # of state
    flapping: frozenset[str] = frozenset()
    silences: frozenset[str] = frozenset()  # that held this fingerprint back at some time

    def after(self, event: DomainEvent | None, at: datetime) -> "Doorstep":
        """One event later."""
        if isinstance(event, e.SignalReceivedV1):
            return self._received(event, at)
        if not isinstance(event, e.SignalReconsideredV1):
            return self
        flapping = self.flapping
        if event.why == "flapping" and event.signal_name and not event.is_flapping:
            flapping = flapping - {event.signal_name}
        silences = self.silences | set(event.silences)
        outside = {} if event.disposition in ("opened", "reopened") else self.outside
        waiting = {name: signal for name, signal in self.waiting.items() if name not in event.let_in}
        return replace(self, flapping=flapping, waiting=waiting, outside=outside, silences=silences)

    def _received(self, event: e.SignalReceivedV1, at: datetime) -> "Doorstep":
        signal, name = event.signal, event.signal.name
        states, changes = self.states, self.changes
        before = states.get(name)
        is_older = before is not None and before.fired_at > signal.fired_at
        if before is not None and is_older and before.state != signal.state and event.disposition == "ignored":
            return self  # it came late and says nothing of how the alarm stands
        if signal.state != "INSUFFICIENT_DATA":
            if not is_older:
                states = {**states, name: signal}
            if self._is_change(signal):
                changes = {**changes, name: (*changes.get(name, ()), at)[-KEEP:]}
        waiting, outside = dict(self.waiting), dict(self.outside)
        if signal.state != "INSUFFICIENT_DATA":
            waiting.pop(name, None)
        if event.held_by in ("silence", "flapping") and signal.state == "ALARM":
            waiting[name] = max(self.waiting.get(name, signal), signal, key=lambda one: one.fired_at)
        if event.disposition in ("silenced", "held") and signal.state == "ALARM":
            outside[name] = (*outside.get(name, ()), at)[-KEEP:]
        elif event.disposition in ("opened", "reopened"):
            outside = {}
        flapping = self.flapping | {name} if event.is_flapping else self.flapping
        silences = self.silences | {event.silence_id} if event.silence_id else self.silences
        return Doorstep(states, waiting, outside, changes, flapping, silences)

    def _is_change(self, signal: Signal) -> bool:
        """Into another state than the last known one. What fired before that one came late and changes nothing."""
        before = self.states.get(signal.name)
        if before is None or signal.state == "INSUFFICIENT_DATA":
            return False
        return before.state != signal.state and before.fired_at <= signal.fired_at

    def changes_with(self, signal: Signal, now: datetime, within_s: float) -> int:
        """Changes of the alarm's state within the window, the one that this signal is included."""
        return self.changes_of(signal.name, now, within_s) + self._is_change(signal)

    def changes_of(self, name: str, now: datetime, within_s: float) -> int:
        return _within(self.changes.get(name, ()), now, within_s)

    def is_change(self, signal: Signal) -> bool:
        return self._is_change(signal)


def fold_doorstep(events: Sequence[RecordedEvent], doorstep: Doorstep | None = None) -> Doorstep:
    """What the events say, after what was known before them."""
    doorstep = doorstep or Doorstep()
    for recorded in events:
        doorstep = doorstep.after(recorded.readable, recorded.envelope.recorded_at)
    return doorstep


@dataclass(frozen=True)
class Verdict:
    """`also`: the silence holds this fingerprint back for the first time."""

    disposition: Literal["open", "silenced", "held"]
    reason: str = ""
    held_by: Literal["silence", "threshold", "flapping"] | None = None
    silence_id: str | None = None
    occurrence: int = 1
    is_new_to_silence: bool = False


@dataclass(frozen=True)
class Arrival:
    """A signal at the door. `was_flapping`: known before it came; `flapping_now`: its own change makes it so."""

    ruling: Ruling
    changes: int
    was_flapping: bool
    flapping_now: bool


class Door:
    """Admission of one batch: each signal is judged upon what those before it did.

    `silences()` is asked only when a signal would open something.
    """

    def __init__(
        self,
        doorstep: Doorstep | None = None,
        policy: DoorPolicy = DEFAULT,
        silences: Callable[[], dict[str, Silence]] = dict,
        *,
        now: datetime,
    ) -> None:
        self.doorstep = doorstep or Doorstep()
        self.policy = policy
        self._silences = silences
        self._now = now

    def arrive(self, signal: Signal) -> Arrival:
        ruling = rule_on(self.policy, signal, auto_approve=asks_auto_approval(signal))
        changes = self.doorstep.changes_with(signal, self._now, ruling.flapping.within_s)
        was_flapping = signal.name in self.doorstep.flapping
        is_many = self.doorstep.is_change(signal) and changes >= ruling.flapping.changes
        return Arrival(ruling, changes, was_flapping, is_many and not was_flapping)

    def admit(self, signal: Signal, arrival: Arrival, *, is_reopening: bool) -> Verdict:
        """Of a firing signal with nothing open. A threshold is not asked of what was an incident a moment ago."""
        if signal.source == "manual":
            return Verdict("open")  # a person who opens one means it
        outside = self.doorstep.outside.get(signal.name, ())
        silence = self.silence_of(signal)
        if silence is not None:
            return Verdict(
                "silenced",
                reason=f"silence {silence.id} until {format_time(silence.ends_at)}",
                held_by="silence",
                silence_id=silence.id,
                is_new_to_silence=silence.id not in self.doorstep.silences,
            )
        threshold = arrival.ruling.threshold
        if threshold is None or is_reopening:
            return Verdict("open")
        count = _within(outside, self._now, threshold.within_s) + 1
        of = f"within {threshold.within_s:g} s (rule {arrival.ruling.threshold_rule})"
        if count < threshold.occurrences:
            return Verdict("held", f"{count} of {threshold.occurrences} occurrences {of}", "threshold", None, count)
        return Verdict("open", f"{count} occurrences {of}")

    def silence_of(self, signal: Signal) -> Silence | None:
        return silence_of(self._silences(), signal, self._now)

    def hold_flapping(self, arrival: Arrival) -> Verdict:
        """Of a change that the incident is not told: it is looked at once per window."""
        flapping = arrival.ruling.flapping
        reason = f"flapping: {arrival.changes} changes of state within {flapping.within_s:g} s"
        return Verdict("held", reason, "flapping")

    def note(self, event: e.SignalReceivedV1) -> None:
        self.doorstep = self.doorstep.after(event, self._now)

    def investigation(self, ruling: Ruling) -> e.Investigation:
        """How the investigation begins: a person is asked first; else it waits for room where a budget is in force."""
        if ruling.investigation == "approval":
            return "approval"
        return "queued" if self.policy.budget else "auto"


def asks_auto_approval(signal: Signal) -> bool:
    """The caller's wish, by field or label. A fact, and an input to policies: it permits nothing."""
    told = signal.tags.get("auto_approve") or ""
    return told.lower() in ("true", "1", "yes")


def _within(times: Sequence[datetime], now: datetime, within_s: float) -> int:
    since = now - timedelta(seconds=within_s)
    return sum(at > since for at in times)
