"""ports: what projections need: the store to fill gaps from, and somewhere to keep read models.

ReadModelError
├── ReadModelBehind       another writer was first, or this one is behind: load again   (retryable)
├── RebuildUnderWay       another rebuild is not finished: resume or abandon it         (not retryable)
└── ReadModelUnavailable  no answer                                                     (retryable)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from resilibot.projections.settings import AskSettings
from resilibot.runtime.clock import Clock, SystemClock
from resilibot.runtime.event_store.log_entries import Sequenced
from resilibot.runtime.event_store.port import EventStore
from resilibot.runtime.event_store.recall import History, Recall

if TYPE_CHECKING:
    from resilibot.runtime.models.port import Model


class ReadModelError(Exception):
    code: ClassVar[str] = "read_model_error"
    retryable: ClassVar[bool] = True


class ReadModelBehind(ReadModelError):
    code = "read_model_behind"


class RebuildUnderWay(ReadModelError):
    code = "rebuild_under_way"
    retryable = False


class ReadModelUnavailable(ReadModelError):
    code = "read_model_unavailable"


class ReadModels(Protocol):
    """The versions say how far a stream is shown; a stream of a category that nothing shows has none."""

    def version(self, stream: str) -> int:
        """The version that the read models of a stream stand at, the lowest of them; 0 when one is missing."""
        ...

    def versions(self, streams: Sequence[str]) -> dict[str, int]:
        """The same for many streams; those of a category that nothing shows are left out. Raises ReadModelError."""
        ...

    def save(self, stream: str, states: Mapping[str, Any], version: int) -> None:
        """Replace the states of a stream, all or none, unless one is beyond `version`. Raises ReadModelError."""
        ...

    def get(self, model: str, stream: str) -> Any | None:
        """The state of one read model, or None."""
        ...

    def newest_incidents(
        self, limit: int, cursor: str | None, opened_by: datetime | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Incident rows, newest first, and the cursor of the next page; `opened_by` leaves out those opened later.

        Raises ValueError on a bad cursor.
        """
        ...


@dataclass(frozen=True)
class Job:
    """A rebuild under way: the table versions that it fills, by model. `is_switched`: readers use them already."""

    targets: Mapping[str, int]
    segments: int
    is_switched: bool = False


@dataclass(frozen=True)
class Progress:
    """How far one segment of a rebuild is: streams and events folded, and the last stream done."""

    segment: int
    after: str | None = None
    is_done: bool = False
    streams: int = 0
    events: int = 0


class RebuildTables(Protocol):
    """New tables for read models, and a record of the rebuild that survives its process. All raise ReadModelError."""

    def live(self) -> dict[str, int]:
        """Live table version by model, past any cache."""
        ...

    def job(self) -> Job | None:
        """The rebuild that is under way, whoever began it."""
        ...

    def begin(self, job: Job) -> None:
        """Create the job's tables and record it. Raises RebuildUnderWay if another was begun meanwhile."""
        ...

    def models(self, job: Job) -> ReadModels:
        """The job's tables, whoever reads the live ones."""
        ...

    def progress(self, segment: int) -> Progress: ...

    def record(self, progress: Progress) -> None: ...

    def switch(self, job: Job) -> None:
        """Make the job's tables the live ones, all at once, if no one else changed the names. Else ReadModelBehind."""
        ...

    def end(self, job: Job) -> None:
        """Forget the job and its progress; its tables stay."""
        ...


class Log(Protocol):
    """The derived order over the events of all streams: positions from 1, without gaps."""

    def read(self, after: int = 0, limit: int = 100) -> Sequence[Sequenced]:
        """At most `limit` events with a position above `after`, in order. Raises StoreError."""
        ...


@dataclass(frozen=True)
class Reader:
    """A model that reads the questions which the rules do not."""

    settings: AskSettings
    model: "Model"
    nonce: Callable[[], str]  # not to be guessed by who names a service
    take: Callable[[], bool]  # one more question of this hour's; False: none is left


@dataclass(frozen=True)
class Ports:
    store: EventStore
    models: ReadModels
    reveal: Callable[[Any], Any] = lambda state: state  # names as people may read them; only for what is shown
    log: Log | None = None  # None: this home keeps no order over all streams
    clock: Clock = field(default_factory=SystemClock)  # what "yesterday" is counted from
    reader: Reader | None = None  # None: the rules alone read questions

    @cached_property
    def history(self) -> History:
        """The store, for showing how things were: what was read once is not read again."""
        return Recall(self.store)
