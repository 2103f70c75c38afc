"""ports: what projections need: the store to fill gaps from, and somewhere to keep read models.

ReadModelError
├── ReadModelBehind       another writer was first, or this one is behind: load again   (retryable)
└── ReadModelUnavailable  no answer                                                     (retryable)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from resilibot.runtime.event_store.port import EventStore


class ReadModelError(Exception):
    code: ClassVar[str] = "read_model_error"
    retryable: ClassVar[bool] = True


class ReadModelBehind(ReadModelError):
    code = "read_model_behind"


class ReadModelUnavailable(ReadModelError):
    code = "read_model_unavailable"


class ReadModels(Protocol):
    def version(self, stream: str) -> int:
        """The version that the read models of a stream stand at; 0 when there are none."""
        ...

    def save(self, stream: str, states: Mapping[str, Any], expected: int, version: int) -> None:
        """Replace the states of a stream, all or none, if they stand at `expected`. Raises ReadModelError."""
        ...

    def get(self, model: str, stream: str) -> Any | None:
        """The state of one read model, or None."""
        ...

    def newest_incidents(self, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """Incident rows, newest first, and the cursor of the next page. Raises ValueError on a bad cursor."""
        ...


@dataclass(frozen=True)
class Ports:
    store: EventStore
    models: ReadModels
    reveal: Callable[[Any], Any] = lambda state: state  # names as people may read them; only for what is shown
