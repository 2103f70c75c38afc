"""investigate: may observe begin? A person is asked where the door's policy says so, and the budget decides. Pure.

Only for incidents that the door did not let through freely (`investigation` approval or queued): of all others nothing
is read or written here.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from resilibot.act.budget import BUDGET, HOUR_S, Spent, fold_budget
from resilibot.act.gate import GateFacts
from resilibot.act.grants import is_genuine
from resilibot.act.ports import Ports
from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.runtime.service import After, Decision, On, Trigger

INVESTIGATION = "investigation"


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> GateFacts:
    """Without the key of the grants: nothing here makes or checks one."""
    return GateFacts(ports.settings, ports.policy, door=ports.door)


def joins(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> list[str]:
    """The budget, where this incident is under one."""
    return [BUDGET] if case.investigation != "auto" else []


def consider(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> Decision:
    """An incident was opened or reopened: ask a person, queue it, or start it."""
    if case.is_over or case.may_look or trigger.recorded.envelope.recorded_at != case.episode_at:
        return []
    if case.investigation == "approval":
        return [ask(case, trigger, facts)]
    return begin(case, trigger, facts)


def ask(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> e.ApprovalRequestedV1:
    return e.ApprovalRequestedV1(
        grant_id=str(uuid5(NAMESPACE_URL, f"resilibot:grant:{trigger.id}:{INVESTIGATION}")),
        subject="investigation",
        round=case.round + 1,
        step=None,
        action_class="safe",
        arguments_hash=subject_hash(case),
        policy_version=case.policy_version,
        evidence_revision=case.evidence_version,
        requested_by="act",
        expires_at=trigger.now + timedelta(seconds=facts.settings.approval_expiry_s),
    )


def subject_hash(case: IncidentCase) -> str:
    """What a person agrees to: to look into exactly this incident, as it was opened or reopened."""
    resource = case.resource.model_dump(mode="json") if case.resource else None
    about = {"incident_id": case.incident_id, "title": case.title, "resource": resource, "episode": case.reopened}
    return content_hash({"subject": INVESTIGATION, **about})


def begin(case: IncidentCase, trigger: Trigger, facts: GateFacts, grant_id: str | None = None) -> Decision:
    """Start, or wait for room. `grant_id`: a person agreed."""
    spent = _spent(trigger)
    budget = facts.door.budget
    started = _started(case, trigger.now, grant_id)
    place = spent.place_of(case.incident_id)
    if budget is None or place == "held":  # held: since before it was reopened
        return [started]
    if place == "waiting":
        return []
    request = e.SlotRequestedV1(
        incident_id=case.incident_id, severity=case.severity, opened_at=case.episode_at or trigger.now
    )
    why_full = spent.why_full(budget, trigger.now)
    if why_full is None and not spent.waiting:
        return [started, On(BUDGET, spent.grant(case.incident_id, trigger.now, budget.lease_s))]
    reason = why_full or "others wait already"
    queued = e.InvestigationQueuedV1(reason=reason, ahead=spent.ahead_of(request))
    spent.waiting[case.incident_id] = request
    return [queued, On(BUDGET, request), *_grants(spent, trigger.now, facts)]


def released(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> list[On]:
    """The verdict is there (or the incident is over): its place goes to the next."""
    if BUDGET not in trigger.joined:
        return []
    spent = _spent(trigger)
    if spent.place_of(case.incident_id) != "held":
        return []
    own = [d for d in case.diagnoses if d.round > case.episode_round]
    cost = sum((Decimal(diagnosis.reasoner.cost_usd) for diagnosis in own), Decimal(0))
    return _free(spent, case.incident_id, "verdict", trigger.now, facts, str(cost))


def granted_joins(case: IncidentCase, trigger: Trigger) -> list[str]:
    granted = trigger.event
    known = [stream_id("incident", granted.incident_id)] if isinstance(granted, e.SlotGrantedV1) else []
    return [BUDGET, *known]


def start_next(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> Decision:
    """A place was given to an incident that waited: it starts, or passes the place on.

    It passes it on when it is over, or when the person's agreement that it rests on is no longer there: revoked, or
    forged over.
    """
    granted = trigger.event
    if not isinstance(granted, e.SlotGrantedV1):
        return []
    stream = stream_id("incident", granted.incident_id)
    waiting = fold(granted.incident_id, trigger.joined[stream])
    spent = _spent(trigger)
    grant_id = _agreed(waiting, facts)
    lacks_grant = waiting.investigation == "approval" and not waiting.may_look and grant_id is None
    if waiting.is_over or not waiting.exists or lacks_grant:
        is_held = spent.place_of(granted.incident_id) == "held"
        return _free(spent, granted.incident_id, "over", trigger.now, facts) if is_held else []
    further = _grants(spent, trigger.now, facts)  # what one commit could not hold
    if waiting.may_look:
        return further  # it started with its grant
    started = _started(waiting, trigger.now, grant_id)
    return [On(stream, started.model_copy(update={"basis": "budget"})), *further]


def _agreed(case: IncidentCase, facts: GateFacts) -> str | None:
    """The genuine grant by which a person agreed to this investigation, or None."""
    asked = [a for a in case.current_approvals.values() if a.request.subject == INVESTIGATION]
    given = (a for a in asked if a.state == "granted" and is_genuine(facts.grant_key, case.incident_id, a))
    return next((approval.request.grant_id for approval in given), None)


def slot_timers(recorded: RecordedEvent, ports: Any) -> list[After]:
    """When a grant makes room by itself: its lease ends; its hour has passed."""
    granted = recorded.event
    assert isinstance(granted, e.SlotGrantedV1)  # noqa: S101  the map gives no other
    hour = [After("room", HOUR_S)] if ports.door.budget and ports.door.budget.per_hour else []
    return [After("slot", granted.lease_s), *hour]


def cost_timer(recorded: RecordedEvent, ports: Any) -> list[After]:
    freed = recorded.event
    return [After("room", HOUR_S)] if isinstance(freed, e.SlotReleasedV1) and Decimal(freed.cost_usd) else []


def budget_joins(case: IncidentCase, trigger: Trigger) -> list[str]:
    return [BUDGET]


def lease_ended(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> Decision:
    """No verdict came in time: the investigation goes on, but it holds back nobody any more."""
    granted = trigger.event
    spent = _spent(trigger)
    if not isinstance(granted, e.SlotGrantedV1):
        return []
    ends_at = trigger.recorded.envelope.recorded_at + timedelta(seconds=granted.lease_s)
    if spent.held.get(granted.incident_id) != ends_at:
        return _grants(spent, trigger.now, facts)
    return _free(spent, granted.incident_id, "lease", trigger.now, facts)


def room(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> Decision:
    """An hour has passed since something was spent."""
    return _grants(_spent(trigger), trigger.now, facts)


def _free(spent: Spent, incident_id: str, why: str, now: datetime, facts: GateFacts, cost_usd: str = "0") -> list[On]:
    freed = e.SlotReleasedV1.model_validate({"incident_id": incident_id, "why": why, "cost_usd": cost_usd})
    spent.waiting.pop(incident_id, None)
    spent.held.pop(incident_id, None)
    if Decimal(cost_usd):
        spent.costs.append((now, Decimal(cost_usd)))
    return [On(BUDGET, freed), *_grants(spent, now, facts)]


def _grants(spent: Spent, now: datetime, facts: GateFacts) -> list[On]:
    return [On(BUDGET, granted) for granted in spent.fill(facts.door.budget, now)]


def _spent(trigger: Trigger) -> Spent:
    return fold_budget(trigger.joined.get(BUDGET, ()))


def _started(case: IncidentCase, now: datetime, grant_id: str | None) -> e.InvestigationStartedV1:
    waited_s = max((now - case.episode_at).total_seconds(), 0.0) if case.episode_at else 0.0
    return e.InvestigationStartedV1(
        basis="grant" if grant_id else "budget", grant_id=grant_id, waited_s=round(waited_s, 3)
    )
