"""ingest, on `signal#<fingerprint>`: every accepted signal exactly once, and which incident it belongs to."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import Category, DomainEvent, EmitterName, UtcTime
from resilibot.contracts.signal import Signal

Disposition = Literal["opened", "attached", "counted", "cleared", "reopened", "ignored", "correlated"]


class SignalReceivedV1(DomainEvent):
    """One signal came in and this was done with it."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "signal"
    signal: Signal
    disposition: Disposition
    incident_id: str | None  # None: nothing was open and nothing was opened
    occurrence: int = Field(ge=1)  # of this fingerprint since its incident opened (1 when ignored)
    reason: str = ""  # why it was ignored, or correlated


class SignalReleasedV1(DomainEvent):
    """The incident ended: the next signal after the quiet period opens a new one."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "signal"
    incident_id: str
    why: Literal["resolved", "closed", "merged"]
    released_at: UtcTime
