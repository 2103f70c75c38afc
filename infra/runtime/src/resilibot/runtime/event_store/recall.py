"""recall: what was read of a stream stays true, so a history that is looked at again and again is loaded once.

What is decided upon it is appended only if the stream still ends there. What is kept was verified when it was read;
each later tail must continue its hash.
"""

import threading
from collections import OrderedDict
from typing import Protocol

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.event_store.port import Stream

KEPT_EVENTS = 10_000  # some 40 MB with their parsed form


class History(Protocol):
    """What can be asked for the events of a stream: every event store, and a recall of one."""

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        """Events with after < version <= upto, chain verified. Raises StoreError."""
        ...


class Recall:
    """Remembers the streams read last from `store`, `kept` events in all. Thread-safe."""

    def __init__(self, store: History, kept: int = KEPT_EVENTS) -> None:
        self._store = store
        self._kept = kept
        self._known: OrderedDict[str, tuple[RecordedEvent, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        known = self._known.get(stream, ())
        if upto is None or upto > len(known):
            known = self._further(stream, known)
            self._remember(stream, known)
        events = known[after:upto]
        return Stream.of(stream, events) if events else Stream(stream, (), after)

    def _further(self, stream: str, known: tuple[RecordedEvent, ...]) -> tuple[RecordedEvent, ...]:
        """`known` and what came after it; all of it anew if that does not continue it."""
        tail = self._store.load(stream, after=len(known)).events
        if tail and tail[0].prev_hash != (known[-1].hash if known else GENESIS):
            return self._store.load(stream).events
        return (*known, *tail)

    def _remember(self, stream: str, events: tuple[RecordedEvent, ...]) -> None:
        with self._lock:
            self._known[stream] = events
            self._known.move_to_end(stream)
            while sum(map(len, self._known.values())) > self._kept:
                self._known.popitem(last=False)
