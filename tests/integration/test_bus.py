"""Relay, bus and timers on the embedded emulator: everything appended arrives, in order, also after a relay's death."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from resilibot.contracts.canonical import canonical
from resilibot.contracts.envelope import RecordedEvent
from resilibot.local.aws import clients_at
from resilibot.local.roster import SERVICES
from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
from resilibot.projections.adapters.live_names import LiveNames
from resilibot.projections.ports import Ports
from resilibot.projections.project import Projector
from resilibot.projections.rebuild import rebuilt
from resilibot.projections.tables import definitions
from resilibot.runtime.bus.backlog import waiting_in
from resilibot.runtime.bus.message import EventMessage, TimerMessage, decode
from resilibot.runtime.bus.provision import Provisioned, provision
from resilibot.runtime.bus.publisher import BusUnavailable, SnsPublisher
from resilibot.runtime.bus.topology import Topology
from resilibot.runtime.clock import SystemClock
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.head_pages import HeadScan
from resilibot.runtime.event_store.port import Stream, Timer
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.relay import Relay
from resilibot.runtime.timers import TimerTable, tick
from resilibot.runtime.watch import StreamWatch, StuckStream, count_in_cloudwatch
from tests.support.event_store_contract import EVENTS, append_of
from tests.support.house import until

pytestmark = pytest.mark.integration
TABLES = Tables.prefixed("b")


@dataclass
class Refusing:
    """A publisher whose next calls fail."""

    publisher: SnsPublisher
    refusals: int = 0

    def publish(self, events: Sequence[RecordedEvent], *, sweep: int | None = None) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BusUnavailable("refused by the test")
        self.publisher.publish(events, sweep=sweep)


@pytest.fixture(scope="module")
def client(ministack_endpoint: str) -> Iterator[Callable[[str], Any]]:
    with clients_at(ministack_endpoint) as client:
        yield client


@pytest.fixture(scope="module")
def bus(client: Callable[[str], Any]) -> Provisioned:
    return provision(client, Topology(SERVICES), TABLES.definitions())


@pytest.fixture
def relay(client: Callable[[str], Any], bus: Provisioned) -> Callable[[], Relay]:
    publisher = SnsPublisher(client("sns"), bus.events_topic)
    return lambda: Relay(client("dynamodbstreams"), client("dynamodb"), TABLES, publisher)


def drain(client: Callable[[str], Any], url: str, stream: str, expected: int, relay: Relay) -> list[int]:
    """Versions of `stream` as they arrive, until `expected` distinct ones are there or 10 s passed."""
    sqs = client("sqs")
    versions: list[int] = []
    deadline = time.monotonic() + 10
    while len(set(versions)) < expected and time.monotonic() < deadline:
        relay.poll()
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            decoded = decode(message["Body"])
            if isinstance(decoded, EventMessage) and decoded.stream == stream:
                versions.append(decoded.version)
    return versions


def test_every_event_arrives_in_order_at_a_queue_that_wants_it(
    client: Callable[[str], Any], bus: Provisioned, relay: Callable[[], Relay]
) -> None:
    running, name = relay(), f"incident#{uuid4().hex}"
    running.poll()
    store = DynamoEventStore(client("dynamodb"), TABLES)
    stream = Stream(name)
    for events in (EVENTS[:3], EVENTS[3:4], EVENTS[4:9]):
        store.append([append_of(stream, events)])
        stream = store.load(name)
    assert drain(client, bus.queues["projections"], name, 9, running) == list(range(1, 10))
    reason = client("sqs").get_queue_attributes(
        QueueUrl=bus.queues["reason"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert reason["Attributes"]["ApproximateNumberOfMessages"] == "1", "only EvidenceGathered passes its filter"


def test_a_new_relay_catches_up_with_what_was_appended_while_none_ran(
    client: Callable[[str], Any], bus: Provisioned, relay: Callable[[], Relay]
) -> None:
    name = f"incident#{uuid4().hex}"
    store = DynamoEventStore(client("dynamodb"), TABLES)
    store.append([append_of(Stream(name), EVENTS[:4])])
    assert drain(client, bus.queues["projections"], name, 4, relay()) == [1, 2, 3, 4]


def test_what_the_cursors_lack_is_published_again(
    client: Callable[[str], Any], bus: Provisioned, relay: Callable[[], Relay]
) -> None:
    running, name = relay(), f"incident#{uuid4().hex}"
    running.poll()
    store = DynamoEventStore(client("dynamodb"), TABLES)
    store.append([append_of(Stream(name), EVENTS[:2])])
    drain(client, bus.queues["projections"], name, 2, running)
    assert running.published([name, "incident#never"]) == {name: 2}
    assert running.republish({name: 0}, sweep=1) == 2
    assert drain(client, bus.queues["projections"], name, 2, running) == [1, 2]


@pytest.mark.feature(142)
def test_the_watch_heals_a_lost_last_message(
    client: Callable[[str], Any], bus: Provisioned, relay: Callable[[], Relay]
) -> None:
    """The last message is taken from the queue by nobody who applies it; no later gap could show that."""
    dynamodb = client("dynamodb")
    for definition in definitions():
        with suppress(dynamodb.exceptions.ResourceInUseException):
            dynamodb.create_table(**definition)
    running, name = relay(), f"incident#{uuid4().hex}"
    running.poll()
    store = DynamoEventStore(dynamodb, TABLES)
    models = DynamoReadModels(dynamodb, LiveNames(dynamodb, TABLES.cursors))
    projector = Projector(Ports(store, models))

    def deliver(lose: int | None) -> None:
        """Everything in the projections' queue to the projector, but the message of version `lose`."""
        running.poll()
        url, sqs = bus.queues["projections"], client("sqs")
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            records = [{"messageId": m["MessageId"], "body": m["Body"], "attributes": {}} for m in messages]
            kept = [r for r in records if json.loads(r["body"])["version"] != lose]
            mine = [r for r in kept if json.loads(r["body"])["stream"] == name]
            assert projector.handle({"Records": mine}) == {"batchItemFailures": []}
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    store.append([append_of(Stream(name), EVENTS[:2])])
    deliver(lose=None)
    store.append([append_of(store.load(name), EVENTS[2:3])])
    deliver(lose=3)
    assert models.version(name) == 2
    watch = StreamWatch(
        HeadScan(dynamodb, TABLES),
        store,
        running,
        lambda streams: {stream: version for stream, version in models.versions(streams).items() if stream == name},
        count_in_cloudwatch(client("cloudwatch"), SystemClock()),
        SystemClock(),
        waiting_in(client("sqs"), bus.queues["projections"]),
    )
    assert StuckStream(name, 3, shown=2, published=3) in watch.look(older_than_s=0)
    deliver(lose=None)
    assert canonical(models.get("cases", name)) == canonical(rebuilt(store, name)["cases"])
    assert [one.stream for one in watch.look(older_than_s=0) if one.stream == name] == []
    listed = client("cloudwatch").list_metrics(Namespace="ResiliBot", MetricName="StuckStreams")["Metrics"]
    assert len(listed) == 1, "the alarm has something to stand on"


def test_what_the_topic_did_not_take_is_published_with_the_next_poll(
    client: Callable[[str], Any], bus: Provisioned
) -> None:
    publisher = Refusing(SnsPublisher(client("sns"), bus.events_topic))
    running = Relay(client("dynamodbstreams"), client("dynamodb"), TABLES, publisher)
    running.poll()
    name = f"incident#{uuid4().hex}"
    DynamoEventStore(client("dynamodb"), TABLES).append([append_of(Stream(name), EVENTS[:2])])
    publisher.refusals = 1
    with pytest.raises(BusUnavailable):
        until(running.poll, 5, "the new events in the feed", every_s=0.02)
    assert drain(client, bus.queues["projections"], name, 2, running) == [1, 2]


def test_a_damaged_stream_does_not_hold_up_the_others(
    client: Callable[[str], Any], bus: Provisioned, relay: Callable[[], Relay]
) -> None:
    store, damaged, sound = DynamoEventStore(client("dynamodb"), TABLES), f"incident#{uuid4().hex}", uuid4().hex
    store.append([append_of(Stream(damaged), EVENTS[:1])])
    store.append([append_of(Stream(f"incident#{sound}"), EVENTS[:1])])
    key = {"stream": {"S": damaged}, "version": {"N": "1"}}
    item = client("dynamodb").get_item(TableName=TABLES.events, Key=key)["Item"]
    item["hash"]["S"] = "0" * 64
    client("dynamodb").put_item(TableName=TABLES.events, Item=item)
    running = relay()
    assert drain(client, bus.queues["projections"], f"incident#{sound}", 1, running) == [1]
    assert running.republish({damaged: 0}, sweep=1) == 0


def test_a_timer_that_falls_due_reaches_its_owner_and_is_gone(client: Callable[[str], Any], bus: Provisioned) -> None:
    now = SystemClock().now()
    table = TimerTable(client("dynamodb"), TABLES)
    due = Timer("e1:settle", "observe", "settle", "incident#x", "e1", now - timedelta(seconds=1))
    later = Timer("e2:settle", "observe", "settle", "incident#x", "e2", now + timedelta(hours=1))
    table.schedule([due, due, later])
    assert tick(table, client("sqs"), bus.queues, now) == 1
    answer = client("sqs").receive_message(QueueUrl=bus.queues["observe"], WaitTimeSeconds=5, MaxNumberOfMessages=10)
    decoded = [decode(message["Body"]) for message in answer["Messages"]]
    assert [d.timer.id for d in decoded if isinstance(d, TimerMessage)] == [due.id]
    assert tick(table, client("sqs"), bus.queues, now) == 0
    assert [t.id for t in table.due(now + timedelta(hours=2))] == [later.id]
