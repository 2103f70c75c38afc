"""backbone: relay, sequencer, timers, rebuild and audit of a home, composed from the runtime and the projections."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from resilibot.local.aws import home_client
from resilibot.local.home_file import HomeFile
from resilibot.local.roster import SERVICES
from resilibot.runtime.bus.backlog import waiting_in
from resilibot.runtime.bus.publisher import SnsPublisher
from resilibot.runtime.bus.topology import Topology
from resilibot.runtime.clock import SystemClock
from resilibot.runtime.environment import Runtime, RuntimeSettings, client
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.head_pages import HeadScan
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.head_feed import HeadFeed
from resilibot.runtime.kms_subject_keys import KmsSubjectKeys
from resilibot.runtime.personal import Personal
from resilibot.runtime.relay import Relay, stored_cursors
from resilibot.runtime.sequencer import Sequencer
from resilibot.runtime.timers import TimerTable, tick
from resilibot.runtime.watch import StreamWatch, StuckStream, behind, count_in_cloudwatch, is_stuck

if TYPE_CHECKING:
    from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
    from resilibot.projections.adapters.dynamodb_rebuild import DynamoRebuild
    from resilibot.projections.rebuild import Rebuild
    from resilibot.runtime.event_store.verify import AuditReport

SETTLE_MARGIN_S = 2.0  # for a write that a projector had begun under the old names


def make_relay(home: HomeFile) -> Relay:
    runtime = Runtime.from_env()
    publisher = SnsPublisher(client("sns"), home.topic_arn)
    hints = Topology(SERVICES).hints
    return Relay(client("dynamodbstreams"), client("dynamodb"), runtime.tables, publisher, hints)


def make_watch(relay: Relay, home: HomeFile) -> StreamWatch:
    """The watch over stuck streams; it shares the relay's thread, since a relay keeps its place in memory."""
    runtime = Runtime.from_env()
    dynamodb = client("dynamodb")
    return StreamWatch(
        HeadScan(dynamodb, runtime.tables),
        runtime.store,
        relay,
        _read_models(dynamodb, runtime.tables).versions,
        count_in_cloudwatch(client("cloudwatch"), runtime.clock),
        runtime.clock,
        waiting_in(client("sqs"), home.queues["projections"]),
    )


def _read_models(dynamodb: Any, tables: Tables) -> "DynamoReadModels":
    from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
    from resilibot.projections.adapters.live_names import LiveNames

    return DynamoReadModels(dynamodb, LiveNames(dynamodb, tables.cursors))


def make_sequencer() -> Sequencer:
    runtime = Runtime.from_env()
    feed = HeadFeed(client("dynamodbstreams"), client("dynamodb"), runtime.tables)
    return Sequencer(feed, runtime.store, runtime.log)


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
    """Recompute every chain of the home's event store, or that of one stream, and hold it against the checkpoints."""
    from resilibot.local.audit_trail import trail_of

    with trail_of(home) as trail:
        return trail.verify(stream).audit


@contextmanager
def make_rebuild(home: HomeFile) -> "Iterator[tuple[Rebuild, DynamoRebuild]]":
    """The rebuild of a home's read models, and its tables."""
    from resilibot.projections.adapters.dynamodb_rebuild import DynamoRebuild
    from resilibot.projections.adapters.live_names import MAX_AGE_S
    from resilibot.projections.rebuild import Rebuild

    def settle() -> None:
        time.sleep(MAX_AGE_S + SETTLE_MARGIN_S)

    with closing(home_client(home, "dynamodb")) as client:
        tables = Tables()
        rebuild_tables = DynamoRebuild(client, tables.cursors)
        store, heads = DynamoEventStore(client, tables), HeadScan(client, tables)
        yield Rebuild(store, heads, rebuild_tables, settle), rebuild_tables


@dataclass(frozen=True)
class Status:
    """`streams` are all; `behind` those whose read models or relay are behind HEAD now, `stuck` those for too long."""

    streams: int
    behind: list[StuckStream]
    stuck: list[StuckStream]
    live: dict[str, int]
    rebuilding: list[str]


def status_of(home: HomeFile, older_than_s: float) -> Status:
    """Compares all HEADs with the read models and the relay's cursors, as the watch does with a part of them."""
    from resilibot.projections.adapters.dynamodb_rebuild import DynamoRebuild

    tables = Tables()
    with closing(home_client(home, "dynamodb")) as dynamodb:
        store, rebuild = DynamoEventStore(dynamodb, tables), DynamoRebuild(dynamodb, tables.cursors)
        heads = list(store.heads())
        names = [head.stream for head in heads]
        shown = _read_models(dynamodb, tables).versions(names)
        found = behind(heads, shown, stored_cursors(dynamodb, tables, names))
        before = SystemClock().now() - timedelta(seconds=older_than_s)
        job = rebuild.job()
        return Status(
            streams=len(heads),
            behind=found,
            stuck=[one for one in found if is_stuck(one, store, before)],
            live=rebuild.live(),
            rebuilding=sorted(job.targets) if job else [],
        )
