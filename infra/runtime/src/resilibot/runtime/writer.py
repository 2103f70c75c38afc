"""Writer: load, decide, append; again when somebody else was first. The one way in which events are written."""

import random
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ulid import ULID

from resilibot.contracts.envelope import Actor, Envelope, Producer, RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.runtime.clock import Clock
from resilibot.runtime.event_store.loading import Loading
from resilibot.runtime.event_store.port import Append, EventStore, Stream, Timer, VersionConflict
from resilibot.runtime.personal import Person, Personal
from resilibot.runtime.service import On, Service

MAX_ATTEMPTS = 20  # a busy stream conflicts often; decisions are pure and cheap, so trying again is too


@dataclass(frozen=True)
class Origin:
    """Why events are written: who acts, in answer to what.

    `correlation_id` None: the incident that the commit touches (the doors do not know it before they decide).
    """

    actor: Actor
    correlation_id: str | None = None
    causation_id: str | None = None
    command_id: str | None = None
    traceparent: str | None = None


Decide = Callable[[MutableMapping[str, Stream]], Sequence[On]]


def new_id(at: datetime) -> str:
    """A ULID: sorts by `at`, and is random beside it."""
    return str(ULID.from_datetime(at))


@dataclass
class Writer:
    """Writes for one service. `ports` are handed to the service's own timer functions.

    What names a person is sealed here, before the body is built, so that no door can forget to. `personal` None (tests
    of what does not concern it): names are written as they are.
    ids(at) makes the ids of events and incidents; the simulation gives one that repeats.
    """

    store: EventStore
    service: Service
    clock: Clock
    build: str = "dev"
    ports: Any = None
    pause: Callable[[float], None] = field(default=time.sleep)
    ids: Callable[[datetime], str] = field(default=new_id)
    personal: Personal | None = None

    def write(
        self,
        streams: Sequence[str],
        decide: Decide,
        origin: Origin,
        *,
        loaded: Mapping[str, Stream] | None = None,
        load: Callable[[str], Stream] | None = None,
        timers: Callable[[], Sequence[Timer]] = tuple,
    ) -> list[RecordedEvent]:
        """Decide over `streams` and append what comes out, in one transaction.

        decide gets every named stream and is re-run over fresh loads after a conflict. It may ask for further ones,
        which are loaded then. It may append to streams that it never asked for: they are taken for new, and loaded too
        if that proves wrong. `loaded` saves the first load; `load` stands for the store's, and may give of a stream
        its last event alone: an append needs no more. `timers()` gives further timers of the same transaction, as the
        last decision wants them. Returns the events appended, [] for none (then no timer is set either).
        Raises VersionConflict after MAX_ATTEMPTS, KeysUnavailable, and whatever the store raises.
        """
        person = self._person(origin.actor)
        if person is not None:
            origin = replace(origin, actor=Actor(kind="person", id=person.identity))
        load = load or self.store.load
        current = Loading(load, loaded or {})
        wanted = list(streams)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            for stream in wanted:
                _ = current[stream]  # all are read before any decision
            decided = decide(current)
            if not decided:
                return []
            appends = self._link(decided, current, origin, person)
            recorded = [event for append in appends for event in append.events]
            try:
                self.store.append(appends, [*self._own_timers(recorded), *timers()])
            except VersionConflict:
                if attempt == MAX_ATTEMPTS:
                    raise
                self.pause(random.uniform(0, 0.01 * min(attempt, 10)))
                current = Loading(load)
                wanted = list(dict.fromkeys([*wanted, *(on.stream for on in decided)]))
            else:
                return recorded
        raise AssertionError("unreachable")

    def identity(self, name: str) -> str:
        """What stands for a person in events: sealed, the same person by its pseudonym. Raises KeysUnavailable."""
        return self.personal.identity(name) if self.personal else name

    def _person(self, actor: Actor) -> Person | None:
        return self.personal.person(actor.id) if self.personal and actor.kind == "person" else None

    def timers_for(self, recorded: RecordedEvent) -> list[Timer]:
        """The timers of this service that follow from an event; their ids are derived, so they repeat."""
        timers = []
        rule = self.service.timers.get(type(recorded.event))
        for after in rule(recorded, self.ports) if rule else ():
            timers.append(self._timer(recorded, after.kind, after.seconds))
        if type(recorded.event) in self.service.effects:
            lease_s: float = getattr(recorded.event, "lease_s")  # noqa: B009  every claim has one, see service tests
            timers.append(self._timer(recorded, "lease", lease_s))
        return timers

    def _timer(self, recorded: RecordedEvent, kind: str, seconds: float, again: int = 0) -> Timer:
        due_at = recorded.envelope.recorded_at + timedelta(seconds=seconds)
        suffix = f":{again}" if again else ""
        return Timer(f"{recorded.id}:{kind}{suffix}", self.service.name, kind, recorded.stream, recorded.id, due_at)

    def lease_is_over(self, claim: RecordedEvent) -> bool:
        lease_s: float = getattr(claim.event, "lease_s")  # noqa: B009  every claim has one, see service tests
        return self.clock.now() >= claim.envelope.recorded_at + timedelta(seconds=lease_s)

    def again(self, recorded: RecordedEvent, fired: Timer, now: datetime, seconds: float) -> Timer:
        """The same timer once more, `seconds` from now: a lease without outcome, a watch that saw progress."""
        number = int(fired.id.rsplit(":", 1)[1]) + 1 if fired.id.count(":") == 2 else 1
        waited = (now - recorded.envelope.recorded_at).total_seconds()
        return self._timer(recorded, fired.kind, waited + seconds, number)

    def _own_timers(self, recorded: Sequence[RecordedEvent]) -> list[Timer]:
        return [
            timer for event in recorded if type(event.event) in self.service.emits for timer in self.timers_for(event)
        ]

    def _link(
        self, decided: Sequence[On], current: Mapping[str, Stream], origin: Origin, person: Person | None
    ) -> list[Append]:
        grouped: dict[str, list[DomainEvent]] = {}
        for on in decided:
            grouped.setdefault(on.stream, []).append(on.event)
        incident = next((name for name in grouped if name.startswith("incident#")), next(iter(grouped)))
        correlation_id = origin.correlation_id or incident.partition("#")[2]
        return [
            self._append(current.get(name) or Stream(name), events, origin, correlation_id, person)
            for name, events in grouped.items()
        ]

    def _append(
        self, stream: Stream, events: Sequence[DomainEvent], origin: Origin, correlation_id: str, person: Person | None
    ) -> Append:
        now = self.clock.now()
        if stream.events:  # time travel by clock needs recorded_at to rise within a stream, whatever the clocks say
            now = max(now, stream.events[-1].envelope.recorded_at)
        linked: list[RecordedEvent] = []
        prev_hash = stream.hash
        for place, event in enumerate(events, start=stream.version + 1):
            envelope = Envelope(
                id=self.ids(now),
                type=event.wire_type,
                schema_version=event.schema_version,
                stream=stream.id,
                version=place,
                occurred_at=now,
                recorded_at=now,
                correlation_id=correlation_id,
                causation_id=origin.causation_id,
                command_id=origin.command_id,
                actor=origin.actor,
                producer=Producer(service=self.service.name, build=self.build),
                data=person.seal_fields(event.payload()) if person else event.payload(),
                traceparent=origin.traceparent,
            )
            linked.append(RecordedEvent.after(prev_hash, envelope))
            prev_hash = linked[-1].hash
        return Append(stream.id, stream.version, tuple(linked))


def already_reacted(events: Sequence[RecordedEvent], service: str, causation_id: str) -> bool:
    """True if `service` has answered this cause on this stream: a repeated message then writes nothing."""
    return any(e.envelope.causation_id == causation_id and e.envelope.producer.service == service for e in events)
