"""ingest: an incident begins, gathers signals, and is closed."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import DomainEvent, EmitterName, UtcTime
from resilibot.contracts.signal import ResourceRef, Severity, Signal


class IncidentOpenedV1(DomainEvent):
    """A signal, or a person, opened this incident."""

    emitter: ClassVar[EmitterName] = "ingest"
    title: str = Field(min_length=1, max_length=512)
    severity: Severity
    severity_rule: str  # the rule that set the severity
    source: str
    resource: ResourceRef
    fingerprint: str  # key of the signal stream this incident belongs to
    signal: Signal
    investigation: Literal["auto", "approval"] = "auto"


class SignalAttachedV1(DomainEvent):
    """A signal of this incident worth a line of its own; each single one is in the signal stream."""

    emitter: ClassVar[EmitterName] = "ingest"
    signal: Signal
    why: Literal["new_kind", "state_change", "count"]
    occurrences: int = Field(ge=1)  # of this fingerprint, in this incident, so far


class SignalClearedV1(DomainEvent):
    """The sender says the alarm is over. Not proof of health: a verify round follows."""

    emitter: ClassVar[EmitterName] = "ingest"
    signal_name: str
    cleared_at: UtcTime
    reason: str = Field(default="", max_length=2048)


class IncidentReopenedV1(DomainEvent):
    """The signal came back within the quiet period after the incident was resolved."""

    emitter: ClassVar[EmitterName] = "ingest"
    signal: Signal
    quiet_for_s: float  # seconds between the resolution and this signal


class IncidentClosedV1(DomainEvent):
    """A person closed it, or it stayed quiet after being resolved."""

    emitter: ClassVar[EmitterName] = "ingest"
    why: Literal["person", "quiet_period"]
    comment: str = Field(default="", max_length=2000)
