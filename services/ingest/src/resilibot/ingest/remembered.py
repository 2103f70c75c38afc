"""remembered: where signal streams and their incidents stood: a storm must not load a stream once per signal.

What a history says of the past stays true, and whatever is decided upon it is appended only if the stream still ends
where the history does. So a stale memory costs a refused append and a load, and nothing else.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.ingest.admit import Doorstep, fold_doorstep
from resilibot.ingest.attach import SignalHistory, fold_signals
from resilibot.runtime.event_store.port import EventStore, Stream

KEPT_IDS = 100_000  # source ids over all streams, some 15 MB; a stream that was let go is folded anew
KEPT_STREAMS = 2_000  # some 13 KB each, however few its ids


@dataclass(frozen=True)
class Remembered:
    """A signal stream's fold and its last event; no other event is kept."""

    history: SignalHistory
    doorstep: Doorstep
    end: RecordedEvent | None = None

    def stream(self, name: str) -> Stream:
        """The stream as a writer needs it: its end, to append after."""
        return Stream(name, (self.end,), self.end.version, self.end.hash) if self.end else Stream(name)


@dataclass(frozen=True)
class Noted:
    """Which source ids are on a stream of ignored things, and its end; no other event is kept."""

    stream: Stream
    seen: set[str]  # grows

    @classmethod
    def of(cls, whole: Stream) -> "Noted":
        return cls(Stream(whole.id, whole.events[-1:], whole.version, whole.hash), ignored_ids(whole.events))

    def went_on(self, appended: Sequence[RecordedEvent]) -> "Noted | None":
        """None: others wrote to it in between."""
        if appended[0].prev_hash != self.stream.hash:
            return None
        end = appended[-1]
        self.seen.update(ignored_ids(appended))
        return Noted(Stream(self.stream.id, (end,), end.version, end.hash), self.seen)


def ignored_ids(events: Sequence[RecordedEvent]) -> set[str]:
    readable = (recorded.readable for recorded in events)
    return {event.source_id for event in readable if isinstance(event, e.SignalIgnoredV1)}


class SignalMemory:
    """The histories used last. One thread at a time."""

    def __init__(self, store: EventStore, kept_ids: int = KEPT_IDS) -> None:
        self._store = store
        self._kept_ids = kept_ids
        self._known: OrderedDict[str, Remembered] = OrderedDict()
        self._ids = 0

    def recall(self, name: str) -> Remembered:
        """From memory, else folded from the store. Raises StoreError."""
        known = self._known.get(name)
        if known is None:
            events = self._store.load(name).events
            known = Remembered(fold_signals(events), fold_doorstep(events), events[-1] if events else None)
            self._keep(name, known)
        self._known.move_to_end(name)
        return known

    def went_on(self, name: str, appended: Sequence[RecordedEvent]) -> None:
        """These events were appended; a stream that others wrote to in between is forgotten."""
        known = self._known.get(name)
        if known is None or not appended:
            return
        if appended[0].prev_hash == known.stream(name).hash:
            history = fold_signals(appended, known.history)
            self._keep(name, Remembered(history, fold_doorstep(appended, known.doorstep), appended[-1]))
        else:
            self._forget(name)

    def _keep(self, name: str, known: Remembered) -> None:
        self._forget(name)
        self._known[name] = known
        self._ids += len(known.history.seen)
        while (self._ids > self._kept_ids or len(self._known) > KEPT_STREAMS) and len(self._known) > 1:
            self._forget(next(iter(self._known)))

    def _forget(self, name: str) -> None:
        known = self._known.pop(name, None)
        self._ids -= len(known.history.seen) if known else 0
