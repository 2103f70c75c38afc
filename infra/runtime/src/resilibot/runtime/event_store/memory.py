"""InMemoryEventStore: the event store's port in a dictionary, for unit tests and the simulation. Thread-safe."""

import threading
from collections.abc import Iterator, Sequence

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.event_store.port import Append, Head, Stream, Timer, VersionConflict
from resilibot.runtime.event_store.verify import Commit


class InMemoryEventStore:
    """Keeps commits as the DynamoDB store does, so that the same audit runs over both."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, list[RecordedEvent]] = {}
        self._heads: dict[str, Head] = {}
        self._commits: dict[str, list[Commit]] = {}
        self.timers: dict[str, Timer] = {}

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        with self._lock:
            events = tuple(self._events.get(stream, ())[after:upto])
        return Stream.of(stream, events) if events else Stream(stream, (), after)

    def append(self, appends: Sequence[Append], timers: Sequence[Timer] = ()) -> None:
        with self._lock:
            for append in appends:
                head = self._heads.get(append.stream)
                at = (head.version, head.hash) if head else (0, GENESIS)
                if at != (append.expected, append.prev_hash):
                    raise VersionConflict(f"{append.stream}: expected {append.expected}, is at {at[0]}")
            for append in appends:
                self._put(append)
            for timer in timers:
                self.timers.setdefault(timer.id, timer)

    def heads(self) -> Iterator[Head]:
        with self._lock:
            return iter(list(self._heads.values()))

    def streams(self) -> set[str]:
        with self._lock:
            return set(self._commits)

    def head(self, stream: str) -> Head | None:
        with self._lock:
            return self._heads.get(stream)

    def commits(self, stream: str) -> list[Commit]:
        with self._lock:
            return list(self._commits.get(stream, ()))

    def _put(self, append: Append) -> None:
        last = append.events[-1]
        self._events.setdefault(append.stream, []).extend(append.events)
        self._commits.setdefault(append.stream, []).append(
            Commit(
                stream=append.stream,
                version=append.expected + 1,
                last=last.version,
                prev_hash=append.prev_hash,
                hash=last.hash,
                bodies=tuple(event.body for event in append.events),
            )
        )
        category = append.stream.partition("#")[0]
        self._heads[append.stream] = Head(
            append.stream, last.version, last.hash, append.expected + 1, category, last.envelope.recorded_at
        )
