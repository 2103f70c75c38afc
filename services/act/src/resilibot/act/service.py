"""act: policy gate, approvals, execution: the only service that may change the world. The map of the service."""

from collections.abc import Callable

from resilibot.act import execute, investigate, watch
from resilibot.act.approve import (
    escalate_without_remedy,
    expire,
    expiry_timer,
    granted_targets,
    revoke_merged,
    start_granted,
)
from resilibot.act.gate import GateFacts, gate_plan, gather, plan_targets
from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.runtime.access import Access
from resilibot.runtime.service import Decision, Effect, Reaction, Service, Trigger


def _and_released(decide: Callable[[IncidentCase, Trigger, GateFacts], Decision]) -> Callable[..., Decision]:
    """A verdict is answered, and the investigation's place in the budget is free again, in one commit."""

    def both(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> Decision:
        return [*decide(case, trigger, facts), *investigate.released(case, trigger, facts)]

    return both


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
            e.InvestigationQueuedV1,
            e.InvestigationStartedV1,
            e.SlotRequestedV1,
            e.SlotGrantedV1,
            e.SlotReleasedV1,
            e.GatePolicyActivatedV1,
        }
    ),
    reactions={
        e.IncidentOpenedV1: Reaction(investigate.consider, investigate.gather, joins_by_facts=investigate.joins),
        e.IncidentReopenedV1: Reaction(investigate.consider, investigate.gather, joins_by_facts=investigate.joins),
        e.PlanProposedV1: Reaction(_and_released(gate_plan), gather, plan_targets, investigate.joins),
        e.ApprovalGrantedV1: Reaction(start_granted, gather, granted_targets, investigate.joins),
        e.NoRemedyFoundV1: Reaction(_and_released(escalate_without_remedy), gather, joins_by_facts=investigate.joins),
        e.SlotGrantedV1: Reaction(investigate.start_next, gather, investigate.granted_joins),
        e.IncidentMergedV1: Reaction(_and_released(revoke_merged), gather, joins_by_facts=investigate.joins),
        e.IncidentUnmergedV1: Reaction(investigate.consider, investigate.gather, joins_by_facts=investigate.joins),
    },
    effects={e.ActionStartedV1: Effect(execute.run, execute.recover, execute.is_settled)},
    timers={
        e.ApprovalRequestedV1: expiry_timer,
        e.IncidentOpenedV1: watch.watch_timer,
        e.IncidentReopenedV1: watch.watch_timer,
        e.SlotGrantedV1: investigate.slot_timers,
        e.SlotReleasedV1: investigate.cost_timer,
        e.IncidentUnmergedV1: watch.watch_timer,
    },
    due={
        "approval_expiry": Reaction(expire),
        watch.STALLED: Reaction(watch.escalate_if_stalled, watch.gather),
        "slot": Reaction(investigate.lease_ended, investigate.gather, investigate.budget_joins),
        "room": Reaction(investigate.room, investigate.gather, investigate.budget_joins),
    },
    routes={"POST /incidents/{incident_id}/approvals/{grant_id}": Access.APPROVER},
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
