"""The watch: what is behind HEAD for too long is named, published again and counted; a look is bounded."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from resilibot.projections.ports import Ports
from resilibot.projections.project import Projector
from resilibot.runtime import watch as watch_module
from resilibot.runtime.bus.message import encode
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append, ChainBroken, Stream
from resilibot.runtime.watch import StreamWatch, StuckStream, behind
from tests.support.event_store_contract import EVENTS, append_of
from tests.support.read_models import Database, MemoryHeads, MemoryReadModels
from tests.support.story import NOON, STREAMS, recorded

INCIDENT = next(iter(STREAMS))


class AsOf(InMemoryEventStore):
    """Another store as it was at a version of each stream."""

    def __init__(self, store: InMemoryEventStore, upto: int) -> None:
        super().__init__()
        self.store, self.upto = store, upto

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        return self.store.load(stream, after=after, upto=min(self.upto, upto or self.upto))


class Bus:
    """The relay as the watch sees it: cursors, and a projector at the other end of what is published again."""

    def __init__(self, store: InMemoryEventStore, models: MemoryReadModels) -> None:
        self.store = store
        self.models = models
        self.cursors: dict[str, int] = {}
        self.sweeps: list[int] = []
        self.republished: dict[str, list[int]] = {}

    def deliver(self, stream: str, versions: Sequence[int]) -> None:
        """Messages about these versions, to a projector that sees the store as it was at the last of them."""
        events = [event for event in self.store.load(stream).events if event.version in versions]
        records = [{"messageId": event.id, "body": encode(event), "attributes": {}} for event in events]
        projector = Projector(Ports(AsOf(self.store, max(versions)), self.models))
        assert projector.handle({"Records": records}) == {"batchItemFailures": []}

    def published(self, streams: Sequence[str]) -> Mapping[str, int]:
        return {stream: version for stream, version in self.cursors.items() if stream in streams}

    def republish(self, after: Mapping[str, int], sweep: int) -> int:
        self.sweeps.append(sweep)
        for stream, version in after.items():
            versions = [event.version for event in self.store.load(stream, after=version).events]
            self.republished[stream] = versions
            self.cursors[stream] = versions[-1]
            self.deliver(stream, versions)
        return sum(map(len, self.republished.values()))


class World:
    def __init__(self, store: InMemoryEventStore | None = None) -> None:
        self.store = store or InMemoryEventStore()
        self.models = MemoryReadModels(Database())
        self.bus = Bus(self.store, self.models)
        self.clock = ManualClock(NOON)
        self.counts: list[int] = []
        heads = MemoryHeads(self.store)
        self.waiting = 0
        self.watch = StreamWatch(
            heads,
            self.store,
            self.bus,
            self.models.versions,
            self.counts.append,
            self.clock,
            backlog=lambda: self.waiting,
        )

    def append(self, stream: str, events: Sequence[Any]) -> None:
        self.store.append([append_of(self.store.load(stream), events)])
        self.bus.cursors[stream] = self.store.load(stream).version


def test_a_lost_last_message_is_healed(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.append(INCIDENT, EVENTS[:6])
    world.bus.deliver(INCIDENT, [1, 2, 3, 4, 5])  # the sixth is lost, and no seventh will show the gap
    world.clock.advance(60)
    with caplog.at_level(logging.ERROR):
        (found,) = world.watch.look(older_than_s=20)
    assert found == StuckStream(INCIDENT, 6, shown=5, published=6)
    assert world.bus.republished == {INCIDENT: [6]}
    assert world.models.version(INCIDENT) == 6
    (record,) = caplog.records
    assert (vars(record)["code"], vars(record)["stream"], vars(record)["shown"]) == ("stuck_stream", INCIDENT, 5)


def test_what_is_behind_for_a_moment_only_is_left_alone() -> None:
    world = World()
    world.append(INCIDENT, EVENTS[:6])  # recorded at seconds 1 to 6
    world.bus.deliver(INCIDENT, [1, 2, 3])
    world.clock.advance(23)
    assert world.watch.look(older_than_s=20) == []
    world.clock.advance(2)
    assert [one.lacks_after for one in world.watch.look(older_than_s=20)] == [3]


def test_what_may_wait_in_a_long_queue_is_not_published_again_before_its_time() -> None:
    world = World()
    world.append(INCIDENT, EVENTS[:6])
    world.bus.deliver(INCIDENT, [1, 2, 3])
    world.clock.advance(60)
    world.waiting = watch_module.MANY + 1
    assert world.watch.look(older_than_s=20) == []
    assert world.counts == []
    world.clock.advance(watch_module.PATIENT_S)
    assert [one.lacks_after for one in world.watch.look(older_than_s=20)] == [3], "in the end it is, queue or no queue"


def test_what_was_never_published_does_not_wait_in_any_queue() -> None:
    world = World()
    world.append(INCIDENT, EVENTS[:6])
    world.bus.deliver(INCIDENT, [1, 2, 3])
    world.bus.cursors[INCIDENT] = 3
    world.clock.advance(60)
    world.waiting = watch_module.MANY + 1
    assert [one.lacks_after for one in world.watch.look(older_than_s=20)] == [3]


def test_a_busy_stream_is_stuck_too_when_what_it_lacks_is_old() -> None:
    """Its HEAD moves all the time; the event that is missing does not grow younger."""
    world = World()
    world.append(INCIDENT, EVENTS[:3])
    late = recorded(INCIDENT, [*EVENTS[:3], EVENTS[3]])[3]
    moment = late.envelope.model_copy(update={"recorded_at": NOON + timedelta(seconds=59)})
    world.store.append([Append(INCIDENT, 3, (type(late).after(late.prev_hash, moment),))])
    world.bus.deliver(INCIDENT, [1, 2])
    world.clock.advance(60)
    assert [one.version for one in world.watch.look(older_than_s=20)] == [4]


def test_a_stream_that_nothing_shows_is_held_against_the_relays_cursor() -> None:
    world = World()
    world.append("watch#cpu", EVENTS[:2])
    world.clock.advance(60)
    assert world.watch.look(older_than_s=20) == []
    world.bus.cursors["watch#cpu"] = 1
    assert behind(list(world.store.heads()), {}, world.bus.cursors)[0].lacks_after == 1


def test_the_alarm_ends_with_one_zero() -> None:
    world = World()
    world.append(INCIDENT, EVENTS[:3])
    world.clock.advance(60)
    for _ in range(3):
        world.watch.look(older_than_s=20)
    assert world.counts == [1, 0]


def test_each_sweep_has_a_number_of_its_own_also_after_a_restart() -> None:
    numbers: list[int] = []
    for start_s in (60, 61):
        world = World()
        world.append(INCIDENT, EVENTS[:3])
        world.clock.advance(start_s)
        world.watch.look(older_than_s=20)
        numbers += world.bus.sweeps
    assert len(set(numbers)) == 2


def test_a_look_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "LOOKED_AT", 4)
    monkeypatch.setattr(watch_module, "HEALED", 3)
    world = World()
    for number in range(10):
        world.append(f"incident#{number}", EVENTS[:1])
    world.clock.advance(60)
    assert [len(world.watch.look(older_than_s=20)) for _ in range(4)] == [3, 3, 2, 1]
    assert world.watch.look(older_than_s=20) != []
    assert world.watch.look(older_than_s=20) == []


class Tampered(InMemoryEventStore):
    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        if stream == "incident#a" and after:
            raise ChainBroken(f"{stream}:{after + 1}", "altered")
        return super().load(stream, after=after, upto=upto)


def test_a_tampered_stream_is_named_and_does_not_keep_the_others_from_healing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(Tampered())
    for stream in ("incident#a", "incident#b"):
        world.append(stream, EVENTS[:4])
        world.bus.deliver(stream, [1])
    world.clock.advance(60)
    assert len(world.watch.look(older_than_s=20)) == 2
    assert world.models.version("incident#b") == 4
    assert "chain_broken" in [vars(record)["code"] for record in caplog.records]
