"""control: what is decided about ResiliBot itself, and whom its door turned away (`control#<scope>`)."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import Category, DomainEvent, EmitterName, UtcTime


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
