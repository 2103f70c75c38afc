"""notify: who was told what, and the postmortem."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import DomainEvent, EmitterName

NotificationKind = Literal["opened", "approval_requested", "escalated", "resolved"]


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
