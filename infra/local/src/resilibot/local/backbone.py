"""backbone: relay, timers and audit of a home, composed from the runtime."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from resilibot.local.aws import home_client
from resilibot.local.home_file import HomeFile
from resilibot.runtime.bus.publisher import SnsPublisher
from resilibot.runtime.clock import SystemClock
from resilibot.runtime.environment import Runtime, RuntimeSettings, client
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.kms_subject_keys import KmsSubjectKeys
from resilibot.runtime.personal import Personal
from resilibot.runtime.relay import Relay
from resilibot.runtime.timers import TimerTable, tick

if TYPE_CHECKING:
    from resilibot.runtime.event_store.verify import AuditReport


def make_relay(home: HomeFile) -> Relay:
    runtime = Runtime.from_env()
    publisher = SnsPublisher(client("sns"), home.topic_arn)
    return Relay(client("dynamodbstreams"), client("dynamodb"), runtime.tables, publisher, SystemClock())


def make_tick(home: HomeFile) -> Callable[[], int]:
    runtime = Runtime.from_env()
    table = TimerTable(client("dynamodb"), runtime.tables)
    return lambda: tick(table, client("sqs"), home.queues, runtime.clock.now())


def personal_of(home: HomeFile) -> Personal:
    """Reveals names to whoever reads on this machine."""
    s = RuntimeSettings()
    keys = KmsSubjectKeys(
        home_client(home, "dynamodb"), lambda: home_client(home, "kms"), s.keys_table, s.personal_key, s.pseudonym_key
    )
    return Personal(keys)


def audit_home(home: HomeFile, stream: str | None = None) -> "AuditReport":
    """Recompute every chain of the home's event store, or that of one stream."""
    from resilibot.runtime.event_store.verify import audit

    store = DynamoEventStore(home_client(home, "dynamodb"), Tables())
    return audit(store, stream)
