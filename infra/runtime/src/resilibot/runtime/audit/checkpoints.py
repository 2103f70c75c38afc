"""checkpoints: the place where checkpoints are kept, and the taking of one.

CheckpointsError
├── NumberTaken             somebody put that number first: look again, take the next  (retryable)
└── CheckpointsUnavailable  the place did not answer                                    (retryable)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from resilibot.contracts.canonical import GENESIS
from resilibot.runtime.audit.checkpoint import Checkpoint, CheckpointRefused, SigningKey, leaves_of, make, opened
from resilibot.runtime.event_store.port import Head

ATTEMPTS = 5


class CheckpointsError(Exception):
    code: ClassVar[str] = "checkpoints_error"
    retryable: ClassVar[bool] = True


class NumberTaken(CheckpointsError):
    code = "number_taken"


class CheckpointsUnavailable(CheckpointsError):
    code = "checkpoints_unavailable"


@dataclass(frozen=True)
class Row:
    """One number and the first thing written under it. `is_covered_up`: something was written or deleted over it."""

    number: int
    version: str = ""  # the place's own name for it
    is_covered_up: bool = False


class CheckpointStore(Protocol):
    """Append-only: a number is written once, and the first thing written under it stays readable."""

    def rows(self) -> list[Row]:
        """Ascending by number."""
        ...

    def read(self, row: Row) -> bytes: ...

    def put(self, number: int, content: bytes, now: datetime) -> None:
        """Raises NumberTaken if anything is there already."""
        ...


class InMemoryCheckpoints:
    def __init__(self) -> None:
        self.stored: dict[int, bytes] = {}

    def rows(self) -> list[Row]:
        return [Row(number) for number in sorted(self.stored)]

    def read(self, row: Row) -> bytes:
        return self.stored[row.number]

    def put(self, number: int, content: bytes, now: datetime) -> None:
        if number in self.stored:
            raise NumberTaken(str(number))
        self.stored[number] = content


class Headed(Protocol):
    def heads(self) -> Iterator[Head]: ...


@dataclass(frozen=True)
class Refused:
    """A checkpoint that proves nothing, and why."""

    number: int
    why: str
    detail: str


@dataclass(frozen=True)
class Opened:
    """All that lies there: the genuine ones in order, and what is wrong with the others or with their row."""

    genuine: tuple[Checkpoint, ...]
    refused: tuple[Refused, ...]


def open_all(store: CheckpointStore, key_id: str) -> Opened:
    """Read and check every checkpoint. debt: reads them all; a year of hourly ones is 8,760 objects."""
    genuine: list[Checkpoint] = []
    refused: list[Refused] = []
    last = 0
    for row in store.rows():
        number = row.number
        if number != last + 1:
            refused.append(Refused(last + 1, "missing", f"checkpoints {last + 1} to {number - 1} are missing"))
        last = number
        if row.is_covered_up:
            refused.append(Refused(number, "covered_up", "something was written or deleted over it; the first is read"))
        try:
            checkpoint = opened(store.read(row), key_id)
        except CheckpointRefused as error:
            refused.append(Refused(number, error.why, str(error)))
            continue
        if checkpoint.number != number:
            refused.append(Refused(number, "misplaced", f"it holds checkpoint {checkpoint.number}"))
            continue
        if checkpoint.statement.previous_root != (genuine[-1].statement.root if genuine else GENESIS):
            refused.append(Refused(number, "broken_link", "it does not follow the checkpoint before it"))
        genuine.append(checkpoint)
    return Opened(tuple(genuine), tuple(refused))


def take(
    store: Headed, checkpoints: CheckpointStore, key: SigningKey, now: datetime, *, only_if_changed: bool = False
) -> Checkpoint | None:
    """Sign where every stream ends now. None if nothing is there, or nothing changed and `only_if_changed`.

    HEADs need not be of one moment: each leaf stands alone. Raises CheckpointsError, StoreError.
    """
    number = 0
    for _ in range(ATTEMPTS):
        previous = _newest_genuine(checkpoints, key.key_id)
        leaves = leaves_of(store.heads())
        if not leaves or (only_if_changed and previous and previous.leaves == leaves):
            return None
        number = max(number, previous.number if previous else 0) + 1  # past whatever lies there and is not genuine
        made = make(leaves, number, previous, key, now)
        try:
            checkpoints.put(number, made.content(), now)
        except NumberTaken:
            continue
        return made
    raise NumberTaken(f"{ATTEMPTS} numbers in a row, up to {number}, were taken by others")


def _newest_genuine(checkpoints: CheckpointStore, key_id: str) -> Checkpoint | None:
    for row in reversed(checkpoints.rows()):
        try:
            newest = opened(checkpoints.read(row), key_id)
        except CheckpointRefused:
            continue  # open_all tells of it; the row goes on
        if newest.number == row.number:
            return newest
    return None
