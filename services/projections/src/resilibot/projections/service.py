"""projections: the only window out. The map of the service: every event is listed, so that none goes unseen."""

from resilibot.contracts import events as e
from resilibot.runtime.service import Service

SERVICE = Service(
    name="projections",
    projects=frozenset(
        {
            e.IncidentOpenedV1,
            e.SignalAttachedV1,
            e.SignalClearedV1,
            e.SignalDetachedV1,
            e.SignalGroupedV1,
            e.IncidentMergedV1,
            e.IncidentUnmergedV1,
            e.IncidentReopenedV1,
            e.IncidentClosedV1,
            e.SignalReceivedV1,
            e.SignalReleasedV1,
            e.EvidenceGatheredV1,
            e.DiagnosisReachedV1,
            e.IncidentResolvedV1,
            e.PlanProposedV1,
            e.NoRemedyFoundV1,
            e.PlanGatedV1,
            e.ApprovalRequestedV1,
            e.ApprovalGrantedV1,
            e.ApprovalDeniedV1,
            e.ApprovalExpiredV1,
            e.ApprovalRevokedV1,
            e.ActionStartedV1,
            e.ActionDispatchedV1,
            e.ActionSucceededV1,
            e.ActionFailedV1,
            e.ActionOutcomeUnknownV1,
            e.IncidentEscalatedV1,
            e.TargetClaimedV1,
            e.TargetReleasedV1,
            e.NotificationStartedV1,
            e.NotificationSentV1,
            e.NotificationFailedV1,
            e.PostmortemWrittenV1,
            e.SubjectForgottenV1,
        }
    ),
    routes=(
        "GET /health",
        "GET /incidents",
        "GET /incidents/{incident_id}",
        "GET /incidents/{incident_id}/timeline",
        "GET /incidents/{incident_id}/events",
        "GET /incidents/{incident_id}/evidence/{evidence_id}",
        "GET /signals/{fingerprint}",
        "GET /targets",
        "GET /feed",
        "GET /audit",
    ),
    needs=("secretsmanager:GetSecretValue", "kms:Decrypt"),  # who calls; whose names
)
