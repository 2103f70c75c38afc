"""The event store's port: streams of recorded events, appended atomically under optimistic concurrency.

StoreError
├── VersionConflict    someone appended first: fold again, decide again        (retryable)
├── ChainBroken        stored bytes do not hash to what the chain says          (never retry)
├── StoreCorrupt       HEAD and commits disagree                               (never retry)
└── StoreUnavailable   throttled, timed out, unreachable; nothing is known      (retryable)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.envelope import RecordedEvent


class StoreError(Exception):
    code: ClassVar[str] = "store_error"
    retryable: ClassVar[bool] = False


class VersionConflict(StoreError):
    code = "version_conflict"
    retryable = True


class ChainBroken(StoreError):
    """`place` names stream and version of the first event that does not fit."""

    code = "chain_broken"

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place
        self.why = why


class StoreCorrupt(StoreError):
    code = "store_corrupt"


class StoreUnavailable(StoreError):
    code = "store_unavailable"
    retryable = True


@dataclass(frozen=True)
class Head:
    """The HEAD item of a stream. `lo` is the first version of its last commit."""

    stream: str
    version: int
    hash: str
    lo: int
    category: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Stream:
    """Events `after+1 .. version` of one stream, chain verified. An unknown stream is empty at version 0.

    `version` and `hash` are those of the last event loaded; with `after`, `hash` of an empty result is only known
    when after == 0 (GENESIS).
    """

    id: str
    events: tuple[RecordedEvent, ...] = ()
    version: int = 0
    hash: str = GENESIS

    @classmethod
    def of(cls, name: str, events: tuple[RecordedEvent, ...]) -> "Stream":
        """A stream that ends with these events; without any it is empty."""
        return cls(name, events, events[-1].version, events[-1].hash) if events else cls(name)


@dataclass(frozen=True)
class Append:
    """Linked events to put after version `expected` whose hash is `prev_hash` (of events[0])."""

    stream: str
    expected: int
    events: tuple[RecordedEvent, ...]

    @property
    def prev_hash(self) -> str:
        return self.events[0].prev_hash


@dataclass(frozen=True)
class Timer:
    """A durable timer: at `due_at` the owner's queue gets a TimerDue. `id` is derived from the event, so it repeats.

    `stream` is the stream it concerns, `cause` the id of the event it follows from, `kind` the owner's word for it.
    """

    id: str
    owner: str
    kind: str
    stream: str
    cause: str
    due_at: datetime


class EventStore(Protocol):
    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        """Events with after < version <= upto, strongly consistent, chain verified.

        Raises ChainBroken, StoreCorrupt, StoreUnavailable.
        """
        ...

    def append(self, appends: Sequence[Append], timers: Sequence[Timer] = ()) -> None:
        """All of it or nothing, in one transaction; timers that exist already stay as they are.

        Raises VersionConflict, StoreCorrupt, StoreUnavailable, ValueError (a commit too large, events not linked).
        """
        ...

    def heads(self) -> Iterator[Head]:
        """Every stream's HEAD, in no order (a scan)."""
        ...
