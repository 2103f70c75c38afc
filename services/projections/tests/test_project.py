"""Read models: whatever the queue does to the messages, they end equal to those rebuilt from the store."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts.canonical import canonical
from resilibot.contracts.envelope import RecordedEvent
from resilibot.projections.ports import Ports
from resilibot.projections.project import Projector
from resilibot.projections.rebuild import rebuilt
from resilibot.runtime.bus.message import encode
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append
from tests.support.read_models import Database, MemoryReadModels
from tests.support.story import STREAMS, recorded


def filled() -> tuple[InMemoryEventStore, dict[str, list[RecordedEvent]]]:
    store = InMemoryEventStore()
    logs = {stream: recorded(stream, events) for stream, events in STREAMS.items()}
    for stream, log in logs.items():
        store.append([Append(stream, 0, tuple(log))])
    return store, logs


def batch(events: list[RecordedEvent]) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": str(n), "body": encode(event), "attributes": {"MessageGroupId": event.stream}}
            for n, event in enumerate(events)
        ]
    }


STORE, LOGS = filled()
ALL = [event for log in LOGS.values() for event in log]


@pytest.mark.feature(142)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ALL), max_size=60), st.integers(1, 10))
def test_any_shuffle_repeat_and_loss_ends_equal_to_a_rebuild(delivered: list[RecordedEvent], size: int) -> None:
    models = MemoryReadModels(Database())
    projector = Projector(Ports(STORE, models))
    deliveries = delivered + [log[-1] for log in LOGS.values()]  # the sweep repeats what was lost last
    for start in range(0, len(deliveries), size):
        assert projector.handle(batch(deliveries[start : start + size])) == {"batchItemFailures": []}
    for stream in LOGS:
        assert canonical(models.states(stream)) == canonical(rebuilt(STORE, stream))


def test_a_batch_of_one_stream_is_one_write() -> None:
    models = MemoryReadModels(Database())
    log = LOGS[next(iter(LOGS))]
    Projector(Ports(STORE, models)).handle(batch(log[:10]))
    assert models.database.saves == 1


def test_a_lost_race_is_read_again() -> None:
    models = MemoryReadModels(Database())
    projector = Projector(Ports(STORE, models))
    stream, log = next(iter(LOGS.items()))
    projector.handle(batch(log[:3]))
    models.database.fail_next = True
    projector.handle(batch(log[3:5]))
    assert models.version(stream) == 5


def test_a_view_never_goes_back() -> None:
    """An old message that comes late, to a projector that remembers nothing, changes nothing."""
    database = Database()
    stream, log = next(iter(LOGS.items()))
    Projector(Ports(STORE, MemoryReadModels(database))).handle(batch(log[:6]))
    before = MemoryReadModels(database).states(stream)
    assert Projector(Ports(STORE, MemoryReadModels(database))).handle(batch(log[:1])) == {"batchItemFailures": []}
    assert MemoryReadModels(database).states(stream) == before


def test_a_forged_body_in_a_message_is_not_believed() -> None:
    """The hash in the message is recomputed; what does not fit is read from the store."""
    models = MemoryReadModels(Database())
    stream, log = next(iter(LOGS.items()))
    forged = batch(log[:1])
    forged["Records"][0]["body"] = forged["Records"][0]["body"].replace("orders-failures is in", "nothing is wrong in")
    Projector(Ports(STORE, models)).handle(forged)
    assert models.get("incidents", stream)["title"] == "orders-failures is in ALARM"


def test_a_malformed_message_fails_alone() -> None:
    models = MemoryReadModels(Database())
    stream, log = next(iter(LOGS.items()))
    mixed = batch(log[:2])
    mixed["Records"].append({"messageId": "bad", "body": "{", "attributes": {}})
    answer = Projector(Ports(STORE, models)).handle(mixed)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert models.version(stream) == 2


def test_an_unknown_event_is_a_plain_row() -> None:
    first = LOGS[next(iter(LOGS))][0]
    unknown = RecordedEvent.after(first.prev_hash, first.envelope.model_copy(update={"type": "IncidentBlessed.v7"}))
    store = InMemoryEventStore()
    store.append([Append(first.stream, 0, (unknown,))])
    (row,) = rebuilt(store, first.stream)["timelines"]
    assert row["type"] == "IncidentBlessed.v7"
