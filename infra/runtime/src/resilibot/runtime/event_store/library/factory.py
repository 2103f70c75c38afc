"""DynamoFactory: the library's infrastructure factory over the runtime's environment.

Tables, build and AWS endpoint come from where every service has them (RESILIBOT_..., AWS_...). From the library's own
environment, where an application's name may stand before a key: ORDERING (`sequencer` or `counter`), LOG_NAME.
"""

from functools import cached_property
from typing import get_args

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    ProcessRecorder,
)
from eventsourcing.utils import resolve_topic

from resilibot.runtime.environment import Runtime, client
from resilibot.runtime.event_store.global_log import MAIN
from resilibot.runtime.event_store.library.persistence import Ordering, Persistence
from resilibot.runtime.event_store.library.recorders import (
    DynamoAggregateRecorder,
    DynamoApplicationRecorder,
    DynamoProcessRecorder,
)
from resilibot.runtime.event_store.library.snapshots import DynamoSnapshotRecorder
from resilibot.runtime.event_store.library.tracking import DynamoTrackingRecorder


class DynamoFactory(InfrastructureFactory[DynamoTrackingRecorder]):
    ORDERING = "ORDERING"
    LOG_NAME = "LOG_NAME"

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        if purpose == "snapshots":
            return DynamoSnapshotRecorder(self._persistence)
        return DynamoAggregateRecorder(self._persistence)

    def application_recorder(self) -> ApplicationRecorder:
        return DynamoApplicationRecorder(self._persistence)

    def tracking_recorder(
        self, tracking_recorder_class: type[DynamoTrackingRecorder] | None = None
    ) -> DynamoTrackingRecorder:
        topic = self.env.get(self.TRACKING_RECORDER_TOPIC)
        default: type[DynamoTrackingRecorder] = resolve_topic(topic) if topic else DynamoTrackingRecorder
        return (tracking_recorder_class or default)(self._persistence)

    def process_recorder(self) -> ProcessRecorder:
        return DynamoProcessRecorder(self._persistence)

    @cached_property
    def _persistence(self) -> Persistence:
        """Raises InfrastructureFactoryError for an unknown ordering."""
        runtime = Runtime.from_env()
        return Persistence(
            client=client("dynamodb"),
            tables=runtime.tables,
            clock=runtime.clock,
            application=self.env.name or "application",
            build=runtime.settings.build,
            ordering=self._ordering(),
            log_name=self.env.get(self.LOG_NAME, MAIN) or MAIN,
        )

    def _ordering(self) -> Ordering:
        wanted = self.env.get(self.ORDERING, "sequencer")
        for known in get_args(Ordering):
            if wanted == known:
                ordering: Ordering = known
                return ordering
        raise InfrastructureFactoryError(f"{self.ORDERING} is {wanted!r}, not one of {', '.join(get_args(Ordering))}")
