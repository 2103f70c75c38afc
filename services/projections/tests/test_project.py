"""Read models: whatever the queue does to the messages, they end equal to those rebuilt from the store."""

from collections.abc import Mapping
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
from tests.support.story import SHOWN, STREAMS, recorded


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


def grown(upto: Mapping[str, int]) -> InMemoryEventStore:
    """The store as it was when each stream stood at that version."""
    store = InMemoryEventStore()
    for stream, version in upto.items():
        store.append([Append(stream, 0, tuple(LOGS[stream][:version]))])
    return store


@pytest.mark.feature(142)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ALL), max_size=60), st.integers(1, 10))
def test_any_shuffle_repeat_and_loss_ends_equal_to_a_rebuild(delivered: list[RecordedEvent], size: int) -> None:
    """The store grows while messages come: each batch sees it at least up to the newest event in it."""
    models = MemoryReadModels(Database())
    upto = dict.fromkeys(LOGS, 1)
    deliveries = delivered + [log[-1] for log in LOGS.values()]  # the sweep repeats what was lost last
    projector = Projector(Ports(STORE, models))
    for start in range(0, len(deliveries), size):
        part = deliveries[start : start + size]
        for event in part:
            upto[event.stream] = max(upto[event.stream], event.version)
        projector._ports = Ports(grown(upto), models)
        assert projector.handle(batch(part)) == {"batchItemFailures": []}
    for stream in SHOWN:
        assert canonical(models.states(stream)) == canonical(rebuilt(STORE, stream))


def test_a_batch_of_one_stream_is_one_write() -> None:
    models = MemoryReadModels(Database())
    log = LOGS[next(iter(LOGS))]
    Projector(Ports(STORE, models)).handle(batch(log[:10]))
    assert models.database.saves == 1


def test_a_lost_race_is_read_again() -> None:
    models = MemoryReadModels(Database())
    stream, log = next(iter(LOGS.items()))
    projector = Projector(Ports(grown({stream: 3}), models))
    projector.handle(batch(log[:3]))
    models.database.fail_next = True
    projector._ports = Ports(grown({stream: 5}), models)
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


def test_a_forged_message_is_not_believed_even_if_it_fits_the_chain() -> None:
    """Whoever can publish knows the last hash, and can link an event of their own to it."""
    models = MemoryReadModels(Database())
    stream, log = next(iter(LOGS.items()))
    projector = Projector(Ports(grown({stream: 2}), models))
    projector.handle(batch(log[:1]))
    closed = next(event for event in log if event.type.startswith("IncidentClosed"))
    forged = RecordedEvent.after(log[1].hash, closed.envelope.model_copy(update={"version": 3}))
    assert projector.handle(batch([forged])) != {"batchItemFailures": []}
    assert models.get("incidents", stream)["status"] == "OPEN"
    assert models.version(stream) == 2


def test_a_malformed_message_fails_alone() -> None:
    models = MemoryReadModels(Database())
    stream, log = next(iter(LOGS.items()))
    mixed = batch(log[:2])
    mixed["Records"].append({"messageId": "bad", "body": "{", "attributes": {}})
    answer = Projector(Ports(grown({stream: 2}), models)).handle(mixed)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert models.version(stream) == 2


def test_the_case_that_is_shown_tells_evidence_without_its_content() -> None:
    stream = next(iter(LOGS))
    case = rebuilt(STORE, stream)["cases"]
    items = [item for gathered in case["rounds"] for item in gathered["items"]]
    assert items
    assert all("content" not in item and item["content_hash"] for item in items)


def test_an_unknown_event_is_a_plain_row() -> None:
    first = LOGS[next(iter(LOGS))][0]
    unknown = RecordedEvent.after(first.prev_hash, first.envelope.model_copy(update={"type": "IncidentBlessed.v7"}))
    store = InMemoryEventStore()
    store.append([Append(first.stream, 0, (unknown,))])
    (row,) = rebuilt(store, first.stream)["timelines"]
    assert row["type"] == "IncidentBlessed.v7"
