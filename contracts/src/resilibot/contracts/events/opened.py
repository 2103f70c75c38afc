"""ingest: an incident begins, gathers signals, and is closed."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import DomainEvent, EmitterName, UtcTime
from resilibot.contracts.signal import ResourceRef, Severity, Signal

# auto: observe begins at once; approval: a person is asked first; queued: it waits for room in the budget.
# Of the last two, only InvestigationStarted lets observe begin.
Investigation = Literal["auto", "approval", "queued"]


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
    investigation: Investigation = "auto"
    policy_version: str = ""  # of the door's policy that admitted it
    policy_rules: list[str] = Field(default_factory=list)  # ids of the rules that set anything
    admission: str = ""  # why it opened now, when that was not the first signal: "3rd occurrence within 600 s"
    auto_approve: bool = False  # what the caller asked for: a fact that policies may read, never a permission
    split_from: str | None = None  # the incident that a person took this signal out of
    comment: str = Field(default="", max_length=2000)  # why they did


class SignalAttachedV1(DomainEvent):
    """A signal of this incident worth a line of its own; each single one is in the signal stream."""

    emitter: ClassVar[EmitterName] = "ingest"
    signal: Signal  # state OK: it came with a merge and no longer fires
    fingerprint: str = ""  # whose signal it is; empty: the incident's own
    why: Literal["new_kind", "state_change", "count", "correlated", "merged", "returned"]
    occurrences: int = Field(ge=1)  # of this fingerprint, in this incident, so far
    reason: str = Field(default="", max_length=1024)  # of a correlated one: why it belongs here, with its data
    merged_from: str | None = None  # the incident that it came with


class SignalDetachedV1(DomainEvent):
    """A person took a fingerprint out of this incident: its signals go to another one from now on."""

    emitter: ClassVar[EmitterName] = "ingest"
    fingerprint: str
    to: str  # incident id
    why: Literal["split", "unmerged"]
    comment: str = Field(default="", max_length=2000)


class SignalClearedV1(DomainEvent):
    """The sender says the alarm is over. Not proof of health: a verify round follows."""

    emitter: ClassVar[EmitterName] = "ingest"
    signal_name: str
    fingerprint: str = ""  # empty: the incident's own
    cleared_at: UtcTime
    reason: str = Field(default="", max_length=2048)


class IncidentReopenedV1(DomainEvent):
    """The signal came back within the quiet period after the incident was resolved."""

    emitter: ClassVar[EmitterName] = "ingest"
    signal: Signal
    fingerprint: str = ""  # empty: the incident's own
    quiet_for_s: float  # seconds between the resolution and this signal
    investigation: Investigation = "auto"  # of the new episode


class FlappingDetectedV1(DomainEvent):
    """The signal changes its state too often to be told each time. Looked at once per window until it is steady."""

    emitter: ClassVar[EmitterName] = "ingest"
    fingerprint: str
    signal_name: str
    changes: int  # of state, within the window
    within_s: float
    policy_version: str


class FlappingEndedV1(DomainEvent):
    """A whole window passed with fewer changes: each change is told again."""

    emitter: ClassVar[EmitterName] = "ingest"
    fingerprint: str
    signal_name: str


class IncidentMergedV1(DomainEvent):
    """A person said that this is the same trouble as another incident: it ends here and goes on there."""

    emitter: ClassVar[EmitterName] = "ingest"
    into: str  # incident id
    comment: str = Field(default="", max_length=2000)


class IncidentUnmergedV1(DomainEvent):
    """A person took the merge back: the incident lives again, and nothing found before counts."""

    emitter: ClassVar[EmitterName] = "ingest"
    out_of: str  # incident id
    comment: str = Field(default="", max_length=2000)


class RootCauseConfirmedV1(DomainEvent):
    """A person's verdict: what it really was. Also weeks later, also of a closed incident; the latest counts.

    `cause`, `fault_class` and `fault_category` are of the reasoner's vocabulary where one of its words fits; then they
    can be held against its diagnosis. Any other cause is told in the person's own words.
    """

    emitter: ClassVar[EmitterName] = "ingest"
    component: str = Field(min_length=1, max_length=256)  # what was at fault: a host, a release, a service
    cause: str = Field(min_length=1, max_length=256)  # bad_release, hung_process ..., or free words
    fault_class: str | None = Field(default=None, max_length=64)  # latency-config, error-deploy ...
    fault_category: str | None = Field(default=None, max_length=64)  # configuration_error, resource_exhaustion ...
    comment: str = Field(default="", max_length=2000)


class IncidentClosedV1(DomainEvent):
    """A person closed it, or it stayed quiet after being resolved."""

    emitter: ClassVar[EmitterName] = "ingest"
    why: Literal["person", "quiet_period"]
    comment: str = Field(default="", max_length=2000)
