"""act: policy gate, approvals, execution: the only service that may change the world. The map of the service."""

from resilibot.act import execute, watch
from resilibot.act.approve import (
    escalate_without_remedy,
    expire,
    expiry_timer,
    granted_targets,
    revoke_merged,
    start_granted,
)
from resilibot.act.gate import gate_plan, gather, plan_targets
from resilibot.contracts import events as e
from resilibot.runtime.service import Effect, Reaction, Service

SERVICE = Service(
    name="act",
    emits=frozenset(
        {
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
        }
    ),
    reactions={
        e.PlanProposedV1: Reaction(gate_plan, gather, plan_targets),
        e.ApprovalGrantedV1: Reaction(start_granted, gather, granted_targets),
        e.NoRemedyFoundV1: Reaction(escalate_without_remedy),
        e.IncidentMergedV1: Reaction(revoke_merged),
    },
    effects={e.ActionStartedV1: Effect(execute.run, execute.recover, execute.is_settled)},
    timers={
        e.ApprovalRequestedV1: expiry_timer,
        e.IncidentOpenedV1: watch.watch_timer,
        e.IncidentReopenedV1: watch.watch_timer,
        e.IncidentUnmergedV1: watch.watch_timer,
    },
    due={
        "approval_expiry": Reaction(expire),
        watch.STALLED: Reaction(watch.escalate_if_stalled, watch.gather),
    },
    routes=("POST /incidents/{incident_id}/approvals/{grant_id}",),
    needs=(
        "ssm:StartAutomationExecution",
        "ssm:GetAutomationExecution",
        "ssm:SendCommand",  # what the documents do in the caller's name
        "ssm:ListCommands",
        "ssm:ListCommandInvocations",
        "ssm:DescribeInstanceInformation",
        "secretsmanager:GetSecretValue",
        "kms:GenerateDataKey",
        "kms:Decrypt",
        "kms:GenerateMac",
    ),
)
