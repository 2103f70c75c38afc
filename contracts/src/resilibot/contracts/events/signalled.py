"""ingest, on `signal#<fingerprint>`: every accepted signal exactly once, and which incident it belongs to.

What is well-formed but no signal stands on `signal#ignored-<source>-<yyyymmddhh>`: by source and
UTC hour of its arrival.
"""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import Category, DomainEvent, EmitterName, UtcTime
from resilibot.contracts.signal import RawRef, Signal

Disposition = Literal[
    "opened", "attached", "counted", "cleared", "reopened", "ignored", "correlated", "silenced", "held"
]
HeldBy = Literal["silence", "threshold", "flapping"]


class SignalReceivedV1(DomainEvent):
    """One signal came in and this was done with it."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "signal"
    signal: Signal
    disposition: Disposition
    incident_id: str | None  # None: nothing was open and nothing was opened
    occurrence: int = Field(ge=1)  # of this fingerprint since its incident opened (1 when ignored); held: in the window
    reason: str = ""  # why it was ignored, correlated, silenced or held
    held_by: HeldBy | None = None
    silence_id: str | None = None  # the silence that held it back
    is_flapping: bool = False  # the fingerprint flaps since this signal, or still
    reconsider_after_s: float | None = None  # on the signal at which flapping was seen: when it is looked at again


class SignalUnsilencedV1(DomainEvent):
    """The silence that held this fingerprint back is over: whatever still fires is admitted now."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "signal"
    silence_id: str


class SignalReconsideredV1(DomainEvent):
    """What was held back was looked at again, with no new signal."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "signal"
    why: Literal["silence_over", "flapping"]
    signal_name: str | None = None  # of flapping: the alarm that changes so often
    disposition: Literal["opened", "reopened", "attached", "cleared", "silenced", "nothing"]
    incident_id: str | None
    reason: str = ""
    let_in: list[str] = Field(default_factory=list)  # the alarms that the incident took in; the others wait on
    silences: list[str] = Field(default_factory=list)  # that still cover what waits on
    is_flapping: bool = False  # it still changes too often, and is looked at again after another window


class SignalReleasedV1(DomainEvent):
    """The incident ended: the next signal after the quiet period opens a new one."""

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "signal"
    incident_id: str
    why: Literal["resolved", "closed", "merged"]
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
