"""Consumer: from a Lambda-shaped SQS batch to reactions, effects and timers of one service.

A message is a hint, the store is the truth: the stream is folded from the store, and the message only says which
event of it to look at. Everything here may run twice or at the same time elsewhere without doing anything twice:

* a reaction to event E has happened when its stream, or one that it writes to, holds an event of this service with
  causation E;
* an effect runs only in the process whose append of the claim won, and only before the claim's lease ends; a claim
  found without outcome is left to its lease timer, whose `recover` reads back what happened.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resilibot.contracts.case import IncidentCase, empty_case
from resilibot.contracts.envelope import Actor, RecordedEvent
from resilibot.runtime.bus.batch import Batch, Response, handle_each
from resilibot.runtime.bus.message import EventMessage, TimerMessage, decode
from resilibot.runtime.event_store.port import Stream, Timer
from resilibot.runtime.folds import Folds, case_folds
from resilibot.runtime.service import After, Decision, On, Reaction, Service, Trigger
from resilibot.runtime.timers import TimerStore
from resilibot.runtime.writer import Origin, Writer, already_reacted

log = logging.getLogger(__name__)


class ForgedMessage(Exception):
    """The message names an event that the store does not hold like that. Nothing is done with it."""

    code = "forged_message"


@dataclass
class Consumer:
    """Runs the SERVICE map of one service over batches from its queue."""

    service: Service
    ports: Any
    writer: Writer
    timers: TimerStore
    _cases: Folds[IncidentCase] = field(default_factory=case_folds)

    def handle(self, batch: Batch) -> Response:
        """An SQS batch as Lambda delivers it. Returns the partial-batch response."""
        return handle_each(batch, self._handle)

    def _handle(self, body: str) -> None:
        """Raises MalformedMessage, ForgedMessage, and whatever the reaction raises."""
        message = decode(body)
        if isinstance(message, TimerMessage):
            self.on_timer(message.timer)
        else:
            self.on_event(message)

    def on_event(self, message: EventMessage) -> None:
        """React to one event. Raises ForgedMessage if the store holds another event at that place."""
        if self._says_nothing(message):
            return
        stream = self.writer.store.load(message.stream)
        recorded = _at(stream, message.version)
        if recorded.hash != message.hash:
            raise ForgedMessage(f"{message.stream}:{message.version} has another hash in the store")
        if recorded.readable is None:
            log.error(
                "an event that cannot be read is skipped",
                extra={
                    "code": "unreadable_event",
                    "type": recorded.type,
                    "place": f"{message.stream}:{message.version}",
                },
            )
            return
        event_type = type(recorded.event)
        if event_type in self.service.timers and event_type not in self.service.emits:
            self.timers.schedule(self.writer.timers_for(recorded))
        reaction = self.service.reactions.get(event_type)
        if reaction:
            self._react(reaction, Trigger(recorded, self.writer.clock.now()), stream)

    def _says_nothing(self, message: EventMessage) -> bool:
        """By the message's own word no timer follows from it, and nothing else could: the store need not be asked.

        A forged one is dropped here instead of being named; either way nothing is done with it.
        """
        if message.body is None:
            return False
        try:
            said = RecordedEvent.from_body(message.prev_hash, message.body.encode())
        except ValueError:
            return False  # named when it is held against the store
        is_whole = (said.hash, said.stream, said.version) == (message.hash, message.stream, message.version)
        if not is_whole or said.readable is None:
            return False
        event_type = type(said.event)
        is_foreign_timer = event_type in self.service.timers and event_type not in self.service.emits
        return is_foreign_timer and event_type not in self.service.reactions and not self.writer.timers_for(said)

    def on_timer(self, timer: Timer) -> None:
        """A timer of this service fell due: a lease goes to recover, any other kind to its reaction."""
        stream = self.writer.store.load(timer.stream)
        cause = next((event for event in stream.events if event.id == timer.cause), None)
        if cause is None:
            raise ForgedMessage(f"timer {timer.id}: {timer.stream} holds no event {timer.cause}")
        if timer.kind == "lease":
            if type(cause.readable) not in self.service.effects:
                raise ForgedMessage(f"timer {timer.id}: {cause.type} is no claim of {self.service.name}")
            self._recover(timer, cause, stream)
        elif timer.kind in self.service.due:
            self._react(self.service.due[timer.kind], Trigger(cause, self.writer.clock.now(), timer), stream)
        else:
            log.warning("timer of an unknown kind", extra={"timer": timer.id, "kind": timer.kind})

    def _react(self, reaction: Reaction, trigger: Trigger, stream: Stream) -> None:
        if already_reacted(stream.events, self.service.name, trigger.id):
            return
        case = self._case(stream)
        facts = reaction.gather(case, trigger, self.ports) if reaction.gather else None
        joins = reaction.joined_streams(case, trigger, facts)

        def decide(streams: Mapping[str, Stream]) -> Sequence[On]:
            own = streams[stream.id]
            later.clear()
            if any(already_reacted(s.events, self.service.name, trigger.id) for s in streams.values()):
                return []
            joined = {name: streams[name].events for name in joins}
            at_now = Trigger(trigger.recorded, self.writer.clock.now(), trigger.timer, joined)
            decided = reaction.decide(self._case(own), at_now, facts)
            later.extend(item for item in decided if isinstance(item, After))
            return _placed(decided, stream.id)

        def again() -> list[Timer]:
            timer = trigger.timer
            return [self.writer.again(trigger.recorded, timer, trigger.now, a.seconds) for a in later] if timer else []

        later: list[After] = []
        known = {stream.id: stream}
        wanted = list(dict.fromkeys([stream.id, *joins]))
        # with the events: whoever dies in between finds them when it comes back, and would set no timer
        appended = self.writer.write(wanted, decide, self._origin(trigger), loaded=known, timers=again)
        known = _extended(known, appended)
        if not appended and (wanted_again := again()):
            self.timers.schedule(wanted_again)
        for claim in appended:
            if type(claim.event) in self.service.effects:
                self._run(claim, known)

    def _run(self, claim: RecordedEvent, known: dict[str, Stream]) -> None:
        if self.writer.lease_is_over(claim):  # this process stood still: recover() has the claim now
            log.warning("a claim is left to its lease", extra={"stream": claim.stream, "claim": claim.id})
            return
        if claim.stream not in known:
            known = {**known, claim.stream: self.writer.store.load(claim.stream)}
        effect = self.service.effects[type(claim.event)]
        self._record_outcomes(claim, effect.run(self._case(known[claim.stream]), claim, self.ports), known)

    def _recover(self, timer: Timer, claim: RecordedEvent, stream: Stream) -> None:
        effect = self.service.effects[type(claim.event)]
        case = self._case(stream)
        if effect.is_settled(case, claim):
            return
        now = self.writer.clock.now()
        log.info("recovering a claim without outcome", extra={"stream": stream.id, "claim": claim.id})
        known = self._record_outcomes(claim, effect.recover(case, claim, self.ports, now), {stream.id: stream})
        latest = known.get(stream.id) or self.writer.store.load(stream.id)
        if not effect.is_settled(self._case(latest), claim):
            lease_s: float = getattr(claim.event, "lease_s")  # noqa: B009  every claim has one, see service tests
            self.timers.schedule([self.writer.again(claim, timer, now, lease_s)])

    def _record_outcomes(
        self, claim: RecordedEvent, outcomes: Iterable[Decision], known: dict[str, Stream]
    ) -> dict[str, Stream]:
        """Append each outcome as it comes, unless one is there already.

        `known` streams save a load: an append upon one that has moved on conflicts, and is decided anew.
        """
        effect = self.service.effects[type(claim.event)]
        origin = Origin(_service_actor(self.service), claim.envelope.correlation_id, claim.id)
        for outcome in outcomes:
            placed = _placed(outcome, claim.stream)
            names = list(dict.fromkeys([claim.stream, *(on.stream for on in placed)]))

            def decide(streams: Mapping[str, Stream], placed: Sequence[On] = placed) -> Sequence[On]:
                return [] if effect.is_settled(self._case(streams[claim.stream]), claim) else placed

            known = _extended(known, self.writer.write(names, decide, origin, loaded=known))
        return known

    def _case(self, stream: Stream) -> IncidentCase:
        """Of an incident's stream; an empty one for other categories."""
        category, _, key = stream.id.partition("#")
        return self._cases.fold(stream) if category == "incident" else empty_case(key)

    def _origin(self, trigger: Trigger) -> Origin:
        envelope = trigger.recorded.envelope
        actor = Actor(kind="timer", id=trigger.timer.kind) if trigger.timer else _service_actor(self.service)
        # what follows from a stream that is no incident's may touch an incident: then it is correlated with that one
        correlation_id = envelope.correlation_id if envelope.stream.startswith("incident#") else None
        return Origin(actor, correlation_id, trigger.id, traceparent=envelope.traceparent)


def _service_actor(service: Service) -> Actor:
    return Actor(kind="service", id=service.name)


def _extended(known: Mapping[str, Stream], appended: Sequence[RecordedEvent]) -> dict[str, Stream]:
    """`known` with what was appended; a stream that others wrote to in between is forgotten."""
    extended = dict(known)
    for event in appended:
        stream = extended.get(event.stream)
        if stream is None:
            continue
        if event.version == stream.version + 1:
            extended[event.stream] = Stream.of(stream.id, (*stream.events, event))
        else:
            del extended[event.stream]
    return extended


def _placed(decision: Decision, stream: str) -> list[On]:
    events = [item for item in decision if not isinstance(item, After)]
    return [item if isinstance(item, On) else On(stream, item) for item in events]


def _at(stream: Stream, version: int) -> RecordedEvent:
    if not 1 <= version <= len(stream.events):
        raise ForgedMessage(f"{stream.id}:{version} is not in the store (it ends at {stream.version})")
    return stream.events[version - 1]
