"""The global log on the embedded emulator: two sequencers compete while five writers write, and nothing is lost."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, JSONTranscoder, StoredEvent, Tracking

from resilibot.local.aws import clients_at
from resilibot.runtime.clock import SystemClock
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.global_log import ENTRY_STREAMS, GlobalLog
from resilibot.runtime.event_store.library.mapper import EnvelopeEvent, EnvelopeMapper
from resilibot.runtime.event_store.library.persistence import Persistence
from resilibot.runtime.event_store.library.recorders import DynamoApplicationRecorder, DynamoProcessRecorder
from resilibot.runtime.event_store.log_entries import LogState, Sequenced, next_entry
from resilibot.runtime.event_store.port import StoreCorrupt, Stream, VersionConflict
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.event_store.verify import audit
from resilibot.runtime.head_feed import HeadFeed
from resilibot.runtime.sequencer import Sequencer
from tests.support.event_store_contract import EVENTS, append_of

pytestmark = pytest.mark.integration
WRITERS = 5
EVENTS_EACH = 100


@pytest.fixture(scope="module")
def client(ministack_endpoint: str) -> Iterator[Callable[[str], Any]]:
    with clients_at(ministack_endpoint) as client:
        yield client


@pytest.fixture
def tables(client: Callable[[str], Any]) -> Tables:
    """Of each test's own: a sequencer sequences everything there is."""
    tables = Tables.prefixed(f"s-{uuid4().hex[:8]}")
    for definition in tables.definitions():
        client("dynamodb").create_table(**definition)
    return tables


@pytest.fixture
def store(client: Callable[[str], Any], tables: Tables) -> DynamoEventStore:
    return DynamoEventStore(client("dynamodb"), tables)


@pytest.fixture
def log(client: Callable[[str], Any], tables: Tables) -> GlobalLog:
    return GlobalLog(client("dynamodb"), tables)


@pytest.fixture
def sequencer(
    client: Callable[[str], Any], tables: Tables, store: DynamoEventStore, log: GlobalLog
) -> Callable[[], Sequencer]:
    return lambda: Sequencer(HeadFeed(client("dynamodbstreams"), client("dynamodb"), tables), store, log)


def whole(log: GlobalLog, page: int = 37) -> list[Sequenced]:
    """Everything, page by page, as a reader catches up."""
    read: list[Sequenced] = []
    while more := log.read(read[-1].position if read else 0, page):
        read += more
    return read


def assert_is_one_order_of(read: list[Sequenced], store: DynamoEventStore) -> None:
    """Every event once, positions without a gap, and each stream in its own order."""
    assert [one.position for one in read] == list(range(1, len(read) + 1))
    streams = {head.stream: store.load(head.stream).events for head in store.heads()}
    assert len(read) == sum(len(events) for events in streams.values())
    for stream, events in streams.items():
        assert [one.event.hash for one in read if one.event.stream == stream] == [event.hash for event in events]


def write(store: DynamoEventStore, streams: list[str], events: int, seed: int) -> None:
    """Append `events` events in commits of one to three, to streams that others write too."""
    rng = random.Random(seed)
    left = events
    while left:
        count = min(left, rng.randint(1, 3))
        try:
            store.append([append_of(store.load(rng.choice(streams)), EVENTS[:count])])
        except VersionConflict:
            continue
        left -= count


def test_two_sequencers_with_shuffled_and_repeated_batches_give_one_order(
    store: DynamoEventStore, log: GlobalLog, sequencer: Callable[[], Sequencer]
) -> None:
    streams = [f"incident#{n}" for n in range(WRITERS)]
    written = threading.Event()
    sequenced: list[int] = []

    def keep_sequencing(seed: int) -> None:
        rng, own, seen = random.Random(seed), sequencer(), []
        while not written.is_set():
            seen += list(store.heads())  # old heads stay in: late and repeated
            sequenced.append(own.sequence(rng.sample(seen, min(len(seen), 12))))
            sequenced.append(own.poll())

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        running = [pool.submit(keep_sequencing, seed) for seed in (1, 2)]
        writing = [pool.submit(write, store, streams, EVENTS_EACH, 10 + n) for n in range(WRITERS)]
        for writer in writing:
            writer.result()
        written.set()
        for one in running:
            one.result()
    sequenced.append(sequencer().poll())
    assert sum(sequenced) == WRITERS * EVENTS_EACH, "each event is counted by the one sequencer that placed it"
    assert_is_one_order_of(whole(log), store)
    assert log.last() == WRITERS * EVENTS_EACH


def test_a_feed_gives_what_came_after_and_a_new_sequencer_what_came_before(
    store: DynamoEventStore, log: GlobalLog, sequencer: Callable[[], Sequencer]
) -> None:
    store.append([append_of(Stream("incident#before"), EVENTS[:3])])
    running = sequencer()
    assert running.poll() == 3
    store.append([append_of(store.load("incident#before"), EVENTS[:2])])
    store.append([append_of(Stream("incident#after"), EVENTS[:1])])
    assert running.poll() == 3
    assert running.poll() == 0
    assert sequencer().poll() == 0
    assert_is_one_order_of(whole(log), store)


def test_more_streams_than_one_transaction_takes_become_several_entries(
    store: DynamoEventStore, log: GlobalLog, sequencer: Callable[[], Sequencer]
) -> None:
    streams = ENTRY_STREAMS + 7
    for n in range(streams):
        store.append([append_of(Stream(f"incident#{n}"), EVENTS[:1])])
    assert sequencer().poll() == streams
    assert_is_one_order_of(whole(log), store)


@pytest.mark.parametrize(("after", "limit"), [(0, 4), (1, 3), (3, 1), (4, 100), (7, 5), (9, 5)])
def test_a_reader_may_begin_and_end_inside_an_entry(
    store: DynamoEventStore, log: GlobalLog, sequencer: Callable[[], Sequencer], after: int, limit: int
) -> None:
    for name, count in (("incident#a", 3), ("incident#b", 2), ("incident#a", 4)):
        store.append([append_of(store.load(name), EVENTS[:count])])
        sequencer().poll()
    assert log.read(after, limit) == whole(log)[after : after + limit]
    assert len(whole(log)) == 9


def test_an_entry_made_from_an_old_state_is_refused_whole(store: DynamoEventStore, log: GlobalLog) -> None:
    store.append([append_of(Stream("incident#a"), EVENTS[:2])])
    old = log.state(["incident#a", "incident#b"])
    mine, other = next_entry(old, {"incident#a": 2}), next_entry(old, {"incident#a": 2})
    assert mine is not None
    assert other is not None
    assert log.append(mine, old)
    assert not log.append(other, old)
    assert [one.event.version for one in whole(log)] == [1, 2]


def test_head_and_cursors_of_two_moments_are_refused(store: DynamoEventStore, log: GlobalLog) -> None:
    """Head and cursors are read as two items: an entry may come between, so each is checked for itself."""
    store.append([append_of(Stream("incident#a"), EVENTS[:2])])
    old = log.state(["incident#a"])
    entry = next_entry(old, {"incident#a": 2})
    assert entry is not None
    assert log.append(entry, old)
    store.append([append_of(store.load("incident#a"), EVENTS[:1])])
    now = log.state(["incident#a"])
    for torn in (LogState(now.last, old.done), LogState(old.last, now.done), LogState(now.last + 3, now.done)):
        entry = next_entry(torn, {"incident#a": 3})
        assert entry is not None
        assert not log.append(entry, torn)
    assert [one.event.version for one in whole(log)] == [1, 2]


def test_a_lost_log_is_made_anew(
    client: Callable[[str], Any],
    tables: Tables,
    store: DynamoEventStore,
    log: GlobalLog,
    sequencer: Callable[[], Sequencer],
) -> None:
    for n in range(3):
        store.append([append_of(Stream(f"incident#{n}"), EVENTS[: n + 1])])
        sequencer().poll()
    before = whole(log)
    for table, keys in ((tables.log, ("log", "position")), (tables.cursors, ("name",))):
        for item in client("dynamodb").scan(TableName=table)["Items"]:
            client("dynamodb").delete_item(TableName=table, Key={key: item[key] for key in keys})
    assert whole(log) == []
    assert sequencer().poll() == len(before) == 6
    assert_is_one_order_of(whole(log), store)


def test_an_event_that_the_log_names_and_the_store_has_not_is_told(store: DynamoEventStore, log: GlobalLog) -> None:
    state = log.state(["incident#never"])
    entry = next_entry(state, {"incident#never": 2})
    assert entry is not None
    log.append(entry, state)
    with pytest.raises(StoreCorrupt, match="incident#never:1"):
        log.read()


def test_the_library_reads_our_streams_in_the_sequencers_order(
    client: Callable[[str], Any],
    tables: Tables,
    store: DynamoEventStore,
    log: GlobalLog,
    sequencer: Callable[[], Sequencer],
) -> None:
    recorder = DynamoApplicationRecorder(Persistence(client("dynamodb"), tables, SystemClock()))
    mapper = EnvelopeMapper(JSONTranscoder())
    events = append_of(Stream("incident#ours"), EVENTS[:4]).events
    stored = [mapper.to_stored_event(EnvelopeEvent(event.envelope, event.event)) for event in events]
    assert recorder.insert_events(stored[:3]) is None, "positions come later in sequencer mode"
    assert recorder.max_notification_id() is None
    assert store.load("incident#ours").events == events[:3], "byte for byte what the port would have written"
    with pytest.raises(IntegrityError):
        recorder.insert_events(stored[:1])
    recorder.insert_events(stored[3:])
    sequencer().poll()
    notifications = recorder.select_notifications(start=None, limit=10)
    assert [(n.id, n.originator_id, n.originator_version) for n in notifications] == [
        (n, "incident#ours", n) for n in (1, 2, 3, 4)
    ]
    assert [mapper.to_domain_event(n).event for n in notifications] == EVENTS[:4]
    assert audit(store).ok


def test_a_counter_and_a_sequencer_on_one_log_place_each_event_once(
    client: Callable[[str], Any],
    tables: Tables,
    store: DynamoEventStore,
    log: GlobalLog,
    sequencer: Callable[[], Sequencer],
) -> None:
    counting = DynamoApplicationRecorder(Persistence(client("dynamodb"), tables, SystemClock(), ordering="counter"))
    mapper = EnvelopeMapper(JSONTranscoder())
    store.append([append_of(Stream("incident#a"), EVENTS[:2])])
    (third,) = append_of(store.load("incident#a"), EVENTS[2:3]).events
    assert counting.insert_events([mapper.to_stored_event(EnvelopeEvent(third.envelope, third.event))]) == [3]
    store.append([append_of(store.load("incident#a"), EVENTS[:1])])
    assert sequencer().poll() == 1
    assert_is_one_order_of(whole(log), store)


def test_counting_writers_who_do_not_know_each_other_get_ids_without_gap(
    client: Callable[[str], Any], tables: Tables, store: DynamoEventStore, log: GlobalLog
) -> None:
    def insert(_: int) -> list[int]:
        """A process of its own, as far as the line of waiting writers is concerned."""
        persistence = Persistence(client("dynamodb"), tables, SystemClock(), ordering="counter")
        recorder = DynamoApplicationRecorder(persistence)
        ids: list[int] = []
        for _ in range(10):
            originator = uuid4()
            events = [StoredEvent(originator, version, "topic", b"state") for version in (1, 2)]
            ids += recorder.insert_events(events) or []
        return ids

    with ThreadPoolExecutor(4) as pool:
        given = [number for ids in pool.map(insert, range(4)) for number in ids]
    assert sorted(given) == list(range(1, 81))
    assert_is_one_order_of(whole(log), store)
    assert audit(store).ok


def test_events_and_tracking_are_written_together_or_not_at_all(
    client: Callable[[str], Any], tables: Tables, store: DynamoEventStore
) -> None:
    recorder = DynamoProcessRecorder(Persistence(client("dynamodb"), tables, SystemClock(), ordering="counter"))
    mapper = EnvelopeMapper(JSONTranscoder())
    first, second = (
        mapper.to_stored_event(EnvelopeEvent(event.envelope, event.event))
        for event in append_of(Stream("incident#a"), EVENTS[:2]).events
    )
    assert recorder.insert_events([first], tracking=Tracking("upstream", 5)) == [1]
    with pytest.raises(IntegrityError):
        recorder.insert_events([second], tracking=Tracking("upstream", 5))
    assert (store.load("incident#a").version, recorder.max_notification_id()) == (1, 1)
