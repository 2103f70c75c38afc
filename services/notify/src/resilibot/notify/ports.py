"""ports: what notify needs from the world.

A delivery is a value, not an exception: Delivered, Refused (never again), Unavailable (try again), or Unclear (it
may have arrived).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from resilibot.notify.settings import NotifySettings
from resilibot.runtime.blobs import BlobStore
from resilibot.runtime.event_store.port import EventStore
from resilibot.runtime.redact import Redactor


@dataclass(frozen=True)
class Delivery:
    """What came of one call. `detail` goes into the event: no secrets, no bodies."""

    outcome: Literal["delivered", "refused", "unavailable", "unclear"]
    status: int = 0
    remote_id: str | None = None
    detail: str = ""


class Channel(Protocol):
    name: str

    def send(self, key: str, message: Mapping[str, Any]) -> Delivery:
        """Send once. `key` is the idempotency key that the receiver sees."""
        ...


@dataclass(frozen=True)
class Ports:
    settings: NotifySettings
    channel: Channel | None  # None: no channel is configured
    blobs: BlobStore
    history: EventStore
    reveal: Callable[[Any], Any] = lambda message: message  # names as people may read them; only for what is sent
    redactor: Redactor = field(default_factory=Redactor)  # tags without digits: nobody compares them out there
