"""backbone: relay, sequencer, timers and audit of a home, composed from the runtime."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from resilibot.local.home_file import HomeFile
from resilibot.runtime.bus.publisher import SnsPublisher
from resilibot.runtime.clock import SystemClock
from resilibot.runtime.environment import Runtime, client
from resilibot.runtime.head_feed import HeadFeed
from resilibot.runtime.relay import Relay
from resilibot.runtime.sequencer import Sequencer
from resilibot.runtime.timers import TimerTable, tick

if TYPE_CHECKING:
    from resilibot.runtime.event_store.verify import AuditReport


def make_relay(home: HomeFile) -> Relay:
    runtime = Runtime.from_env()
    publisher = SnsPublisher(client("sns"), home.topic_arn)
    return Relay(client("dynamodbstreams"), client("dynamodb"), runtime.tables, publisher, SystemClock())


def make_sequencer() -> Sequencer:
    runtime = Runtime.from_env()
    feed = HeadFeed(client("dynamodbstreams"), client("dynamodb"), runtime.tables)
    return Sequencer(feed, runtime.store, runtime.log)


def make_tick(home: HomeFile) -> Callable[[], int]:
    runtime = Runtime.from_env()
    table = TimerTable(client("dynamodb"), runtime.tables)
    return lambda: tick(table, client("sqs"), home.queues, runtime.clock.now())


def audit_home(home: HomeFile, stream: str | None = None) -> "AuditReport":
    """Recompute every chain of the home's event store, or that of one stream, and hold it against the checkpoints."""
    from resilibot.local.audit_trail import trail_of

    with trail_of(home) as trail:
        return trail.verify(stream).audit
