"""bus: the queues of the derived topology, in memory: visibility, receive counts, dead letters; and what gets lost."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.bus.message import encode
from resilibot.runtime.bus.topology import QueueSpec
from resilibot.runtime.clock import Clock
from tests.simulation.adversary import Adversary

VISIBILITY_S = 30.0
RETRY_CAP_S = 10.0
DELAYS_S = (0.5, 5, 60, 400)


@dataclass
class Message:
    id: str
    body: str
    group: str
    visible_at: datetime
    receives: int = 0

    def record(self) -> dict[str, Any]:
        """As Lambda gets it from SQS."""
        attributes = {"MessageGroupId": self.group, "ApproximateReceiveCount": str(self.receives)}
        return {"messageId": self.id, "body": self.body, "attributes": attributes}


@dataclass
class Queue:
    """FIFO per group as long as the adversary lets it: the design may not rely on order."""

    spec: QueueSpec
    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)

    def ready(self, now: datetime) -> list[Message]:
        """Visible messages whose group has nothing before them."""
        blocked: set[str] = set()
        ready = []
        for message in self.messages:
            if message.visible_at > now:
                blocked.add(message.group)
            elif message.group not in blocked:
                ready.append(message)
        return ready

    def visible(self, now: datetime) -> list[Message]:
        return [message for message in self.messages if message.visible_at <= now]

    def receive(self, messages: list[Message], now: datetime) -> None:
        for message in messages:
            message.receives += 1
            message.visible_at = now + timedelta(seconds=VISIBILITY_S)

    def settle(self, messages: list[Message], failed: set[str], now: datetime) -> None:
        """Acknowledge what was done; the rest comes again, or is buried after too many receives."""
        for message in messages:
            if message not in self.messages:
                continue  # another worker had it too, and was faster
            if message.id not in failed:
                self.messages.remove(message)
            elif message.receives >= self.spec.max_receives:
                self.messages.remove(message)
                self.dead.append(message)
            else:
                message.visible_at = now + timedelta(seconds=min(2 ** (message.receives - 1), RETRY_CAP_S))

    def redrive(self, now: datetime) -> int:
        """What `resilibot dlq redrive` does. Returns the number of messages."""
        for message in self.dead:
            message.receives, message.visible_at = 0, now
        moved = len(self.dead)
        self.messages += self.dead
        self.dead = []
        return moved


@dataclass
class Bus:
    """Delivers to every queue that subscribes. `lost` is what a sweep has to repeat."""

    queues: dict[str, Queue]
    clock: Clock
    adversary: Adversary
    lost: list[tuple[str, str, str]] = field(default_factory=list)  # queue, body, group
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def publish(self, event: RecordedEvent) -> None:
        body = encode(event)
        for queue in self.queues.values():
            policy = queue.spec.filter_policy
            if policy is not None and event.type in policy["type"]:
                self.send(queue.spec.name, body, event.stream, event.type.partition(".")[0])

    def send(self, name: str, body: str, group: str, what: str) -> None:
        place = f"{name} {what}"
        if self.adversary.strikes("lose", place):
            self.lost.append((name, body, group))
            return
        self._put(name, body, group, place)
        if self.adversary.strikes("duplicate", place):
            self._put(name, body, group, place)

    def sweep(self) -> None:
        """Repeat what was lost (it may get lost again)."""
        lost, self.lost = self.lost, []
        for name, body, group in lost:
            self.send(name, body, group, "swept")

    def _put(self, name: str, body: str, group: str, place: str) -> None:
        delay_s = 0.0
        if self.adversary.strikes("delay", place):
            delay_s = DELAYS_S[self.adversary.pick(f"delay {place}", len(DELAYS_S))]
        visible_at = self.clock.now() + timedelta(seconds=delay_s)
        message_group = f"{group} late {delay_s}" if delay_s else group  # a late one holds back nobody
        self.queues[name].messages.append(Message(f"m{next(self._numbers)}", body, message_group, visible_at))
