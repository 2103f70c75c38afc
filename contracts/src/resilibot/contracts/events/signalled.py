"""ingest, on `signal#<fingerprint>`: every accepted signal exactly once, and which incident it belongs to.

What is well-formed but no signal stands on `signal#ignored-<source>-<yyyymmdd>`: by source and UTC day of its arrival.
"""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import Category, DomainEvent, EmitterName, UtcTime
from resilibot.contracts.signal import RawRef, Signal

Disposition = Literal["opened", "attached", "counted", "cleared", "reopened", "ignored"]


class SignalReceivedV1(DomainEvent):
    """One signal came in and this was done with it."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "signal"
    signal: Signal
    disposition: Disposition
    incident_id: str | None  # None: nothing was open and nothing was opened
    occurrence: int = Field(ge=1)  # of this fingerprint since its incident opened (1 when ignored)
    reason: str = ""  # why it was ignored


class SignalReleasedV1(DomainEvent):
    """The incident ended: the next signal after the quiet period opens a new one."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "signal"
    incident_id: str
    why: Literal["resolved", "closed"]
    released_at: UtcTime


class SignalIgnoredV1(DomainEvent):
    """Something well-formed came in that is nothing to act on: recorded, so that nobody asks where it went."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "signal"
    source: str  # health, slack, unknown ...
    kind: str = Field(max_length=200)  # what it is, in its sender's words: "aws.ecs: ECS Task State Change"
    reason: str = Field(max_length=500)  # why nothing is done
    source_id: str
    raw: RawRef | None = None
