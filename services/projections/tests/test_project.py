"""Read models: whatever the queue does to the messages, they end equal to those rebuilt from the store."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts.canonical import canonical
from resilibot.contracts.envelope import RecordedEvent
from resilibot.projections.ports import Ports, ReadModelBehind
from resilibot.projections.project import Projector, rebuild
from resilibot.projections.views import empty_view
from resilibot.runtime.bus.message import encode
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append
from tests.support.story import STREAMS, recorded


class FakeReadModels:
    """Versioned states in a dictionary; `fail_next` makes one save lose a race."""

    def __init__(self) -> None:
        self.states: dict[str, tuple[int, dict[str, Any]]] = {}
        self.fail_next = False
        self.saves = 0

    def version(self, stream: str) -> int:
        return self.states.get(stream, (0, {}))[0]

    def save(self, stream: str, states: Mapping[str, Any], expected: int, version: int) -> None:
        if self.fail_next or self.version(stream) != expected:
            self.fail_next = False
            raise ReadModelBehind(stream)
        self.saves += 1
        self.states[stream] = (version, dict(states))

    def get(self, model: str, stream: str) -> Any | None:
        return self.states.get(stream, (0, {}))[1].get(model)

    def newest_incidents(self, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        return [], None


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
    models = FakeReadModels()
    projector = Projector(Ports(STORE, models))
    deliveries = delivered + [log[-1] for log in LOGS.values()]  # the sweep repeats what was lost last
    for start in range(0, len(deliveries), size):
        assert projector.handle(batch(deliveries[start : start + size])) == {"batchItemFailures": []}
    for stream in (name for name in LOGS if empty_view(name) is not None):
        assert canonical(models.states[stream][1]) == canonical(rebuild(STORE, stream))


def test_a_batch_of_one_stream_is_one_write() -> None:
    models = FakeReadModels()
    log = LOGS[next(iter(LOGS))]
    Projector(Ports(STORE, models)).handle(batch(log[:10]))
    assert models.saves == 1


def test_a_lost_race_is_read_again() -> None:
    models = FakeReadModels()
    projector = Projector(Ports(STORE, models))
    stream, log = next(iter(LOGS.items()))
    projector.handle(batch(log[:3]))
    models.fail_next = True
    projector.handle(batch(log[3:5]))
    assert models.version(stream) == 5


def test_a_forged_body_in_a_message_is_not_believed() -> None:
    """The hash in the message is recomputed; what does not fit is read from the store."""
    models = FakeReadModels()
    stream, log = next(iter(LOGS.items()))
    forged = batch(log[:1])
    forged["Records"][0]["body"] = forged["Records"][0]["body"].replace("orders-failures is in", "nothing is wrong in")
    Projector(Ports(STORE, models)).handle(forged)
    assert models.get("incidents", stream)["title"] == "orders-failures is in ALARM"


def test_a_malformed_message_fails_alone() -> None:
    models = FakeReadModels()
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
    (row,) = rebuild(store, first.stream)["timelines"]
    assert row["type"] == "IncidentBlessed.v7"
