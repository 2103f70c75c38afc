"""act: what the policy said, who approved, what was done and what came of it."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import DomainEvent, EmitterName, UtcTime, Value
from resilibot.contracts.events.planned import PlanStep

ActionClass = Literal["safe", "risky", "blocked"]
GateDecision = Literal["auto", "approval", "blocked"]


class StepGate(Value):
    step_id: str
    decision: GateDecision
    action_class: ActionClass
    policy_ids: list[str]
    reasons: list[str]


class PlanGatedV1(DomainEvent):
    emitter: ClassVar[EmitterName] = "act"
    round: int = Field(ge=1)
    policy_version: str
    gates: list[StepGate] = Field(min_length=1)


class ApprovalRequestedV1(DomainEvent):
    """Asks a person for one exact step, or whether to investigate at all. The grant binds all that stands here."""

    emitter: ClassVar[EmitterName] = "act"
    grant_id: str
    subject: Literal["step", "investigation"] = "step"
    round: int  # of an investigation: the first round that it would be
    step: PlanStep | None  # None: the subject is the investigation
    action_class: ActionClass  # an investigation only reads: safe
    arguments_hash: str  # of an investigation: of what it is about
    policy_version: str
    evidence_revision: int  # version of the stream's EvidenceGathered it rests on
    requested_by: str
    expires_at: UtcTime


class ApprovalGrantedV1(DomainEvent):
    """`mac` proves that act itself recorded it: HMAC-SHA256 over the binding, with a key only act can read."""

    emitter: ClassVar[EmitterName] = "act"
    grant_id: str
    arguments_hash: str
    approver: str
    comment: str = Field(default="", max_length=2000)
    mac: str


class ApprovalDeniedV1(DomainEvent):
    emitter: ClassVar[EmitterName] = "act"
    grant_id: str
    arguments_hash: str
    approver: str
    comment: str = Field(default="", max_length=2000)


class ApprovalExpiredV1(DomainEvent):
    """Nobody answered in time. Silence never consents."""

    emitter: ClassVar[EmitterName] = "act"
    grant_id: str


class ApprovalRevokedV1(DomainEvent):
    """It permits nothing any more: what it was given for has changed. The incident is looked at anew."""

    emitter: ClassVar[EmitterName] = "act"
    grant_id: str
    reason: str = Field(max_length=2000)


class InvestigationQueuedV1(DomainEvent):
    """The budget has no room: everything is kept, and it starts by itself, most severe first, oldest first."""

    emitter: ClassVar[EmitterName] = "act"
    reason: str  # the limit that is reached
    ahead: int = Field(ge=0)  # incidents that wait already and go first


class InvestigationStartedV1(DomainEvent):
    """A person agreed, or the budget has room: observe begins."""

    emitter: ClassVar[EmitterName] = "act"
    basis: Literal["grant", "budget"]
    grant_id: str | None = None
    waited_s: float = Field(ge=0)  # since the incident was opened or reopened


class ActionStartedV1(DomainEvent):
    """The claim: whoever appended it, and nobody else, may run the effect. Consumes the grant it names."""

    emitter: ClassVar[EmitterName] = "act"
    action_id: str
    round: int
    step_id: str
    action: str
    target: str
    arguments: dict[str, str | int | list[str]]
    arguments_hash: str
    basis: Literal["policy", "grant"]
    grant_id: str | None
    policy_version: str
    client_token: str  # UUIDv5 of action_id; the provider's idempotency token
    not_after: UtcTime  # the host begins nothing after it: a call that comes later than its token is remembered
    lease_s: float  # seconds until recover() reads back what happened


class ActionDispatchedV1(DomainEvent):
    """The provider accepted it under its own id."""

    emitter: ClassVar[EmitterName] = "act"
    action_id: str
    provider: str
    provider_id: str


class ActionSucceededV1(DomainEvent):
    """The provider reports success. Not recovery: that takes fresh evidence."""

    emitter: ClassVar[EmitterName] = "act"
    action_id: str
    provider_id: str
    output: str = Field(default="", max_length=4000)


class ActionFailedV1(DomainEvent):
    emitter: ClassVar[EmitterName] = "act"
    action_id: str
    reason: str = Field(max_length=4000)
    provider_id: str | None = None


class ActionOutcomeUnknownV1(DomainEvent):
    """It cannot be told whether the effect happened; a person is asked, nothing is retried."""

    emitter: ClassVar[EmitterName] = "act"
    action_id: str
    reason: str = Field(max_length=4000)


class IncidentEscalatedV1(DomainEvent):
    emitter: ClassVar[EmitterName] = "act"
    reason: Literal[
        "no_remedy",
        "inconclusive",
        "step_blocked",
        "approval_expired",
        "outcome_unknown",
        "rounds_spent",
        "stalled",
    ]
    detail: str
