"""given / when / then on events, for the tests of any service: real fold, real reactions, in-memory store.

story(SERVICE, ports).given(opened()).when(evidence_gathered()).then(DiagnosisReachedV1(...))
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import Actor, RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Timer
from resilibot.runtime.service import After, Decision, On, Reaction, Service, Trigger
from resilibot.runtime.writer import Origin, Writer, already_reacted

INCIDENT = "01JD9Z3K6Q8V7W2X4Y5Z6A7B8C"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class Outcome:
    """What a reaction decided."""

    events: list[DomainEvent | On | After]

    def then(self, *expected: DomainEvent | On | After) -> None:
        assert self.events == list(expected)  # noqa: S101  this is a test kit


@dataclass
class Story:
    service: Service
    ports: Any
    incident_id: str = INCIDENT
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    store: InMemoryEventStore = field(default_factory=InMemoryEventStore)

    @property
    def stream(self) -> str:
        return f"incident#{self.incident_id}"

    @property
    def case(self) -> IncidentCase:
        return fold(self.incident_id, self.store.load(self.stream).events)

    def given(self, *events: DomainEvent | On, every_s: float = 1.0) -> "Story":
        """History: one commit each, `every_s` apart, written as their own emitters would."""
        for event in events:
            self._append(event)
            self.clock.advance(every_s)
        return self

    def when(self, event: DomainEvent, now: datetime | None = None) -> Outcome:
        """`event` is appended, and this service's reaction to it runs."""
        recorded = self._append(event)
        return self._react(self.service.reactions[type(event)], recorded, None, now)

    def when_due(self, kind: str, cause: DomainEvent, after_s: float = 0) -> Outcome:
        """The timer `kind` that followed from the last event equal to `cause` falls due."""
        recorded = next(e for e in reversed(self.store.load(self.stream).events) if e.event == cause)
        due_at = recorded.envelope.recorded_at + timedelta(seconds=after_s)
        timer = Timer(f"{recorded.id}:{kind}", self.service.name, kind, self.stream, recorded.id, due_at)
        return self._react(self.service.due[kind], recorded, timer, max(due_at, self.clock.now()))

    def run_effect(self, claim: DomainEvent) -> list[Decision]:
        """Run the effect of a claim, which is appended first; its outcomes are recorded as they come."""
        recorded = self._append(claim)
        effect = self.service.effects[type(claim)]
        return self._record(effect.run(self.case, recorded, self.ports))

    def recover_effect(self, claim: DomainEvent, after_s: float = 10) -> list[Decision]:
        """The lease of a claim already in the history ends."""
        recorded = next(e for e in reversed(self.store.load(self.stream).events) if e.event == claim)
        effect = self.service.effects[type(claim)]
        if effect.is_settled(self.case, recorded):
            return []
        self.clock.advance(after_s)
        return self._record(effect.recover(self.case, recorded, self.ports, self.clock.now()))

    def _record(self, outcomes: Any) -> list[Decision]:
        seen: list[Decision] = []
        for outcome in outcomes:
            for item in outcome:
                if not isinstance(item, After):
                    self._append(item)
            seen.append(list(outcome))
        return seen

    def _react(self, reaction: Reaction, recorded: RecordedEvent, timer: Timer | None, now: datetime | None) -> Outcome:
        trigger = Trigger(recorded, now or self.clock.now(), timer)
        events = self.store.load(self.stream).events
        if already_reacted(events, self.service.name, trigger.id):
            return Outcome([])
        facts = reaction.gather(self.case, trigger, self.ports) if reaction.gather else None
        joins = reaction.joined_streams(self.case, trigger, facts)
        joined = {name: self.store.load(name).events for name in joins}
        trigger = Trigger(recorded, trigger.now, timer, joined)
        return Outcome(list(reaction.decide(self.case, trigger, facts)))

    def _append(self, item: DomainEvent | On) -> RecordedEvent:
        on = item if isinstance(item, On) else On(self.stream, item)
        writer = Writer(self.store, Service(on.event.emitter), self.clock)
        origin = Origin(Actor(kind="service", id=on.event.emitter), self.incident_id)
        return writer.write([on.stream], lambda _: [on], origin)[0]


def story(service: Service, ports: Any = None, incident_id: str = INCIDENT) -> Story:
    return Story(service, ports, incident_id)


def given(*events: DomainEvent) -> Sequence[RecordedEvent]:
    """Recorded events of one incident, for tests that fold only."""
    told = story(Service("ingest"))
    told.given(*events)
    return told.store.load(told.stream).events
