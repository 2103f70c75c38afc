"""The DynamoDB event store keeps the contract on the embedded emulator; and tampering is found, with its place."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from resilibot.local.aws import clients_at
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.items import carried_commit
from resilibot.runtime.event_store.port import ChainBroken, EventStore, Stream, Timer
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.event_store.verify import audit
from resilibot.runtime.timers import TimerTable
from tests.support.event_store_contract import EVENTS, EventStoreContract, append_of

pytestmark = pytest.mark.integration
TABLES = Tables.prefixed("t")


@pytest.fixture(scope="module")
def dynamodb(ministack_endpoint: str) -> Iterator[Any]:
    with clients_at(ministack_endpoint) as client:
        for definition in TABLES.definitions():
            client("dynamodb").create_table(**definition)
        yield client("dynamodb")


class TestDynamoEventStore(EventStoreContract):
    @pytest.fixture
    def store(self, dynamodb: Any) -> DynamoEventStore:
        return DynamoEventStore(dynamodb, TABLES)

    def timers_of(self, store: EventStore) -> Sequence[Timer]:
        assert isinstance(store, DynamoEventStore)
        return TimerTable(store._client, TABLES).due(datetime(2100, 1, 1, tzinfo=UTC), 1000)

    def test_a_large_commit_is_split_and_loads_whole(self, store: DynamoEventStore, name: str) -> None:
        opened = EVENTS[0].model_copy(update={"title": "x" * 512})
        large = [opened] * 400
        store.append([append_of(Stream(name), large)])
        assert len(store.commits(name)) > 1
        assert store.load(name).version == 400
        assert audit(store, name).ok

    def test_head_carries_the_small_commit_that_moved_it_and_no_other(
        self, store: DynamoEventStore, dynamodb: Any, name: str
    ) -> None:
        def carried() -> Any:
            item = dynamodb.get_item(TableName=TABLES.streams, Key={"stream": {"S": name}}, ConsistentRead=True)
            return carried_commit(item["Item"])

        large = [EVENTS[0].model_copy(update={"title": "x" * 512})] * 20
        for events in (EVENTS[:2], EVENTS[2:5], large, EVENTS[5:6]):
            store.append([append_of(store.load(name), events)])
            commit = store.commits(name)[-1]
            assert carried() == (None if events is large else commit)

    def test_an_event_above_the_limit_is_the_callers_fault(self, store: DynamoEventStore, name: str) -> None:
        huge = EVENTS[0].model_copy(update={"title": "x" * 400_000})
        with pytest.raises(ValueError, match="too large"):
            store.append([append_of(Stream(name), [huge])])


def _edit(item: dict[str, Any]) -> dict[str, Any]:
    item["events"]["L"][0]["S"] = item["events"]["L"][0]["S"].replace("example", "exbmple", 1)
    return item


def _unreadable(item: dict[str, Any]) -> dict[str, Any]:
    item["events"]["L"][0]["S"] = "{" + item["events"]["L"][0]["S"]
    return item


def _relabel(item: dict[str, Any]) -> dict[str, Any]:
    item["hash"]["S"] = "0" * 64
    return item


@pytest.mark.feature(141)
@pytest.mark.parametrize(("damage", "kind"), [(_edit, "altered"), (_unreadable, "unreadable"), (_relabel, "altered")])
def test_one_changed_byte_is_found_and_named(
    dynamodb: Any, damage: Callable[[dict[str, Any]], dict[str, Any]], kind: str
) -> None:
    store = DynamoEventStore(dynamodb, TABLES)
    name = f"incident#{damage.__name__}"
    for events in (EVENTS[:2], EVENTS[2:5], EVENTS[5:7]):
        store.append([append_of(store.load(name), events)])
    assert audit(store, name).ok
    key = {"stream": {"S": name}, "version": {"N": "3"}}
    item = dynamodb.get_item(TableName=TABLES.events, Key=key)["Item"]
    dynamodb.put_item(TableName=TABLES.events, Item=damage(item))
    faults = audit(store, name).faults
    assert (faults[0].stream, faults[0].version, faults[0].kind) == (name, 3, kind)
    with pytest.raises(ChainBroken, match=f"{name}:3"):
        store.load(name)


@pytest.mark.feature(141)
def test_a_missing_and_a_truncated_commit_are_found(dynamodb: Any) -> None:
    store = DynamoEventStore(dynamodb, TABLES)
    for name, gone in (("incident#gap", 3), ("incident#cut", 6)):
        for events in (EVENTS[:2], EVENTS[2:5], EVENTS[5:7]):
            store.append([append_of(store.load(name), events)])
        dynamodb.delete_item(TableName=TABLES.events, Key={"stream": {"S": name}, "version": {"N": str(gone)}})
    assert audit(store, "incident#gap").faults[0].kind == "gap"
    assert audit(store, "incident#cut").faults[0].kind == "head_differs"
