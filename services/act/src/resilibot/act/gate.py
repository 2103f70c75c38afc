"""gate: may this step be done, by whom decided? Code, outside of any model. Pure.

Order of checks: catalogue, argument types, target observed, unit allowed, class from facts, owner's policy (only
stricter), cooldown and open action. Whatever is unknown is blocked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from resilibot.act.catalogue import Arguments, HostFact, Refused, RollbackArguments, arguments_of, spec_of
from resilibot.act.policy import Policy, Question, decide
from resilibot.act.ports import Ports
from resilibot.act.settings import ActSettings
from resilibot.act.targets import fold_target, target_stream, targets_of, why_busy
from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.case import Approval, IncidentCase
from resilibot.contracts.door_policy import DEFAULT as DEFAULT_DOOR
from resilibot.contracts.door_policy import DoorPolicy
from resilibot.contracts.evidence import ChangeContent, StatusContent
from resilibot.runtime.service import Decision, On, Trigger


@dataclass(frozen=True)
class GateFacts:
    """What the gate decides by, beside the case: settings, the policy, the key of the grants."""

    settings: ActSettings
    policy: Policy
    grant_key: bytes = b""
    door: DoorPolicy = DEFAULT_DOOR


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> GateFacts:
    return GateFacts(ports.settings, ports.policy, ports.grant_key(), ports.door)


def plan_targets(case: IncidentCase, trigger: Trigger) -> list[str]:
    event = trigger.event
    return joined_targets(case, event.steps[0]) if isinstance(event, e.PlanProposedV1) else []


def joined_targets(case: IncidentCase, step: e.PlanStep) -> list[str]:
    """Streams that say whether the step may start: of its targets, and of the hosts that carry the load meanwhile."""
    peers = [f"host/{host.instance_id}" for host in observed_hosts(case)]
    return list(dict.fromkeys(target_stream(target) for target in (*targets_of(step), *peers)))


def gate_plan(case: IncidentCase, trigger: Trigger, facts: GateFacts) -> Decision:
    """Gate every step of the plan; take the first one further: start it, ask for it, or escalate."""
    plan = trigger.event
    if not isinstance(plan, e.PlanProposedV1) or case.is_over or case.plan != plan or plan.round != case.round:
        return []  # what newer evidence says is answered by a plan of its own
    gates = [gate_step(case, step, plan.confidence, facts) for step in plan.steps]
    step, gate = plan.steps[0], gates[0]
    if gate.decision != "blocked":
        busy = why_not_now(trigger, step)
        if busy:
            gate = gate.model_copy(update={"decision": "blocked", "reasons": [*gate.reasons, busy]})
            gates[0] = gate
    gated = e.PlanGatedV1(round=plan.round, policy_version=facts.policy.version, gates=gates)
    if gate.decision == "auto":
        return [gated, *start(case, trigger, step, facts, grant=None)]
    if gate.decision == "approval":
        return [gated, ask(case, trigger, step, gate, facts)]
    detail = f"{step.action} on {step.target}: {'; '.join(gate.reasons)}"
    return [gated, e.IncidentEscalatedV1(reason="step_blocked", detail=detail)]


def gate_step(case: IncidentCase, step: e.PlanStep, confidence: float, facts: GateFacts) -> e.StepGate:
    """The decision on one step, with every reason stated."""
    try:
        spec = spec_of(step.action)
        arguments = arguments_of(step.action, step.arguments)
        _check_target(case, step, arguments, facts.settings)
    except Refused as refused:
        return e.StepGate(
            step_id=step.id,
            decision="blocked",
            action_class="blocked",
            policy_ids=["catalogue"],
            reasons=[str(refused)],
        )
    action_class, why = spec.classify(arguments, observed_hosts(case))
    question = Question(
        action=step.action,
        action_class=action_class,
        severity=case.severity,
        environment=facts.settings.environment,
        service=service_of(case),
        source=case.source,
        auto_approve=case.auto_approve,
        confidence=confidence,
    )
    decision, policy_ids = decide(facts.policy, question)
    reasons = [f"{action_class}: {why}", *(f"rule {rule} fits" for rule in policy_ids)]
    return e.StepGate(
        step_id=step.id,
        decision=decision,
        action_class=action_class,
        policy_ids=policy_ids or ["class"],
        reasons=reasons,
    )


def start(
    case: IncidentCase, trigger: Trigger, step: e.PlanStep, facts: GateFacts, grant: str | None
) -> list[e.ActionStartedV1 | On]:
    """The claim, committed together with the claim of its target. Its ids derive from the trigger: no second one."""
    action_id = str(uuid5(NAMESPACE_URL, f"resilibot:action:{trigger.id}:{step.id}"))
    started = e.ActionStartedV1(
        action_id=action_id,
        round=case.plan.round if case.plan else case.round,
        step_id=step.id,
        action=step.action,
        target=step.target,
        arguments=step.arguments,
        arguments_hash=content_hash(step.arguments),
        basis="grant" if grant else "policy",
        grant_id=grant,
        policy_version=facts.policy.version,
        client_token=str(uuid5(NAMESPACE_URL, f"resilibot:token:{action_id}")),
        not_after=deadline(trigger.now, case.approvals.get(grant or ""), facts.settings),
        lease_s=facts.settings.action_lease_s,
    )
    claimed = e.TargetClaimedV1(incident_id=case.incident_id, action_id=action_id, action=step.action)
    return [started, *(On(target_stream(target), claimed) for target in targets_of(step))]


def deadline(claimed_at: datetime, approval: Approval | None, settings: ActSettings) -> datetime:
    """When the action may begin at the latest: while the provider knows its token, and its grant holds."""
    latest = claimed_at + timedelta(seconds=settings.token_valid_s)
    return min(latest, approval.request.expires_at) if approval else latest


def why_not_now(trigger: Trigger, step: e.PlanStep) -> str | None:
    """Why the step's targets may not be acted on now, or None. `trigger.joined` holds joined_targets()."""
    own = targets_of(step)
    for stream, events in trigger.joined.items():
        target = fold_target(events)
        if stream in map(target_stream, own):
            busy = why_busy(target, step.action, trigger.now)
        else:
            busy = f"action {target.open_action} is open" if target.open_action else None
        if busy:
            return f"{stream.partition('#')[2]}: {busy}"
    return None


def ask(
    case: IncidentCase, trigger: Trigger, step: e.PlanStep, gate: e.StepGate, facts: GateFacts
) -> e.ApprovalRequestedV1:
    return e.ApprovalRequestedV1(
        grant_id=str(uuid5(NAMESPACE_URL, f"resilibot:grant:{trigger.id}:{step.id}")),
        round=case.plan.round if case.plan else case.round,
        step=step,
        action_class=gate.action_class,
        arguments_hash=content_hash(step.arguments),
        policy_version=facts.policy.version,
        evidence_revision=case.evidence_version,
        requested_by="act",
        expires_at=trigger.now + timedelta(seconds=facts.settings.approval_expiry_s),
    )


def observed_hosts(case: IncidentCase) -> list[HostFact]:
    """The hosts of the service in the last round's status evidence."""
    hosts = []
    for item in case.rounds[-1].items if case.rounds else ():
        if item.kind == "status" and item.content is not None and item.is_intact():
            status = StatusContent.model_validate(item.content)
            is_online = status.kind == "unit"
            hosts.append(HostFact(status.component, is_online, status.responds))
    return hosts


def _check_target(case: IncidentCase, step: e.PlanStep, arguments: Arguments, settings: ActSettings) -> None:
    """Targets and releases equal observed ones byte for byte, the target says the same, the unit may be touched."""
    observed = {host.instance_id for host in observed_hosts(case)}
    unseen = [host for host in arguments.instance_ids if host not in observed]
    if unseen:
        raise Refused(f"instance_ids: {', '.join(unseen)} was not observed in this incident")
    expected = {f"service/{service_of(case)}"}
    if len(arguments.instance_ids) == 1:
        expected.add(f"host/{arguments.instance_ids[0]}")
    if step.target not in expected:
        raise Refused(f"target: {step.target!r} is not what the arguments act on")
    if arguments.unit not in settings.allowed_units:
        raise Refused(f"unit: {arguments.unit} is not on the list of allowed units")
    if isinstance(arguments, RollbackArguments) and arguments.release not in _earlier_releases(case):
        raise Refused(f"release: {arguments.release} was not observed as an earlier release in this incident")
    if not step.citations or not _resolve(case, step):
        raise Refused("citations: the step rests on evidence that is not recorded")


def _earlier_releases(case: IncidentCase) -> set[str | None]:
    """What observed changes went away from."""
    items = [item for item in case.evidence().values() if item.kind == "change" and item.content is not None]
    return {ChangeContent.model_validate(item.content).before for item in items if item.is_intact()}


def _resolve(case: IncidentCase, step: e.PlanStep) -> bool:
    known = {(item.id, item.content_hash) for item in case.evidence().values()}
    return all((citation.evidence_id, citation.content_hash) in known for citation in step.citations)


def service_of(case: IncidentCase) -> str:
    return (case.resource.service if case.resource else None) or ""
