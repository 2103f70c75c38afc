"""Signal streams in memory: loaded once, exactly once per source id all the same, and never more than allowed."""

import json
from collections import Counter
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.envelope import Actor
from resilibot.contracts.signal import Signal
from resilibot.ingest import remembered
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Stream, VersionConflict
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Writer
from tests.support.story import signal

SENDER = Actor(kind="system", id="cloudwatch")


class Counting(InMemoryEventStore):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.given: Counter[str] = Counter()  # events, by stream

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        self.loaded.append(stream)
        loaded = super().load(stream, after=after, upto=upto)
        self.given[stream] += len(loaded.events)
        return loaded

    def source_ids(self, key: str) -> list[str]:
        received = [r.event for r in super().load(f"signal#{key}").events]
        return [event.signal.source_id for event in received if isinstance(event, e.SignalReceivedV1)]


def intake(store: InMemoryEventStore) -> Intake:
    clock = ManualClock(NOON)
    ports = Ports(IngestSettings(), clock, InMemoryBlobStore())
    return Intake(ports, Writer(store, SERVICE, clock, pause=lambda s: None))


def alarms(*numbers: int) -> list[Signal]:
    return [signal(source_id=f"m-{number}") for number in numbers]


def test_a_signal_stream_is_loaded_once_however_many_batches_come() -> None:
    store = Counting()
    door = intake(store)
    for number in range(20):
        door.accept("fp", alarms(number, number + 1), SENDER)
    assert store.source_ids("fp") == [f"m-{number}" for number in range(21)]
    assert store.loaded.count("signal#fp") == 1


def test_two_doors_upon_one_stream_record_each_signal_once() -> None:
    store = Counting()
    doors = [intake(store), intake(store)]
    for number in range(12):
        doors[number % 2].accept("fp", alarms(number, number + 1, 0), SENDER)
    assert sorted(store.source_ids("fp")) == sorted(f"m-{number}" for number in range(13))


def test_what_another_door_recorded_in_between_is_not_forgotten() -> None:
    store = Counting()
    one, other = intake(store), intake(store)
    one.accept("fp", alarms(0), SENDER)
    other.accept("fp", alarms(1), SENDER)
    one.accept("fp", alarms(2), SENDER)
    one.accept("fp", alarms(1), SENDER)
    assert store.source_ids("fp") == ["m-0", "m-1", "m-2"]


def test_after_a_conflict_only_what_is_new_is_read() -> None:
    store = Counting()
    one, other = intake(store), intake(store)
    one.accept("fp", alarms(*range(40)), SENDER)
    other.accept("fp", alarms(50), SENDER)
    store.given.clear()
    one.accept("fp", alarms(50, 60), SENDER)
    assert store.source_ids("fp")[40:] == ["m-50", "m-60"]
    assert store.given["signal#fp"] == 1


def test_a_stream_that_was_cut_is_written_to_again_when_the_signal_is_redelivered() -> None:
    """Nothing new is found behind the end that is remembered, and nothing can be appended to it."""
    door = intake(Counting())
    door.accept("fp", alarms(1), SENDER)
    door.accept("fp", alarms(2), SENDER)
    cut = Counting()
    door._writer.store = cut
    for folds in (door._signals, door._cases, door._groups):
        folds._store = cut
    with pytest.raises(VersionConflict):
        door.accept("fp", alarms(3), SENDER)
    door.accept("fp", alarms(3), SENDER)
    assert cut.source_ids("fp") == ["m-3"]


def kept(door: Intake) -> list[str]:
    return [name.partition("#")[2] for name in door._signals._known]


def test_what_was_let_go_is_folded_anew_and_still_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "KEPT_IDS", 5)
    monkeypatch.setattr(remembered, "STREAM_IDS", 0)
    store = Counting()
    door = intake(store)
    for key in ("one", "two", "three"):
        door.accept(key, alarms(1, 2, 3), SENDER)
    assert kept(door) == ["three"]
    door.accept("one", alarms(2, 3, 4), SENDER)
    assert store.source_ids("one") == ["m-1", "m-2", "m-3", "m-4"]
    assert store.loaded.count("signal#one") == 2


def test_no_more_streams_are_kept_than_allowed_however_few_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "KEPT_IDS", 3 * (remembered.STREAM_IDS + 1))
    door = intake(Counting())
    for number in range(10):
        door.accept(f"fp-{number}", alarms(number), SENDER)
    assert kept(door) == ["fp-7", "fp-8", "fp-9"]


def test_one_batch_of_many_resources_is_one_commit_each() -> None:
    store = Counting()

    def record(number: int) -> dict[str, Any]:
        message = {
            "AlarmName": f"a-{number % 8}",
            "AWSAccountId": "111122223333",
            "NewStateValue": "ALARM",
            "StateChangeTime": "2026-11-24T12:00:00.000+0000",
            "Region": "us-east-1",
            "Trigger": {
                "MetricName": "Failures",
                "Namespace": "Shop",
                "Period": 60,
                "Dimensions": [{"name": "Service", "value": f"s-{number % 8}"}],
            },
        }
        body = {"Type": "Notification", "MessageId": f"m-{number}", "Message": json.dumps(message)}
        return {"messageId": str(number), "body": json.dumps(body)}

    answer = intake(store).handle({"Records": [record(number) for number in range(200)]})
    assert answer == {"batchItemFailures": []}
    signals = [name for name in store.streams() if name.startswith("signal#")]
    assert len(signals) == 8
    assert [len(store.commits(name)) for name in signals] == [1] * 8
    assert len([name for name in store.streams() if name.startswith("incident#")]) == 8


def test_a_source_over_its_rate_is_held_back_and_lost_nowhere_while_others_go_on() -> None:
    store = Counting()
    clock = ManualClock(NOON)
    settings = IngestSettings(signal_rate_per_s=1, signal_burst=2)
    door = Intake(Ports(settings, clock, InMemoryBlobStore()), Writer(store, SERVICE, clock, pause=lambda s: None))

    def record(number: int, account: str) -> dict[str, Any]:
        alarm = {"AlarmName": "a", "AWSAccountId": account, "NewStateValue": "ALARM", "Region": "us-east-1"}
        alarm["StateChangeTime"] = "2026-11-24T12:00:00.000+0000"
        body = {"Type": "Notification", "MessageId": f"m-{number}", "Message": json.dumps(alarm)}
        return {"messageId": str(number), "body": json.dumps(body)}

    waiting = [*(record(number, "111122223333") for number in range(5)), record(9, "444455556666")]
    answer = door.handle({"Records": waiting})
    delays = {item["itemIdentifier"]: item.get("delaySeconds") for item in answer["batchItemFailures"]}
    assert delays == {"2": 1, "3": 2, "4": 3}
    clock.advance(3)
    assert door.handle({"Records": [r for r in waiting if r["messageId"] in delays]}) == {"batchItemFailures": []}
    received = [r.event for name in store.streams() if name.startswith("signal#") for r in store.load(name).events]
    ids = sorted(event.signal.source_id for event in received if isinstance(event, e.SignalReceivedV1))
    assert ids == ["m-0", "m-1", "m-2", "m-3", "m-4", "m-9"]
