"""execute: run a claimed action, follow it, and read back what a crash left open.

Why nothing runs twice: only the winner of the claim dispatches; the provider gets a client token derived from the
claim, with the same document and arguments each time, so that asking again finds the execution instead of starting
another. Asking again may also be the first time that the call arrives: so nobody asks after the claim's deadline (the
token's time, the grant's expiry) or once the incident is over. A process may stand still between that check and its
call, for any time: so the deadline goes with the call, and the hosts begin nothing after it. Then the outcome is
unknown and a person settles it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from resilibot.act.catalogue import Arguments, HostFact, Refused, arguments_of, spec_of
from resilibot.act.gate import GateFacts, deadline, gate_step, service_of
from resilibot.act.grants import is_genuine
from resilibot.act.ports import DispatchRefused, DispatchUndecided, Execution, Ports
from resilibot.act.targets import target_stream, targets_of
from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.service import Decision, On

FIRST_PAUSE_S = 0.15
OUTPUT_CHARS = 4000


def is_settled(case: IncidentCase, claim: RecordedEvent) -> bool:
    action = case.actions.get(_started(claim).action_id)
    return action is not None and action.state != "running"


def run(case: IncidentCase, claim: RecordedEvent, ports: Ports) -> Iterator[Decision]:
    """Dispatch and follow. Ends without outcome when nothing can be told yet: recover() goes on at the lease's end."""
    started = _started(claim)
    now = claim.envelope.recorded_at
    try:
        refusal = _refusal(case, started, ports)
        if refusal:
            yield _failed(case, started, refusal, now, ports)
            return
    except DispatchUndecided as undecided:
        yield _failed(case, started, f"nothing was sent, the facts could not be read again: {undecided}", now, ports)
        return
    try:
        provider_id = _dispatch(started, ports)
    except DispatchRefused as refused:
        yield _failed(case, started, str(refused), now, ports)
        return
    except DispatchUndecided:
        return
    yield [_dispatched(started, provider_id, ports)]
    yield from _follow(case, started, provider_id, now, ports)


def recover(case: IncidentCase, claim: RecordedEvent, ports: Ports, now: datetime) -> Iterator[Decision]:
    """The lease ended without outcome. Read back; find again by the token while it is valid; else unknown."""
    started = _started(claim)
    action = case.actions[started.action_id]
    age_s = (now - claim.envelope.recorded_at).total_seconds()
    provider_id = action.provider_id
    try:
        if provider_id is None:
            too_late = _unlawful(case, started, ports) or _too_late(case, claim, now, ports)
            if too_late:
                why = f"it cannot be told whether the call arrived, and it is not made again: {too_late}"
                yield _unknown(case, started, why, now, ports)
                return
            provider_id = _dispatch(started, ports)
            yield [_dispatched(started, provider_id, ports)]
        execution = ports.automation.read(provider_id)
    except DispatchRefused as refused:  # this call did nothing; the one before it may have arrived
        reason = f"it cannot be told whether the first call arrived; the second was refused: {refused}"
        yield _unknown(case, started, reason, now, ports)
        return
    except DispatchUndecided as undecided:
        if age_s > ports.settings.action_timeout_s:
            yield _unknown(case, started, str(undecided), now, ports)
        return
    if execution.state != "running":
        yield _ended(case, started, execution, now, ports)
    elif age_s > ports.settings.action_timeout_s:
        yield _unknown(case, started, f"still in progress after {age_s:.0f} s", now, ports)


def _unlawful(case: IncidentCase, started: e.ActionStartedV1, ports: Ports) -> str | None:
    """Why act itself would not have claimed this, or None: the claim may have been written by somebody else.

    Raises DispatchUndecided when the peers of an automatic restart cannot be asked for.
    """
    approval = case.approvals.get(started.grant_id or "")
    step = approval.request.step if approval else _planned(case, started)
    if step is None or (step.action, step.target, step.arguments) != (
        started.action,
        started.target,
        started.arguments,
    ):
        return "no plan or approval asks for exactly this"
    if approval is not None:
        is_own = is_genuine(ports.grant_key(), case.incident_id, approval) and approval.used_by == started.action_id
        return None if is_own else "its grant was not recorded by act, or was used by another action"
    confidence = case.plan.confidence if case.plan else 0.0
    gate = gate_step(case, step, confidence, GateFacts(ports.settings, ports.policy))
    if gate.decision != "auto":
        return f"the policy does not let it run by itself: {'; '.join(gate.reasons)}"
    return _without_peer(started, arguments_of(step.action, step.arguments), ports.hosts.of_service(service_of(case)))


def _planned(case: IncidentCase, started: e.ActionStartedV1) -> e.PlanStep | None:
    is_current = case.plan is not None and case.plan.round == started.round
    return next((s for s in case.plan.steps if s.id == started.step_id), None) if case.plan and is_current else None


def _too_late(case: IncidentCase, claim: RecordedEvent, now: datetime, ports: Ports) -> str | None:
    """Why the call may not be repeated, even with its token; or None. A claim's own deadline may be a forged one."""
    started = _started(claim)
    approval = case.approvals.get(started.grant_id or "")
    latest = min(started.not_after, deadline(claim.envelope.recorded_at, approval, ports.settings))
    if now >= latest:
        return f"its token or its grant ended at {latest:%H:%M:%S}"
    return f"the incident is {case.status}" if case.is_over else None


def _follow(
    case: IncidentCase, started: e.ActionStartedV1, provider_id: str, now: datetime, ports: Ports
) -> Iterator[Decision]:
    waited_s, pause_s = 0.0, FIRST_PAUSE_S
    while waited_s < ports.settings.action_wait_s:
        ports.pause(pause_s)
        waited_s += pause_s
        pause_s = min(pause_s * 1.7, 5.0)
        try:
            execution = ports.automation.read(provider_id)
        except DispatchUndecided:
            return
        if execution.state != "running":
            yield _ended(case, started, execution, now + timedelta(seconds=waited_s), ports)
            return


def _dispatch(started: e.ActionStartedV1, ports: Ports) -> str:
    spec = spec_of(started.action)
    arguments = arguments_of(started.action, started.arguments)
    return ports.automation.start(
        spec.document, ports.settings.document_version, arguments, started.client_token, started.not_after
    )


def _refusal(case: IncidentCase, started: e.ActionStartedV1, ports: Ports) -> str | None:
    """Facts read again right before the call: hosts there, and for an automatic restart a peer that is."""
    try:
        arguments = arguments_of(started.action, started.arguments)
    except Refused as refused:
        return str(refused)
    hosts = {host.instance_id: host for host in ports.hosts.of_service(service_of(case))}
    absent = [h for h in arguments.instance_ids if h not in hosts or not hosts[h].is_online]
    if absent:
        return f"not online any more: {', '.join(absent)}"
    return _without_peer(started, arguments, list(hosts.values()))


def _without_peer(started: e.ActionStartedV1, arguments: Arguments, hosts: Sequence[HostFact]) -> str | None:
    """Why an automatic restart is no longer safe, or None. Not asked of the target itself, which may be restarting."""
    if started.basis != "policy" or started.action != "ssm.restart_service":
        return None
    peers = [host for host in hosts if host.is_online and host.instance_id not in arguments.instance_ids]
    return None if peers else "no other host is online any more: the restart is no longer safe"


def _ended(
    case: IncidentCase, started: e.ActionStartedV1, execution: Execution, now: datetime, ports: Ports
) -> Decision:
    if execution.state == "failed":
        return _failed(case, started, execution.output or "failed", now, ports, execution.provider_id)
    if execution.state == "late":
        reason = f"this call came after its deadline and did nothing; an earlier one may have run: {execution.output}"
        return _unknown(case, started, reason, now, ports)
    succeeded = e.ActionSucceededV1(
        action_id=started.action_id, provider_id=execution.provider_id, output=execution.output[:OUTPUT_CHARS]
    )
    return [succeeded, *_released(case, started, "succeeded", now, ports)]


def _failed(
    case: IncidentCase,
    started: e.ActionStartedV1,
    reason: str,
    now: datetime,
    ports: Ports,
    provider_id: str | None = None,
) -> Decision:
    failed = e.ActionFailedV1(action_id=started.action_id, reason=reason[:OUTPUT_CHARS], provider_id=provider_id)
    return [failed, *_released(case, started, "failed", now, ports)]


def _unknown(case: IncidentCase, started: e.ActionStartedV1, reason: str, now: datetime, ports: Ports) -> Decision:
    return [
        e.ActionOutcomeUnknownV1(action_id=started.action_id, reason=reason[:OUTPUT_CHARS]),
        e.IncidentEscalatedV1(reason="outcome_unknown", detail=f"{started.action} on {started.target}: {reason}"),
        *_released(case, started, "unknown", now, ports),
    ]


def _released(case: IncidentCase, started: e.ActionStartedV1, outcome: str, now: datetime, ports: Ports) -> list[On]:
    released = e.TargetReleasedV1.model_validate(
        {
            "incident_id": case.incident_id,
            "action_id": started.action_id,
            "action": started.action,
            "outcome": outcome,
            "cooldown_until": now + timedelta(seconds=ports.settings.cooldown_s),
        }
    )
    return [On(target_stream(target), released) for target in targets_of(started)]


def _dispatched(started: e.ActionStartedV1, provider_id: str, ports: Ports) -> e.ActionDispatchedV1:
    return e.ActionDispatchedV1(action_id=started.action_id, provider=ports.automation.name, provider_id=provider_id)


def _started(claim: RecordedEvent) -> e.ActionStartedV1:
    event = claim.event
    assert isinstance(event, e.ActionStartedV1)  # noqa: S101  the map gives no other
    return event
