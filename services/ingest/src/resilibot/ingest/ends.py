"""ends: folds of streams, each with the last event that it stands at; no other event is kept.

A stream only ever grows, and the hash of its last event covers every event before it. So a fold goes on from where it
was, with what is new alone, and memory does not grow with the length of a stream.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.event_store.recall import History

Fold = TypeVar("Fold")


@dataclass(frozen=True)
class _Known(Generic[Fold]):
    end: Stream  # its last event alone
    fold: Fold


class Ends(Generic[Fold]):
    """`begin(key)` is the fold of an empty stream, `step` takes one event more. `kept`: the streams used last.

    One thread at a time.
    """

    def __init__(
        self, store: History, begin: Callable[[str], Fold], step: Callable[[Fold, RecordedEvent], Fold], kept: int
    ) -> None:
        self._store = store
        self._begin = begin
        self._step = step
        self._kept = kept
        self._known: OrderedDict[str, _Known[Fold]] = OrderedDict()

    def end(self, name: str) -> Stream:
        """The stream as it is now, as far as a writer needs it: its last event, to append after. Raises StoreError."""
        known = self._known.get(name)
        return self._folded(self._store.load(name, after=known.end.version if known else 0)).end

    def fold(self, stream: Stream) -> Fold:
        """Of a stream that is whole, or an end of it. Raises StoreError."""
        return self._folded(stream).fold

    def _folded(self, stream: Stream) -> _Known[Fold]:
        known = self._known.pop(stream.id, None) or self._empty(stream.id)
        further = tuple(event for event in stream.events if event.version > known.end.version)
        joint = further[0].prev_hash if further else stream.hash
        if stream.events and joint != known.end.hash:  # another history, or an end whose beginning is not kept any more
            known, further = self._empty(stream.id), self._store.load(stream.id).events
        if further:
            fold, last = known.fold, further[-1]
            for event in further:
                fold = self._step(fold, event)
            known = _Known(Stream(stream.id, (last,), last.version, last.hash), fold)
        self._known[stream.id] = known
        if len(self._known) > self._kept:
            self._known.popitem(last=False)
        return known

    def _empty(self, name: str) -> _Known[Fold]:
        return _Known(Stream(name), self._begin(name.partition("#")[2]))


class FurtherEnds(Mapping[str, Stream]):
    """`current`, into which of a further stream only its end is loaded, where its category is in `ends`."""

    def __init__(self, current: MutableMapping[str, Stream], ends: Mapping[str, Ends[Any]]) -> None:
        self._current = current
        self._ends = ends

    def __getitem__(self, name: str) -> Stream:
        ends = self._ends.get(name.partition("#")[0])
        if ends and name not in self._current:
            self._current[name] = ends.end(name)
        return self._current[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current)

    def __len__(self) -> int:
        return len(self._current)
