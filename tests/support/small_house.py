"""SmallHouse: some real services over one in-memory store, stepped by hand: what one writes, the others hear.

No queue, no adversary (tests/simulation has both): each event is delivered once, in order, until nothing is left.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent, format_time
from resilibot.ingest.intake import Intake
from resilibot.runtime.bus.message import decode, encode
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.consumer import Consumer
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.service import Service
from resilibot.runtime.testing import NOON
from resilibot.runtime.timers import InMemoryTimers
from resilibot.runtime.writer import Writer


@dataclass
class SmallHouse:
    """`services`: (SERVICE, ports). `redeliver`: how often each message comes."""

    services: Sequence[tuple[Service, Any]]
    store: InMemoryEventStore = field(default_factory=InMemoryEventStore)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    redeliver: int = 1

    def __post_init__(self) -> None:
        self.timers = InMemoryTimers()
        self.timers.timers = self.store.timers  # the store's own transactions set timers too
        self.writers = {
            s.name: Writer(self.store, s, self.clock, ports=p, pause=lambda _: None) for s, p in self.services
        }
        self._consumers = [(s, Consumer(s, p, self.writers[s.name], self.timers)) for s, p in self.services]
        self._heard: dict[str, int] = {}

    # the door

    def alarm(
        self,
        name: str = "orders-errors",
        state: str = "ALARM",
        *,
        service: str = "orders",
        message_id: str = "",
        fired_s_ago: float = 0,
        is_pumped: bool = True,
    ) -> str:
        """One CloudWatch notification through the real intake, and all that follows. Returns the message id."""
        message_id = message_id or f"{name}-{state}-{format_time(self.clock.now())}-{len(self._heard)}-{self._count()}"
        message = {
            "AlarmName": name,
            "NewStateValue": state,
            "NewStateReason": "threshold crossed",
            "StateChangeTime": format_time(self.clock.now() - timedelta(seconds=fired_s_ago)),
            "AWSAccountId": "000000000000",
            "Region": "eu-west-1",
            "Trigger": {
                "Namespace": "Shop",
                "MetricName": "Errors",
                "Statistic": "AVERAGE",
                "Period": 60,
                "Threshold": 5.0,
                "ComparisonOperator": "GreaterThanThreshold",
                "Dimensions": [{"name": "Service", "value": service}],
            },
        }
        body = json.dumps({"Type": "Notification", "MessageId": message_id, "Message": json.dumps(message)})
        ports = next(p for s, p in self.services if s.name == "ingest")
        record = {"messageId": "m", "body": body, "attributes": {}}
        for _ in range(self.redeliver):
            answer = Intake(ports, self.writers["ingest"]).handle({"Records": [record]})
            assert answer["batchItemFailures"] == []
        if is_pumped:
            self.pump()
        return message_id

    # time and messages

    def pump(self) -> None:
        """Deliver everything until nothing new is written."""
        while True:
            new = [
                event
                for head in list(self.store.heads())
                for event in self.store.load(head.stream, after=self._heard.get(head.stream, 0)).events
            ]
            if not new:
                return
            for event in sorted(new, key=lambda event: (event.envelope.recorded_at, event.stream, event.version)):
                self._heard[event.stream] = max(self._heard.get(event.stream, 0), event.version)
                self._deliver(event)

    def _deliver(self, event: RecordedEvent) -> None:
        message: Any = decode(encode(event))
        for service, consumer in self._consumers:
            if event.type in service.subscribes():
                for _ in range(self.redeliver):
                    _retried(lambda consumer=consumer: consumer.on_event(message))

    def advance(self, seconds: float) -> None:
        """Time passes; each timer fires when it is due."""
        until = self.clock.now() + timedelta(seconds=seconds)
        while True:
            due = min(self.timers.timers.values(), key=lambda timer: (timer.due_at, timer.id), default=None)
            if due is None or due.due_at > until:
                break
            self._move_to(due.due_at)
            del self.timers.timers[due.id]
            for service, consumer in self._consumers:
                if service.name == due.owner:
                    for _ in range(self.redeliver):
                        consumer.on_timer(due)
            self.pump()
        self._move_to(until)

    def _move_to(self, at: datetime) -> None:
        self.clock.advance(max((at - self.clock.now()).total_seconds(), 0.0))

    # what came of it

    def events(self, kind: type[DomainEvent] | None = None, stream: str = "") -> list[Any]:
        """Events by time (and in order within their stream), of one class, of streams that begin so."""
        found = [r for h in self.store.heads() if h.stream.startswith(stream) for r in self.store.load(h.stream).events]
        told = [r.event for r in sorted(found, key=lambda r: (r.envelope.recorded_at, r.stream, r.version))]
        return [event for event in told if kind is None or isinstance(event, kind)]

    def cases(self) -> list[IncidentCase]:
        """Every incident, oldest first."""
        streams = sorted(head.stream for head in self.store.heads() if head.category == "incident")
        cases = [fold(stream.partition("#")[2], self.store.load(stream).events) for stream in streams]
        return sorted(cases, key=lambda case: case.opened_at or NOON)

    def _count(self) -> int:
        return sum(head.version for head in self.store.heads())


def _retried(handle: Callable[[], None]) -> None:
    """What fails and may be tried again is delivered again, as by the queue."""
    for _ in range(4):
        try:
            return handle()
        except Exception as error:
            if not getattr(error, "retryable", False):
                raise
    return handle()
