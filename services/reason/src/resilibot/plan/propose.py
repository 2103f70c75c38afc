"""propose: a plan for a diagnosis, or the reason why there is none. Pure."""

from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.case import IncidentCase
from resilibot.plan.remedies import REMEDIES
from resilibot.runtime.service import Decision, Trigger

MAX_LOOKS = 3  # looks without a verdict to act on before a person is asked: evidence may only need time
MAX_ACTIONS = 3  # actions since the incident was opened or reopened


def propose(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """Answer the diagnosis that triggered us; nothing while an action runs or an answer is awaited."""
    diagnosis = trigger.event
    if not isinstance(diagnosis, e.DiagnosisReachedV1) or case.is_over or diagnosis.round != case.round:
        return []
    if any(a.state == "running" for a in case.actions.values()):
        return []
    if any(a.state == "pending" or (a.state == "granted" and not a.used_by) for a in case.current_approvals.values()):
        return []
    if diagnosis.outcome == "no_fault":
        if case.looks > MAX_LOOKS:
            return [_none(diagnosis, "rounds_spent", f"no fault in {case.looks} looks, and yet no proof of recovery")]
        return [_none(diagnosis, "no_fault", "no fault was found, so there is nothing to remedy")]
    if diagnosis.outcome == "inconclusive":
        if case.looks < MAX_LOOKS:
            return []  # observe looks again by itself
        return [_none(diagnosis, "inconclusive", diagnosis.summary)]
    return [_answer(case, diagnosis)]


def _answer(case: IncidentCase, diagnosis: e.DiagnosisReachedV1) -> e.PlanProposedV1 | e.NoRemedyFoundV1:
    leading = next(h for h in diagnosis.hypotheses if h.verdict == "leading")
    if len(case.current_actions) >= MAX_ACTIONS:
        return _none(diagnosis, "rounds_spent", f"{len(case.current_actions)} actions did not cure it")
    remedy = REMEDIES.get(leading.cause)
    step = remedy(case, leading) if remedy else None
    if step is None:
        return _none(diagnosis, "not_in_catalogue", f"no catalogue action fits {leading.cause} at {leading.component}")
    if _was_tried(case, step):
        return _none(
            diagnosis, "already_tried", f"{step.action} on {step.target} was tried or refused in this incident"
        )
    return e.PlanProposedV1(round=diagnosis.round, steps=[step], confidence=leading.confidence)


def _was_tried(case: IncidentCase, step: e.PlanStep) -> bool:
    """Done or denied since the incident (re)opened: the same again is no new idea."""
    wanted = (step.action, step.target, content_hash(step.arguments))
    done = {(a.started.action, a.started.target, a.started.arguments_hash) for a in case.current_actions.values()}
    steps = [(a.request.step, a.request.arguments_hash) for a in case.current_approvals.values() if a.state == "denied"]
    refused = {(denied.action, denied.target, arguments_hash) for denied, arguments_hash in steps if denied}
    return wanted in done | refused


def _none(diagnosis: e.DiagnosisReachedV1, reason: str, detail: str) -> e.NoRemedyFoundV1:
    return e.NoRemedyFoundV1.model_validate({"round": diagnosis.round, "reason": reason, "detail": detail})
