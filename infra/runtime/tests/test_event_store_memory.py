"""The in-memory event store keeps the contract."""

from collections.abc import Sequence

import pytest

from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import EventStore, Timer
from tests.support.event_store_contract import EventStoreContract


class TestInMemoryEventStore(EventStoreContract):
    @pytest.fixture
    def store(self) -> InMemoryEventStore:
        return InMemoryEventStore()

    def timers_of(self, store: EventStore) -> Sequence[Timer]:
        assert isinstance(store, InMemoryEventStore)
        return list(store.timers.values())
