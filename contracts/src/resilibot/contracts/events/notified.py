"""notify: who was told what, and the postmortem."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import Category, DomainEvent, EmitterName
from resilibot.contracts.signal import Severity

NotificationKind = Literal["opened", "approval_requested", "escalated", "resolved", "summary"]


class NotificationStartedV1(DomainEvent):
    """The claim of one message on one channel. `may_duplicate`: an earlier one may have arrived."""

    emitter: ClassVar[EmitterName] = "notify"
    notification_id: str
    channel: str
    kind: NotificationKind
    about: str  # id of the event that is told
    attempt: int = Field(ge=1)
    may_duplicate: bool = False
    lease_s: float


class NotificationDeferredV1(DomainEvent):
    """Too many incidents open at once to tell each: this one is told in a summary of them."""

    emitter: ClassVar[EmitterName] = "notify"
    about: str  # id of the event that is told
    channel: str
    summary: str  # the control stream that lists the incidents of the summary
    leads: bool  # the summary is sent from this incident
    in_s: float = Field(ge=0)  # seconds until it is sent


class OpeningCountedV1(DomainEvent):
    """On `control#openings-<time>`: an incident was opened; counted so that many become one message."""

    emitter: ClassVar[EmitterName] = "notify"
    category: ClassVar[Category] = "control"
    incident_id: str
    severity: Severity
    title: str
    is_summarised: bool  # False: told by itself


class SummaryClosedV1(DomainEvent):
    """On `control#openings-<time>`: its summary is being sent; what opens now begins another count."""

    emitter: ClassVar[EmitterName] = "notify"
    category: ClassVar[Category] = "control"
    incident_id: str  # from which it is sent
    incidents: int = Field(ge=1)


class NotificationSentV1(DomainEvent):
    emitter: ClassVar[EmitterName] = "notify"
    notification_id: str
    remote_id: str | None
    status: int  # HTTP status


class NotificationFailedV1(DomainEvent):
    emitter: ClassVar[EmitterName] = "notify"
    notification_id: str
    reason: str = Field(max_length=2000)
    is_final: bool  # False: another attempt follows


class PostmortemWrittenV1(DomainEvent):
    """`ref` is s3://bucket/key under its own content hash; it tells the stream up to `covers_version`."""

    emitter: ClassVar[EmitterName] = "notify"
    ref: str
    content_hash: str
    size_bytes: int
    covers_version: int
