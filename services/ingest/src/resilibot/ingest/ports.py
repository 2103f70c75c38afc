"""ports: what ingest needs from the world.

IntakeError
└── QueueUnavailable   the intake queue does not answer; nothing was taken   (retryable)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.webhooks import Proof
from resilibot.runtime.clock import Clock


class IntakeError(Exception):
    code: ClassVar[str] = "intake_error"
    retryable: ClassVar[bool] = True


class QueueUnavailable(IntakeError):
    code = "queue_unavailable"


class IntakeQueue(Protocol):
    """Where raw signals wait until they are taken in."""

    def put(self, message: str) -> None:
        """Durable when it returns. Raises QueueUnavailable."""
        ...


class NoQueue:
    """For where nothing comes through webhooks."""

    def put(self, message: str) -> None:
        raise QueueUnavailable("no intake queue is configured")


@dataclass(frozen=True)
class Ports:
    settings: IngestSettings
    clock: Clock
    sources: Callable[[], Mapping[str, Proof]] = dict  # declared webhook sources, by name
    queue: Callable[[], IntakeQueue] = NoQueue  # made when it is first needed: most invocations put nothing in
