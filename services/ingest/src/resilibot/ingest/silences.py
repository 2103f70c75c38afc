"""silences: what holds signals back for a while, and how they are let in when it ends. Pure.

`control#silences` says which silences there are. `control#silenced-<id>` lists the fingerprints that one held back:
whoever is held back for the first time is added in the transaction of its signal, and nothing can be added once the
silence has ended, since its end stands there too. So no fingerprint is forgotten, however close they race.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.matching import SilenceMatcher
from resilibot.contracts.signal import Signal
from resilibot.runtime.service import After, Decision, On, Trigger

SILENCES = stream_id("control", "silences")
AT_ONCE = 20  # fingerprints let in by one commit: a DynamoDB transaction holds 100 items, a stream takes two


@dataclass(frozen=True)
class Silence:
    id: str
    matcher: SilenceMatcher
    starts_at: datetime
    ends_at: datetime
    is_ended: bool = False

    def is_active(self, now: datetime) -> bool:
        return not self.is_ended and self.starts_at <= now < self.ends_at


def silenced_stream(silence_id: str) -> str:
    return stream_id("control", f"silenced-{silence_id}")


def fold_silences(events: Sequence[RecordedEvent]) -> dict[str, Silence]:
    """Every silence by id, in the order of their coming."""
    silences: dict[str, Silence] = {}
    for recorded in events:
        event = recorded.readable
        if isinstance(event, e.SilenceStartedV1):
            silences[event.silence_id] = Silence(event.silence_id, event.matcher, event.starts_at, event.ends_at)
        elif isinstance(event, e.SilenceEndedV1) and event.silence_id in silences:
            silences[event.silence_id] = replace(silences[event.silence_id], is_ended=True)
    return silences


def silence_of(silences: dict[str, Silence], signal: Signal, now: datetime) -> Silence | None:
    """The silence that holds the signal back now: of several the one that lasts longest."""
    fitting = [s for s in silences.values() if s.is_active(now) and s.matcher.fits(signal)]
    return max(fitting, key=lambda silence: silence.ends_at, default=None)


def end(silence_id: str, why: str) -> list[On]:
    """The end on both streams, in one commit."""
    ended = e.SilenceEndedV1.model_validate({"silence_id": silence_id, "why": why})
    return [On(SILENCES, ended), On(silenced_stream(silence_id), ended)]


def end_timer(recorded: RecordedEvent, ports: Any) -> list[After]:
    started = recorded.event
    assert isinstance(started, e.SilenceStartedV1)  # noqa: S101  the map gives no other
    return [After("silence_end", max((started.ends_at - recorded.envelope.recorded_at).total_seconds(), 0.0))]


def end_joins(case: IncidentCase, trigger: Trigger) -> list[str]:
    started = trigger.event
    return [SILENCES, silenced_stream(started.silence_id)] if isinstance(started, e.SilenceStartedV1) else []


def expire(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """The time is over: end it, unless a person has."""
    started = trigger.event
    if not isinstance(started, e.SilenceStartedV1):
        return []
    silence = fold_silences(trigger.joined[SILENCES])[started.silence_id]
    return [] if silence.is_ended else end(silence.id, "expired")


def lift_joins(case: IncidentCase, trigger: Trigger) -> list[str]:
    return [trigger.recorded.stream]


def lift(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """Tell the next fingerprints that the silence is over; that this was done causes the ones after them."""
    stream = trigger.recorded.stream
    event = trigger.event
    if stream == SILENCES or not isinstance(event, e.SilenceEndedV1 | e.SilenceLiftedV1):
        return []
    waiting: dict[str, None] = {}
    for recorded in trigger.joined[stream]:
        if isinstance(recorded.event, e.SilenceAppliedV1):
            waiting[recorded.event.fingerprint] = None
        elif isinstance(recorded.event, e.SilenceLiftedV1):
            for fingerprint in recorded.event.fingerprints:
                waiting.pop(fingerprint, None)
    batch = list(waiting)[:AT_ONCE]
    if not batch:
        return []
    told = e.SignalUnsilencedV1(silence_id=event.silence_id)
    lifted = e.SilenceLiftedV1(silence_id=event.silence_id, fingerprints=batch)
    return [lifted, *(On(stream_id("signal", fingerprint), told) for fingerprint in batch)]
