"""All events, in the order of an incident's life. Importing this package fills the registry."""

from resilibot.contracts.events.acted import (
    ActionDispatchedV1,
    ActionFailedV1,
    ActionOutcomeUnknownV1,
    ActionStartedV1,
    ActionSucceededV1,
    ApprovalDeniedV1,
    ApprovalExpiredV1,
    ApprovalGrantedV1,
    ApprovalRequestedV1,
    ApprovalRevokedV1,
    IncidentEscalatedV1,
    PlanGatedV1,
    StepGate,
)
from resilibot.contracts.events.controlled import SubjectForgottenV1
from resilibot.contracts.events.diagnosed import DiagnosisReachedV1, Hypothesis, IncidentResolvedV1, Reasoner
from resilibot.contracts.events.grouped import Basis, Relation, SignalGroupedV1
from resilibot.contracts.events.notified import (
    NotificationFailedV1,
    NotificationSentV1,
    NotificationStartedV1,
    PostmortemWrittenV1,
)
from resilibot.contracts.events.observed import EvidenceGatheredV1
from resilibot.contracts.events.opened import (
    IncidentClosedV1,
    IncidentMergedV1,
    IncidentOpenedV1,
    IncidentReopenedV1,
    IncidentUnmergedV1,
    SignalAttachedV1,
    SignalClearedV1,
    SignalDetachedV1,
)
from resilibot.contracts.events.planned import NoRemedyFoundV1, PlanProposedV1, PlanStep
from resilibot.contracts.events.signalled import SignalReceivedV1, SignalReleasedV1
from resilibot.contracts.events.targeted import TargetClaimedV1, TargetReleasedV1

__all__ = [
    "ActionDispatchedV1",
    "ActionFailedV1",
    "ActionOutcomeUnknownV1",
    "ActionStartedV1",
    "ActionSucceededV1",
    "ApprovalDeniedV1",
    "ApprovalExpiredV1",
    "ApprovalGrantedV1",
    "ApprovalRequestedV1",
    "ApprovalRevokedV1",
    "Basis",
    "DiagnosisReachedV1",
    "EvidenceGatheredV1",
    "Hypothesis",
    "IncidentClosedV1",
    "IncidentEscalatedV1",
    "IncidentMergedV1",
    "IncidentOpenedV1",
    "IncidentReopenedV1",
    "IncidentResolvedV1",
    "IncidentUnmergedV1",
    "NoRemedyFoundV1",
    "NotificationFailedV1",
    "NotificationSentV1",
    "NotificationStartedV1",
    "PlanGatedV1",
    "PlanProposedV1",
    "PlanStep",
    "PostmortemWrittenV1",
    "Reasoner",
    "Relation",
    "SignalAttachedV1",
    "SignalClearedV1",
    "SignalDetachedV1",
    "SignalGroupedV1",
    "SignalReceivedV1",
    "SignalReleasedV1",
    "StepGate",
    "SubjectForgottenV1",
    "TargetClaimedV1",
    "TargetReleasedV1",
]
