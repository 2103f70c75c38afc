"""control: what is decided about ResiliBot itself, and whom its door turned away (`control#<scope>`)."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import Category, DomainEvent, EmitterName, UtcTime
from resilibot.contracts.matching import SilenceMatcher
from resilibot.contracts.signal import Severity


class SubjectForgottenV1(DomainEvent):
    """On `control#erasure`: the data key of a person was destroyed before this was written.

    Nothing that names them can be read any more, here or in any copy of the log.
    """

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "control"
    subject: str = Field(pattern=r"^[0-9a-f]{32}$")  # the pseudonym, as it stands in the sealed fields; never the name


RefusalReason = Literal[
    "unauthenticated",  # no token, or one that proves nothing
    "forbidden",  # known, but without the role
    "bad_signature",
    "stale",  # signed outside the replay window
    "malformed",
    "too_large",
    "rate_limited",
    "timed_out",  # the body did not come in time
]


class RequestRefusedV1(DomainEvent):
    """On `control#refused-<yyyymmddhh>`: requests that the door turned away, like ones counted together.

    The actor is who asked, where that is proven, else `anonymous`. Nothing of the request itself stands here.
    """

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "control"
    reason: RefusalReason
    route: str = Field(max_length=256)  # as declared: "POST /incidents/{incident_id}/close"; "unknown" for any other
    status: int = Field(ge=400, le=599)  # of HTTP, as answered
    count: int = Field(ge=1)
    first_at: UtcTime
    last_at: UtcTime


class PolicyActivatedV1(DomainEvent):
    """On `control#policy`: the door admits by this policy from here on. Written before its first decision."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "control"
    scope: Literal["door"] = "door"
    version: str  # hash of the content
    origin: str  # "built-in", or the file's name
    policy: dict[str, Any]  # the whole content, so that the log says what was in force


class GatePolicyActivatedV1(DomainEvent):
    """On `control#policy`: the gate of act judges by this policy from here on."""

    emitter: ClassVar[EmitterName] = "act"
    category: ClassVar[Category] = "control"
    scope: Literal["gate"] = "gate"
    version: str
    origin: str
    policy: dict[str, Any]


class SilenceStartedV1(DomainEvent):
    """On `control#silences`: what matches opens nothing between the two times."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "control"
    silence_id: str
    matcher: SilenceMatcher
    starts_at: UtcTime
    ends_at: UtcTime
    comment: str = Field(max_length=2000)  # the reason, in a person's words


class SilenceEndedV1(DomainEvent):
    """On `control#silences`, and on `control#silenced-<id>`, to which nothing is added after it."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "control"
    silence_id: str
    why: Literal["expired", "person"]


class SilenceAppliedV1(DomainEvent):
    """On `control#silenced-<id>`: the silence held back this fingerprint for the first time."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "control"
    silence_id: str
    fingerprint: str


class SilenceLiftedV1(DomainEvent):
    """On `control#silenced-<id>`: these fingerprints were told that the silence is over."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "control"
    silence_id: str
    fingerprints: list[str] = Field(min_length=1)


class SlotRequestedV1(DomainEvent):
    """On `control#budget`: an investigation waits for room."""

    emitter: ClassVar[EmitterName] = "act"
    category: ClassVar[Category] = "control"
    incident_id: str
    severity: Severity
    opened_at: UtcTime


class SlotGrantedV1(DomainEvent):
    """On `control#budget`: an investigation has a place until its verdict, at the longest for lease_s."""

    emitter: ClassVar[EmitterName] = "act"
    category: ClassVar[Category] = "control"
    incident_id: str
    lease_s: float


class SlotReleasedV1(DomainEvent):
    """On `control#budget`: its place is free again. `cost_usd`: what its reasoning has cost, an exact decimal."""

    emitter: ClassVar[EmitterName] = "act"
    category: ClassVar[Category] = "control"
    incident_id: str
    why: Literal["verdict", "over", "lease"]
    cost_usd: str = "0"
