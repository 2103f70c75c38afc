"""ports: what ingest needs from the world.

IntakeError
├── QueueUnavailable           the intake queue does not answer; nothing was taken   (retryable)
└── SubscriptionsUnavailable   SNS does not answer; nothing was confirmed            (retryable)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from resilibot.contracts.door_policy import DEFAULT, DoorPolicy
from resilibot.ingest import sources as reading
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.sources.sns import Certificates, CertificateUnavailable, Subscriptions
from resilibot.ingest.topology import Topology
from resilibot.ingest.webhooks import Proof
from resilibot.runtime.blobs import BlobStore
from resilibot.runtime.clock import Clock
from resilibot.runtime.event_store.port import EventStore
from resilibot.runtime.redact import Redactor


class IntakeError(Exception):
    code: ClassVar[str] = "intake_error"
    retryable: ClassVar[bool] = True


class QueueUnavailable(IntakeError):
    code = "queue_unavailable"


class SubscriptionsUnavailable(IntakeError):
    code = "subscriptions_unavailable"


class IntakeQueue(Protocol):
    """Where raw signals wait until they are taken in."""

    def put(self, message: str) -> None:
        """Durable when it returns. Raises QueueUnavailable."""
        ...


class Nothing:
    """For where nothing comes by HTTP."""

    def put(self, message: str) -> None:
        raise QueueUnavailable("no intake queue is configured")

    def pem(self, url: str) -> bytes:
        raise CertificateUnavailable("no certificates are fetched here")

    def confirm(self, topic_arn: str, token: str) -> None:
        raise SubscriptionsUnavailable("nothing is confirmed here")


@dataclass(frozen=True)
class Ports:
    """What is a function is made when it is first needed: most invocations do not need it."""

    settings: IngestSettings
    clock: Clock
    blobs: BlobStore  # the senders' own bytes
    read: reading.Reader = reading.read
    sources: Callable[[], Mapping[str, Proof]] = dict  # declared webhook sources, by name
    queue: Callable[[], IntakeQueue] = Nothing
    certificates: Callable[[], Certificates] = Nothing
    subscriptions: Callable[[], Subscriptions] = Nothing
    policy: DoorPolicy = DEFAULT
    history: EventStore | None = None  # None: nothing held back is looked at again (tests of what needs no such thing)
    topology: Topology = field(default_factory=Topology)
    redactor: Callable[[str], Redactor] = lambda scope: Redactor()  # of what this fingerprint is about
