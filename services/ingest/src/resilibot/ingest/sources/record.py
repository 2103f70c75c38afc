"""record: one thing that came in, and what can come of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from resilibot.contracts.canonical import content_hash
from resilibot.contracts.signal import Signal
from resilibot.ingest.sources.fields import clean

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=10)  # within it the same content is the same message, delivered again


@dataclass(frozen=True)
class Record:
    """A JSON object, peeled out of its envelopes.

    message_id: of the innermost envelope that has one, and was not made from its content. part: which of several
    records of that message it is ("3.").
    place: where it stood, for error texts ("Records.3.Message.").
    """

    body: dict[str, Any]
    received_at: datetime
    message_id: str = ""
    part: str = ""
    place: str = ""
    is_from_queue: bool = False  # of our own, which takes from our own topics and rules alone
    _hashes: dict[int, tuple[object, str]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def own_id(self) -> str:
        """What makes a redelivery recognisable where the record itself has no id."""
        own = self.message_id or self.of_content(f"sha256:{self._hash()}")
        return f"{own}/{self.part}" if self.part else own

    def of_content(self, made: str) -> str:
        """An id made from what a record says. What says the same is another signal when it comes later.

        The time of arrival is the same at each redelivery by a queue.
        """
        return f"{made}~{(self.received_at - EPOCH) // STEP}"

    def _hash(self) -> str:
        """Once for all parts of a body, which is held so that nothing else gets its place."""
        key = id(self.body)
        if key not in self._hashes:
            self._hashes[key] = (self.body, content_hash(self.body))
        return self._hashes[key][1]

    def within(self, place: str) -> "Record":
        """One of several of this record: told apart by its place."""
        return replace(self, part=f"{self.part}{place}.", place=f"{self.place}{place}.")

    def carried_by(self, message_id: object) -> "Record":
        """What is inside a message with an id of its own, if it has one."""
        return replace(self, message_id=message_id, part="") if isinstance(message_id, str) and message_id else self


@dataclass(frozen=True)
class Ignored:
    """Well-formed, and nothing to act on."""

    source: str
    kind: str
    reason: str
    source_id: str
    received_at: datetime = field(compare=False)


@dataclass(frozen=True)
class Refused:
    """One record of several that cannot be read; `reason` names the field."""

    reason: str


Item = Signal | Ignored | Refused


@dataclass(frozen=True)
class Source:
    """A sender of signals: how its records are told from all others, and what they say.

    recognises(body): cheap, decides by shape, never raises. read(record): yields at least one item, or raises
    MalformedSignal naming the field; what was yielded before counts.
    """

    name: str
    recognises: Callable[[dict[str, Any]], bool]
    read: Callable[[Record], Iterator[Item]]


def ignored(record: Record, source: str, kind: str, reason: str, source_id: str = "") -> Ignored:
    bounded_id = clean(source_id or record.own_id, 200)
    return Ignored(source, clean(kind, 200), clean(reason, 500), bounded_id, record.received_at)
