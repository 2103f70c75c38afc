"""folds: what streams come to, each remembered with its last event; no other event is kept.

A stream only ever grows, and the hash of an event covers every event before it. So a fold goes on from where it was,
with what is new alone, and memory does not grow with the length of a stream.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

from resilibot.contracts.case import IncidentCase, empty_case, evolve
from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.event_store.port import ChainBroken, Stream
from resilibot.runtime.event_store.recall import History

KEPT_CASES = 256  # a case holds its evidence, some 50 KB

Fold = TypeVar("Fold")


@dataclass(frozen=True, slots=True)
class _Known(Generic[Fold]):
    end: Stream  # its last event alone, to append after
    fold: Fold
    size: int


class Folds(Generic[Fold]):
    """The folds of the streams used last, `kept` in all, each counted by its `size`; always that of the very last.

    `begin(key)` is the fold of an empty stream, `further` takes some events more. `store` is asked for what was not
    handed over; without one, only whole streams are folded. Two threads that fold one stream at the same time do the
    same work twice, and no harm where folds are values.
    """

    def __init__(
        self,
        begin: Callable[[str], Fold],
        further: Callable[[Fold, Sequence[RecordedEvent]], Fold],
        kept: int,
        store: History | None = None,
        size: Callable[[Fold], int] = lambda fold: 1,
    ) -> None:
        self._begin = begin
        self._further = further
        self._kept = kept
        self._store = store
        self._size = size
        self._known: OrderedDict[str, _Known[Fold]] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()

    def fold(self, stream: Stream) -> Fold:
        """After all events of a stream that is whole, or an end of it. Raises StoreError."""
        return self._at(stream).fold

    def end(self, name: str) -> Stream:
        """The stream as it is now, as far as a writer needs it: its last event, to append after. Raises StoreError."""
        known = self._known.get(name) or self._empty(name)
        new = self._stored().load(name, after=known.end.version)
        return self._at(new if new.events else known.end).end

    def last_end(self, name: str) -> Stream:
        """The same as it was seen last, and read only if it never was: others may have written to it since.

        What is decided upon it is appended only if the stream still ends there. Raises StoreError.
        """
        known = self._known.get(name)
        return known.end if known else self.end(name)

    def _at(self, stream: Stream) -> _Known[Fold]:
        known = self._known.get(stream.id) or self._empty(stream.id)
        before = stream.version - len(stream.events)
        new = stream.events[max(known.end.version - before, 0) :]
        if (new[0].prev_hash if new else stream.hash) != known.end.hash:
            # another history, an earlier end, or one whose beginning is not kept any more
            known, new = self._empty(stream.id), self._whole(stream).events
        if new:
            fold = self._further(known.fold, new)
            known = _Known(Stream.of(stream.id, new[-1:]), fold, self._size(fold))
        self._keep(known)
        return known

    def _empty(self, name: str) -> _Known[Fold]:
        fold = self._begin(name.partition("#")[2])
        return _Known(Stream(name), fold, self._size(fold))

    def _whole(self, stream: Stream) -> Stream:
        if len(stream.events) == stream.version:
            return stream
        loaded = self._stored().load(stream.id, upto=stream.version)
        if stream.events and loaded.hash != stream.hash:
            raise ChainBroken(f"{stream.id}:{stream.version}", "the store does not tell the history of this event")
        return loaded

    def _stored(self) -> History:
        assert self._store is not None  # noqa: S101  who has none folds whole streams alone
        return self._store

    def _keep(self, known: _Known[Fold]) -> None:
        with self._lock:
            before = self._known.pop(known.end.id, None)
            self._known[known.end.id] = known
            self._total += known.size - (before.size if before else 0)
            while self._total > self._kept and len(self._known) > 1:
                _, let_go = self._known.popitem(last=False)
                self._total -= let_go.size


def case_folds(store: History | None = None) -> Folds[IncidentCase]:
    """Of incident streams."""
    return Folds(empty_case, lambda case, events: reduce(evolve, events, case), KEPT_CASES, store)
