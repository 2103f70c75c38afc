"""The shipped test cases of the `eventsourcing` library, 36 in all, over our recorders.

Import these classes into a test module that has a fixture `library_endpoint`. Which ordering a case runs in:

counter     Application*, NonInterleaving, ExampleApplication: they hard-code the notification ids that an insert
            returns, and in sequencer mode an insert returns none
either      Aggregate and Tracking (no notifications), Process (run in both), Factory (the default: sequencer)

Not run: TranscoderTestCase (nothing of ours), the projection cases (threads that outlive a Lambda), DCB.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.tests import application, persistence
from eventsourcing.utils import Environment, clear_topic_cache

from resilibot.local.aws import clients_at, emulator_env
from resilibot.runtime.clock import SystemClock
from resilibot.runtime.environment import client
from resilibot.runtime.event_store.library import DynamoFactory
from resilibot.runtime.event_store.library.persistence import Ordering, Persistence
from resilibot.runtime.event_store.library.recorders import (
    DynamoAggregateRecorder,
    DynamoApplicationRecorder,
    DynamoProcessRecorder,
)
from resilibot.runtime.event_store.library.snapshots import DynamoSnapshotRecorder
from resilibot.runtime.event_store.library.tracking import DynamoTrackingRecorder
from resilibot.runtime.event_store.tables import Tables

MODULE = "resilibot.runtime.event_store.library"
TABLES = Tables.prefixed("library")


@pytest.fixture(scope="module")
def library_client(library_endpoint: str) -> Iterator[Any]:
    """A DynamoDB client of the module's emulator, the tables made."""
    with clients_at(library_endpoint) as client_of:
        for definition in TABLES.definitions():
            client_of("dynamodb").create_table(**definition)
        yield client_of("dynamodb")


class OnDynamo:
    """Each test is an application of its own: its log and its tracking ids start empty."""

    ordering: Ordering = "sequencer"

    @pytest.fixture(autouse=True)
    def on_dynamo(self, library_client: Any) -> None:
        name = uuid4().hex
        self.persistence = Persistence(library_client, TABLES, SystemClock(), name, "test", self.ordering, name)


class TestAggregateRecorder(OnDynamo, persistence.AggregateRecorderTestCase):
    def create_recorder(self) -> DynamoAggregateRecorder:
        return DynamoAggregateRecorder(self.persistence)


class TestSnapshotRecorder(OnDynamo, persistence.AggregateRecorderTestCase):
    """The aggregate's cases once more: snapshots are no streams, but what they are asked for is the same."""

    def create_recorder(self) -> DynamoSnapshotRecorder:
        return DynamoSnapshotRecorder(self.persistence)


class TestApplicationRecorder(OnDynamo, persistence.ApplicationRecorderTestCase[DynamoApplicationRecorder]):
    ordering = "counter"

    def create_recorder(self) -> DynamoApplicationRecorder:
        return DynamoApplicationRecorder(self.persistence)

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingNotificationIDs(OnDynamo, persistence.NonInterleavingNotificationIDsBaseCase):
    ordering = "counter"

    def create_recorder(self) -> DynamoApplicationRecorder:
        return DynamoApplicationRecorder(self.persistence)


class TestTrackingRecorder(OnDynamo, persistence.TrackingRecorderTestCase):
    def create_recorder(self) -> DynamoTrackingRecorder:
        return DynamoTrackingRecorder(self.persistence)


class TestProcessRecorder(OnDynamo, persistence.ProcessRecorderTestCase):
    def create_recorder(self) -> DynamoProcessRecorder:
        return DynamoProcessRecorder(self.persistence)


class TestProcessRecorderInCounterMode(TestProcessRecorder):
    ordering = "counter"


class ByEnvironment:
    """The library finds us by the environment alone, as an application of it would."""

    ordering: Ordering = "counter"

    @pytest.fixture(autouse=True)
    def by_environment(
        self, library_endpoint: str, library_client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        settings = {
            **emulator_env(library_endpoint),
            **{f"RESILIBOT_{name.upper()}_TABLE": table for name, table in vars(TABLES).items()},
            "PERSISTENCE_MODULE": MODULE,
            "ORDERING": self.ordering,
            "LOG_NAME": uuid4().hex,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        client.cache_clear()
        yield
        client("dynamodb").close()
        client.cache_clear()
        clear_topic_cache()


class TrackingSubclass(DynamoTrackingRecorder):
    """What the factory is asked for by class and by topic."""


class TestFactory(ByEnvironment, persistence.InfrastructureFactoryTestCase[DynamoFactory]):
    ordering = "sequencer"

    def setUp(self) -> None:
        self.env = Environment("TestApp", {InfrastructureFactory.PERSISTENCE_MODULE: MODULE})
        super().setUp()

    def expected_factory_class(self) -> type[DynamoFactory]:
        return DynamoFactory

    def expected_aggregate_recorder_class(self) -> type[DynamoAggregateRecorder]:
        return DynamoAggregateRecorder

    def expected_application_recorder_class(self) -> type[DynamoApplicationRecorder]:
        return DynamoApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[DynamoTrackingRecorder]:
        return DynamoTrackingRecorder

    def tracking_recorder_subclass(self) -> type[DynamoTrackingRecorder]:
        return TrackingSubclass

    def expected_process_recorder_class(self) -> type[DynamoProcessRecorder]:
        return DynamoProcessRecorder


class TestExampleApplication(ByEnvironment, application.ExampleApplicationTestCase):
    expected_factory_topic = f"{MODULE}.factory:DynamoFactory"


@pytest.mark.filterwarnings("always:'log' is deprecated:DeprecationWarning")  # test_application_log records it
class TestApplication(ByEnvironment, application.ApplicationTestCase):
    pass
