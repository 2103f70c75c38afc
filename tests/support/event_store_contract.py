"""EventStoreContract: what every event store must do. Subclass it with a `store` fixture."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.runtime.event_store.port import Append, EventStore, StoreError, Stream, Timer, VersionConflict
from resilibot.runtime.event_store.verify import audit
from tests.support.story import INCIDENT_EVENTS, at, recorded

EVENTS = INCIDENT_EVENTS


def append_of(stream: Stream, events: Sequence[DomainEvent]) -> Append:
    """`events` linked to the end of `stream`."""
    linked: list[RecordedEvent] = []
    prev_hash = stream.hash
    for number, made in enumerate(recorded(stream.id, list(events))):
        envelope = made.envelope.model_copy(update={"version": stream.version + 1 + number})
        linked.append(RecordedEvent.after(prev_hash, envelope))
        prev_hash = linked[-1].hash
    return Append(stream.id, stream.version, tuple(linked))


class EventStoreContract:
    @pytest.fixture
    def name(self) -> str:
        return f"incident#{uuid4().hex}"

    def test_an_unknown_stream_is_empty(self, store: EventStore, name: str) -> None:
        assert store.load(name) == Stream(name, (), 0, GENESIS)

    def test_what_is_appended_is_loaded_byte_for_byte(self, store: EventStore, name: str) -> None:
        append = append_of(Stream(name), EVENTS[:5])
        store.append([append])
        stream = store.load(name)
        assert [event.body for event in stream.events] == [event.body for event in append.events]
        assert (stream.version, stream.hash) == (5, append.events[-1].hash)

    def test_the_second_writer_of_a_version_conflicts_and_writes_nothing(self, store: EventStore, name: str) -> None:
        store.append([append_of(Stream(name), EVENTS[:2])])
        with pytest.raises(VersionConflict):
            store.append([append_of(Stream(name), EVENTS[:3])])
        assert store.load(name).version == 2

    def test_a_stale_hash_is_refused(self, store: EventStore, name: str) -> None:
        store.append([append_of(Stream(name), EVENTS[:2])])
        forged = Stream(name, (), 2, "f" * 64)
        with pytest.raises(StoreError):
            store.append([append_of(forged, EVENTS[:1])])
        assert store.load(name).version == 2

    def test_a_skipped_version_is_refused(self, store: EventStore, name: str) -> None:
        store.append([append_of(Stream(name), EVENTS[:2])])
        ahead = Stream(name, (), 7, store.load(name).hash)
        with pytest.raises(StoreError):
            store.append([append_of(ahead, EVENTS[:1])])
        assert store.load(name).version == 2

    def test_two_streams_are_written_together_or_not_at_all(self, store: EventStore, name: str) -> None:
        other = f"target#{uuid4().hex}"
        store.append([append_of(Stream(other), EVENTS[:1])])
        with pytest.raises(VersionConflict):
            store.append([append_of(Stream(name), EVENTS[:1]), append_of(Stream(other), EVENTS[:1])])
        assert store.load(name).version == 0
        store.append([append_of(Stream(name), EVENTS[:1]), append_of(store.load(other), EVENTS[:1])])
        assert (store.load(name).version, store.load(other).version) == (1, 2)

    @pytest.mark.parametrize(("after", "upto"), [(0, 3), (1, 4), (2, 6), (3, 3), (4, None), (6, None), (0, 99)])
    def test_a_part_may_begin_and_end_inside_a_commit(
        self, store: EventStore, name: str, after: int, upto: int | None
    ) -> None:
        for events in (EVENTS[:3], EVENTS[3:5], EVENTS[5:9]):
            store.append([append_of(store.load(name), events)])
        whole = store.load(name).events
        assert store.load(name, after=after, upto=upto).events == whole[after:upto]

    def test_timers_are_stored_with_the_append(self, store: EventStore, name: str) -> None:
        timer = Timer("e1:lease", "act", "lease", name, "e1", at(60))
        store.append([append_of(Stream(name), EVENTS[:1])], [timer])
        assert timer in self.timers_of(store)

    def test_heads_name_every_stream(self, store: EventStore, name: str) -> None:
        store.append([append_of(Stream(name), EVENTS[:2])])
        store.append([append_of(store.load(name), EVENTS[2:5])])
        head = next(head for head in store.heads() if head.stream == name)
        assert (head.version, head.lo, head.category) == (5, 3, "incident")

    def test_concurrent_writers_lose_nothing_and_fork_nothing(self, store: EventStore, name: str) -> None:
        def write(writer: int) -> int:
            done = 0
            while done < 6:
                try:
                    store.append([append_of(store.load(name), EVENTS[: 1 + writer % 3])])
                except VersionConflict:
                    continue
                done += 1
            return done * (1 + writer % 3)

        with ThreadPoolExecutor(8) as pool:
            written = sum(pool.map(write, range(8)))
        stream = store.load(name)
        assert [event.version for event in stream.events] == list(range(1, written + 1))
        assert not audit(store, name).faults  # type: ignore[arg-type]  # both stores can be audited

    def test_an_audit_during_appends_finds_no_fault(self, store: EventStore, name: str) -> None:
        store.append([append_of(Stream(name), EVENTS[:1])])
        stop = threading.Event()

        def keep_writing() -> None:
            while not stop.is_set():
                store.append([append_of(store.load(name), EVENTS[1:2])])

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(keep_writing)
            try:
                reports = [audit(store, name) for _ in range(10)]  # type: ignore[arg-type]  # both can be audited
            finally:
                stop.set()
            writing.result()
        assert [report.faults for report in reports] == [()] * 10

    def timers_of(self, store: EventStore) -> Sequence[Timer]:
        raise NotImplementedError
