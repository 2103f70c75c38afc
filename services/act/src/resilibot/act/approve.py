"""approve: what follows from a person's answer, from an expiry, and from having no remedy. Pure."""

from typing import Any

from resilibot.act.gate import GateFacts, gate_step, joined_targets, start, why_not_now
from resilibot.act.grants import is_genuine, mac, why_unusable
from resilibot.act.investigate import begin, subject_hash
from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.case import Approval, IncidentCase
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.personal import is_same_person
from resilibot.runtime.service import After, Decision, Trigger

SELVES = frozenset({"act", "plan", "reason", "resilibot"})


class AnswerRefused(Exception):
    """The answer does not fit; nothing is recorded. `status` is the HTTP status that says so."""

    code = "answer_refused"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def answer(
    case: IncidentCase,
    grant_id: str,
    *,
    is_approval: bool,
    arguments_hash: str,
    approver: str,
    comment: str,
    trigger_now: Any,
    key: bytes,
) -> e.ApprovalGrantedV1 | e.ApprovalDeniedV1:
    """The one event that a person's answer becomes. Raises AnswerRefused."""
    if not case.exists:
        raise AnswerRefused(404, f"no incident {case.incident_id}")
    approval = case.approvals.get(grant_id)
    if approval is None:
        raise AnswerRefused(404, f"no approval {grant_id} in incident {case.incident_id}")
    request = approval.request
    if approver in SELVES or is_same_person(approver, request.requested_by):
        raise AnswerRefused(403, "whoever asks cannot answer")
    if approval.state != "pending":
        raise AnswerRefused(409, f"the approval is {approval.state} already")
    if case.is_over:
        raise AnswerRefused(409, f"the incident is {case.status} already")
    if grant_id not in case.current_approvals:
        raise AnswerRefused(409, "the incident was reopened since: this approval belongs to what was before")
    if trigger_now >= request.expires_at:
        raise AnswerRefused(409, "the approval has expired")
    if arguments_hash != request.arguments_hash:
        raise AnswerRefused(409, "arguments_hash: the step has other arguments than the ones answered")
    if not is_approval:
        return e.ApprovalDeniedV1(grant_id=grant_id, arguments_hash=arguments_hash, approver=approver, comment=comment)
    return e.ApprovalGrantedV1(
        grant_id=grant_id,
        arguments_hash=arguments_hash,
        approver=approver,
        comment=comment,
        mac=mac(key, case.incident_id, request, approver),
    )


def granted_targets(case: IncidentCase, trigger: Trigger) -> list[str]:
    approval = _approval(case, trigger)
    return joined_targets(case, approval.request.step) if approval and approval.request.step else []


def start_granted(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> Decision:
    """Check everything again at dispatch; start what was agreed to, or revoke the grant and say why."""
    approval = _approval(case, trigger)
    if approval is None:
        grant_id = getattr(trigger.event, "grant_id", "?")
        return [_blocked(f"grant {grant_id} answers no approval of this incident: it is forged and starts nothing")]
    if case.is_over or approval.request.grant_id not in case.current_approvals:
        return []  # it recovered, was closed or reopened while the answer came: nothing is left to do
    why = _why_refused(case, trigger, approval, facts)
    if why and approval.used_by:
        return [_blocked(why)]
    if why:
        return [e.ApprovalRevokedV1(grant_id=approval.request.grant_id, reason=why[:2000]), _blocked(why)]
    if approval.request.step is None:
        return begin(case, trigger, facts, grant_id=approval.request.grant_id)
    return start(case, trigger, approval.request.step, facts, grant=approval.request.grant_id)


def _why_refused(case: IncidentCase, trigger: Trigger, approval: Approval, facts: GateFacts) -> str | None:
    """Why the granted step must not start, or None. A forged grant starts nothing."""
    request, step = approval.request, approval.request.step
    if not is_genuine(facts.grant_key, case.incident_id, approval):
        return f"grant {request.grant_id} was not recorded by act: it is forged and starts nothing"
    if unusable := why_unusable(approval, trigger.now):
        return unusable
    if step is None:
        return (
            None if request.arguments_hash == subject_hash(case) else "the incident is another than the one agreed to"
        )
    if content_hash(step.arguments) != request.arguments_hash:
        return "the arguments no longer have the hash that was approved"
    if facts.policy.version != request.policy_version:
        return "the policy changed since the approval was asked for: it must be asked again"
    if _says_otherwise(case, request.round):
        return "newer evidence no longer points to what the approval rests on: it must be asked again"
    gate = gate_step(case, step, case.plan.confidence if case.plan else 0.0, facts)
    if gate.decision == "blocked":
        return "; ".join(gate.reasons)
    return why_not_now(trigger, step)


def _blocked(detail: str) -> e.IncidentEscalatedV1:
    return e.IncidentEscalatedV1(reason="step_blocked", detail=detail)


def _says_otherwise(case: IncidentCase, asked_in: int) -> bool:
    """A diagnosis after the round that was asked in leads to another cause, or to none."""
    newer = [diagnosis for diagnosis in case.diagnoses if diagnosis.round > asked_in]
    if not newer:
        return False
    asked = next((d for d in reversed(case.diagnoses) if d.round == asked_in), None)
    return asked is None or _cause(newer[-1]) != _cause(asked) or _cause(asked) is None


def _cause(diagnosis: e.DiagnosisReachedV1) -> tuple[str, str] | None:
    return (diagnosis.leading.cause, diagnosis.leading.component) if diagnosis.leading else None


def expiry_timer(recorded: RecordedEvent, ports: Any) -> list[After]:
    request = recorded.event
    assert isinstance(request, e.ApprovalRequestedV1)  # noqa: S101  the map gives no other
    return [After("approval_expiry", (request.expires_at - recorded.envelope.recorded_at).total_seconds())]


def expire(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """Silence never consents: it ends in expired, and a person is told."""
    approval = _approval(case, trigger)
    if approval is None or approval.state != "pending" or case.is_over:
        return []
    if approval.request.grant_id not in case.current_approvals:
        return []
    step = approval.request.step
    what = f"to run {step.action} on {step.target}" if step else "to investigate"
    detail = f"nobody answered whether {what}"
    return [
        e.ApprovalExpiredV1(grant_id=approval.request.grant_id),
        e.IncidentEscalatedV1(reason="approval_expired", detail=detail),
    ]


def revoke_merged(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """The incident goes on elsewhere: nothing that was asked or granted here permits anything any more."""
    if not isinstance(trigger.event, e.IncidentMergedV1):
        return []
    reason = f"the incident was merged into {trigger.event.into}"
    unused = [a for a in case.approvals.values() if a.state in ("pending", "granted") and a.used_by is None]
    return [e.ApprovalRevokedV1(grant_id=approval.request.grant_id, reason=reason) for approval in unused]


def escalate_without_remedy(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """No remedy means a person, except where no fault was found."""
    event = trigger.event
    if not isinstance(event, e.NoRemedyFoundV1) or event.reason == "no_fault" or case.is_over:
        return []
    reason = {"inconclusive": "inconclusive", "rounds_spent": "rounds_spent"}.get(event.reason, "no_remedy")
    if any(escalation.reason == reason for escalation in case.escalations):
        return []  # they know
    return [e.IncidentEscalatedV1.model_validate({"reason": reason, "detail": event.detail})]


def _approval(case: IncidentCase, trigger: Trigger) -> Approval | None:
    grant_id = getattr(trigger.event, "grant_id", None)
    return case.approvals.get(str(grant_id)) if grant_id else None
