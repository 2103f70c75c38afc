"""run: one simulated history: the whole house over one store, stepped until nothing is left to happen."""

import contextlib
import hashlib
import json
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ulid import ULID

from resilibot.act.approve import AnswerRefused
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import format_time
from resilibot.ingest.regroup import RegroupRefused
from resilibot.runtime.bus.topology import INTAKE, Topology
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import StoreError
from resilibot.runtime.folds import case_folds
from resilibot.runtime.testing import NOON
from resilibot.runtime.timers import tick
from tests.simulation import people
from tests.simulation.adversary import Adversary
from tests.simulation.bus import Bus, Message, Queue
from tests.simulation.house import KEY, SERVICES, House
from tests.simulation.process import Crashed, Process
from tests.simulation.scenario import Alarm, Quiet, Scenario, Workload, draw
from tests.simulation.stores import Journal, SimTimers
from tests.simulation.world import NAMESPACE, THRESHOLD, World

MAX_STEPS = 6000
SWEEP_S = 60.0
BATCH = 3


@dataclass(order=True)
class Due:
    """Something of the outside world that happens at a time."""

    at: datetime
    number: int
    do: Callable[[], None]


class Run:
    """`suppressed`: faults that shall not happen, by key; `only`: those that shall, and no others."""

    def __init__(self, seed: int, suppressed: Collection[str] = (), only: Collection[str] | None = None) -> None:
        self.scenario: Scenario = draw(seed)
        self.clock = ManualClock(NOON)
        self.adversary = Adversary(seed, self.scenario.intensity, self.clock.now, suppressed, only)
        self.world = World(self.scenario.workloads, NOON, self.clock)
        self.store = InMemoryEventStore()
        self.timers = SimTimers(self.store.timers)
        self.journal = Journal()
        self.read_models: dict[str, tuple[int, Any]] = {}
        specs = Topology(SERVICES).queues
        self.bus = Bus({spec.name: Queue(spec) for spec in specs}, self.clock, self.adversary)
        self._cases = case_folds()
        self._random = random.Random(f"ids {seed}")
        self._agenda: list[Due] = []
        self._published: dict[str, int] = {}
        self._seen_writes = 0
        self._asked = 0
        self._depth = 0
        self._handling: list[tuple[str, list[Message]]] = []
        self.steps = 0
        self.is_at_rest = False
        self.house = House(self)
        for workload in self.scenario.workloads:
            for alarm in workload.alarms:
                self._at(NOON + timedelta(seconds=alarm.at_s), partial(self._alarm, workload, alarm))
        for quiet in self.scenario.silences:
            self._at(NOON + timedelta(seconds=quiet.at_s), partial(self._silence, quiet))
        if self.scenario.closes_at_s is not None:
            self._at(NOON + timedelta(seconds=self.scenario.closes_at_s), self._close_all)

        for at_s in self.scenario.regroups_at_s:
            self._at(NOON + timedelta(seconds=at_s), self._regroup)

    def play(self) -> "Run":
        """Until it is at rest, or has taken so many steps that it never will be."""
        while True:
            while self.steps < MAX_STEPS and self.step():
                pass
            if self.steps >= MAX_STEPS:
                return self
            self.adversary.quiet = True  # at last an operator redrives the dead letters, in peace
            if not sum(queue.redrive(self.clock.now()) for queue in self.bus.queues.values()):
                self.is_at_rest = True
                return self
            if self.steps > MAX_STEPS // 2:
                return self

    def new_id(self, at: datetime) -> str:
        milliseconds = int(at.timestamp() * 1000)
        return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + self._random.randbytes(10)))

    def process(self, name: str) -> Process:
        skew = timedelta(seconds=self.scenario.skew_s.get(name, 0.0))
        return Process(name, self.clock, skew, self.adversary, self)

    def step(self, until: datetime | None = None) -> bool:
        """One thing happens, or time moves on to the next. False: there is none (up to `until`)."""
        self.steps += 1
        now = self.clock.now()
        choices = self._choices(now)
        if choices:
            choices[self.adversary.pick("next", len(choices))]()
            self.clock.advance(0.02)
            self._notice()
            return True
        later = self._next_time(now)
        if later is None or (until is not None and later > until):
            return False
        self.clock.advance((later - now).total_seconds())
        return True

    # what one process meets of the others

    def switch(self) -> None:
        if self._depth == 0:
            self._nested(lambda: self.step(self.clock.now()))

    def race(self) -> None:
        if self._depth == 0 and self._handling:
            name, messages = self._handling[-1]
            self._nested(lambda: self._handle(name, messages))

    def elapse(self, seconds: float) -> None:
        until = self.clock.now() + timedelta(seconds=seconds)
        if self._depth == 0:
            self._nested(lambda: self._run_until(until))
        left = (until - self.clock.now()).total_seconds()
        if left > 0:
            self.clock.advance(left)

    def _run_until(self, until: datetime) -> None:
        while self.clock.now() < until and self.steps < MAX_STEPS and self.step(until):
            pass

    def _nested(self, do: Callable[[], object]) -> None:
        self._depth += 1
        try:
            do()
        finally:
            self._depth -= 1

    # what may happen next

    def _choices(self, now: datetime) -> list[Callable[[], None]]:
        choices: list[Callable[[], None]] = []
        for name, queue in self.bus.queues.items():
            if queue.messages and queue.ready(now):
                choices.append(partial(self._deliver, name))
        if any(head.version > self._published.get(head.stream, 0) for head in self.store.heads()):
            choices.append(self._relay)
        if any(timer.due_at <= self.house.ticker.now() for timer in self.timers.timers.values()):
            choices.append(self._tick)
        if self._agenda and self._agenda[0].at <= now:
            choices.append(self._outside)
        return choices

    def _next_time(self, now: datetime) -> datetime | None:
        times = [m.visible_at for q in self.bus.queues.values() for m in q.messages if m.visible_at > now]
        times += [timer.due_at - self.house.ticker.skew for timer in self.timers.timers.values()]
        times += [due.at for due in self._agenda[:1]]
        return min(times, default=None)

    def _deliver(self, name: str) -> None:
        queue, now = self.bus.queues[name], self.clock.now()
        ready = queue.ready(now)
        if self.adversary.strikes("reorder", name):
            ready = queue.visible(now)
            ready = ready[self.adversary.pick(f"message of {name}", len(ready)) :]
        batch = ready[: 1 + self.adversary.pick(f"batch of {name}", BATCH)]
        queue.receive(batch, now)
        self._handle(name, batch)

    def _handle(self, name: str, batch: list[Message]) -> None:
        """Give a batch to a worker. A crash acknowledges nothing."""
        self._handling.append((name, batch))
        try:
            answer = self.house.worker(name, self._depth)({"Records": [message.record() for message in batch]})
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
            self.house.processes[name].boundary("before ack")
        except Crashed:
            self.house.restart(name, self._depth)
            failed = {message.id for message in batch}
        finally:
            self._handling.pop()
        self.bus.queues[name].settle(batch, failed, self.clock.now())
        self._watch_lost()

    def _relay(self) -> None:
        """Publish what is new, stream by stream; a crash before the cursor publishes it again."""
        relay = self.house.relay
        try:
            for head in self.store.heads():
                published = self._published.get(head.stream, 0)
                for event in self.store.load(head.stream, after=published).events:
                    relay.boundary("mid-publish")
                    self.bus.publish(event)
                if head.version > published:
                    relay.boundary("before cursor")
                    self._published[head.stream] = max(head.version, self._published.get(head.stream, 0))
        except Crashed:
            pass
        self._watch_lost()

    def _tick(self) -> None:
        urls = {name: name for name in self.bus.queues}
        table: Any = self.house.tick_table
        with contextlib.suppress(Crashed):
            tick(table, self.house.sqs, urls, self.house.ticker.now())
        self._watch_lost()

    # the outside world

    def _outside(self) -> None:
        self._agenda.pop(0).do()

    def _at(self, at: datetime, do: Callable[[], None]) -> None:
        self._agenda.append(Due(at, len(self._agenda) + self.steps * 1000, do))
        self._agenda.sort(key=lambda due: (due.at, due.number))

    def _watch_lost(self) -> None:
        if self.bus.lost and not any(due.do == self._sweep for due in self._agenda):
            self._at(self.clock.now() + timedelta(seconds=SWEEP_S), self._sweep)

    def _sweep(self) -> None:
        self.bus.sweep()
        self._watch_lost()

    def _alarm(self, workload: Workload, alarm: Alarm) -> None:
        """CloudWatch tells SNS, which tells the intake queue. The alarm's sender tries until SNS has it."""
        message = {
            "AlarmName": alarm.name,
            "NewStateValue": alarm.state,
            "NewStateReason": "threshold crossed",
            "StateChangeTime": format_time(self.clock.now()),
            "AWSAccountId": "000000000000",
            "Region": "eu-west-1",
            "Trigger": {
                "Namespace": NAMESPACE,
                "MetricName": "ErrorRate",
                "Statistic": "AVERAGE",
                "Period": 20,
                "Threshold": THRESHOLD,
                "ComparisonOperator": "GreaterThanThreshold",
                "Dimensions": [{"name": "Service", "value": workload.name}],
            },
        }
        body = {"Type": "Notification", "MessageId": alarm.source_id, "Message": json.dumps(message)}
        self.bus.send(INTAKE, json.dumps(body), alarm.source_id, alarm.state)
        self._watch_lost()

    def _notice(self) -> None:
        """People see what was asked of them."""
        new = self.journal.written[self._seen_writes :]
        self._seen_writes = len(self.journal.written)
        for event in (event for written in new for append in written.appends for event in append.events):
            if event.type != "ApprovalRequested.v1":
                continue
            persona = self.scenario.personas[self._asked % len(self.scenario.personas)]
            for given in people.answers(persona, self.scenario.seed, self._asked):
                at = self.clock.now() + timedelta(seconds=given.after_s)
                self._at(at, partial(self._answer, event, given))
            self._asked += 1

    def _answer(self, asked: RecordedEvent, given: people.Answer) -> None:
        with contextlib.suppress(AnswerRefused, StoreError, Crashed):  # told so, or heard nothing; nobody asks twice
            people.give(self.house.writers["act"], self.house.rogue, KEY, asked, given)

    def _silence(self, quiet: Quiet) -> None:
        """A person starts it, and perhaps ends it; whoever hears no answer does not try again."""
        writer = self.house.writers["ingest"]
        with contextlib.suppress(StoreError, Crashed):
            started = people.silence(writer, quiet, self.clock.now())
            if quiet.ends_at_s is not None:
                at = max(NOON + timedelta(seconds=quiet.ends_at_s), self.clock.now())
                self._at(at, partial(self._end_silence, started))

    def _end_silence(self, silence_id: str) -> None:
        with contextlib.suppress(StoreError, Crashed):
            people.end_silence(self.house.writers["ingest"], silence_id)

    def _close_all(self) -> None:
        for stream in self.incidents():
            with contextlib.suppress(StoreError, Crashed):
                people.close(self.house.writers["ingest"], stream)

    def _regroup(self) -> None:
        cases = [self.case(stream) for stream in self.incidents()]
        with contextlib.suppress(RegroupRefused, StoreError, Crashed):
            people.regroup(self.house.writers["ingest"], cases, self.adversary.pick)

    # what came of it

    def incidents(self) -> list[str]:
        return sorted(head.stream for head in self.store.heads() if head.category == "incident")

    def events(self, stream: str) -> tuple[RecordedEvent, ...]:
        return self.store.load(stream).events

    def all_events(self) -> list[RecordedEvent]:
        return [event for head in self.store.heads() for event in self.events(head.stream)]

    def case(self, stream: str) -> IncidentCase:
        return self._cases.fold(self.store.load(stream))

    def digest(self) -> str:
        """A hash of every stored byte: equal digests, equal histories."""
        digest = hashlib.sha256()
        for written in self.journal.written:
            for append in written.appends:
                for event in append.events:
                    digest.update(event.hash.encode())
        return digest.hexdigest()[:32]
