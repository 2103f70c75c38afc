"""Service: the map of what a service is. Queues, filter policies, routes, timers and IAM are derived from it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.upcasts import UPCASTS
from resilibot.runtime.access import Access
from resilibot.runtime.event_store.port import Timer


@dataclass(frozen=True)
class On:
    """An event for another stream than the trigger's, committed in the same transaction."""

    stream: str
    event: DomainEvent


@dataclass(frozen=True)
class After:
    """A timer to set: `kind` is a key of Service.due, seconds are counted from the event's recorded_at.

    Returned by the reaction to a timer, it fires that timer once more, counted from now.
    """

    kind: str
    seconds: float


Decision = Sequence[DomainEvent | On | After]


@dataclass(frozen=True)
class Trigger:
    """What is reacted to, and when. `recorded` is the event (of a timer: the event it follows from)."""

    recorded: RecordedEvent
    now: datetime
    timer: Timer | None = None
    joined: Mapping[str, tuple[RecordedEvent, ...]] = field(default_factory=dict)

    @property
    def event(self) -> DomainEvent:
        return self.recorded.event

    @property
    def id(self) -> str:
        """The causation id: of the timer when one fired, else of the event."""
        return self.timer.id if self.timer else self.recorded.id


@dataclass(frozen=True)
class Reaction:
    """decide(case, trigger, facts) is pure and re-run on every version conflict; gather does the slow reads, once.

    gather(case, trigger, ports) -> facts. `joins(case, trigger)` names further streams that the decision depends on:
    they are loaded with each attempt and handed over in `trigger.joined`; events for them are returned as On(...).
    `joins_by_facts(case, trigger, facts)` names more, where what is joined hangs on settings or on what was gathered.
    """

    decide: Callable[[IncidentCase, Trigger, Any], Decision]
    gather: Callable[[IncidentCase, Trigger, Any], Any] | None = None
    joins: Callable[[IncidentCase, Trigger], Sequence[str]] | None = None
    joins_by_facts: Callable[[IncidentCase, Trigger, Any], Sequence[str]] | None = None

    def joined_streams(self, case: IncidentCase, trigger: Trigger, facts: Any) -> list[str]:
        """All that is to be joined, each once."""
        named = list(self.joins(case, trigger)) if self.joins else []
        if self.joins_by_facts:
            named += self.joins_by_facts(case, trigger, facts)
        return list(dict.fromkeys(named))


@dataclass(frozen=True)
class Effect:
    """What leaves the process after its claim won. Both are generators: each yielded Decision is one commit.

    run(case, claim, ports): called once, by the process whose append of the claim succeeded.
    recover(case, claim, ports, now): called at the end of the lease when no outcome is recorded; reads back what
    happened. It may yield nothing: then it is asked again one lease later.
    is_settled(case, claim): an outcome exists; later ones are dropped.
    """

    run: Callable[[IncidentCase, RecordedEvent, Any], Iterable[Decision]]
    recover: Callable[[IncidentCase, RecordedEvent, Any, datetime], Iterable[Decision]]
    is_settled: Callable[[IncidentCase, RecordedEvent], bool]


@dataclass(frozen=True)
class Service:
    """All that a service is. `timers` maps an event to the timers that follow from it: (recorded, ports) -> [After].

    An event in `timers` that the service emits itself is handled in the transaction of its append; any other is
    subscribed to. `needs` lists AWS calls ("cloudwatch:GetMetricData"), `routes` lists "METHOD /path" and
    who may call it.
    """

    name: str
    emits: frozenset[type[DomainEvent]] = frozenset()
    reactions: Mapping[type[DomainEvent], Reaction] = field(default_factory=dict)
    effects: Mapping[type[DomainEvent], Effect] = field(default_factory=dict)
    timers: Mapping[type[DomainEvent], Callable[[RecordedEvent, Any], Sequence[After]]] = field(default_factory=dict)
    due: Mapping[str, Reaction] = field(default_factory=dict)
    projects: frozenset[type[DomainEvent]] = frozenset()  # events a projection applies
    routes: Mapping[str, Access] = field(default_factory=dict)
    reads: tuple[str, ...] = ()  # read models that projections publish and this service may query, read only
    needs: tuple[str, ...] = ()

    def subscribes(self) -> list[str]:
        """Wire types for this service's queue: the filter policy, sorted. Older versions of an event come with it."""
        foreign_timers = {event for event in self.timers if event not in self.emits}
        wanted = set(self.reactions) | foreign_timers | set(self.projects)
        return sorted(wire_type for event in wanted for wire_type in UPCASTS.read_as(event.wire_type))
