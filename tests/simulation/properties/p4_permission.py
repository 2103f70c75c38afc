"""P4: nothing is done without `auto` from the policy, or a valid, unexpired, matching, unused grant.

Code of its own: the MAC is computed here again, from the description in the architecture, not with act's function.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from tests.simulation.house import KEY
from tests.simulation.outside import Executed
from tests.simulation.run import Run


def nothing_without_permission(run: Run) -> Iterator[str]:
    claims: dict[str, tuple[RecordedEvent, e.ActionStartedV1]] = {}
    for stream in run.incidents():
        events = run.events(stream)
        for place, recorded in enumerate(events):
            if isinstance(recorded.event, e.ActionStartedV1):
                claims[recorded.event.client_token] = (recorded, recorded.event)
                why_not = _why_not_allowed(stream.partition("#")[2], events[:place], recorded)
                if why_not:
                    yield f"{stream}:{recorded.version} {recorded.event.action}: {why_not}"
    for stream in run.incidents():
        yield from _looks_unasked(stream, run.events(stream))
    for execution in run.house.automation.ran:
        yield from _matches(run, execution, claims.get(execution.token))


def _looks_unasked(stream: str, events: tuple[RecordedEvent, ...]) -> Iterator[str]:
    """Where the opening says approval or queued, no evidence before the start; a start by grant has a genuine one."""
    waits_for: str | None = None
    for place, recorded in enumerate(events):
        event = recorded.event
        if isinstance(event, e.IncidentOpenedV1 | e.IncidentReopenedV1):
            waits_for = None if event.investigation == "auto" else event.investigation
        elif isinstance(event, e.InvestigationStartedV1):
            if waits_for == "approval" and not _is_agreed(stream, events[:place], event.grant_id):
                yield f"{stream}:{recorded.version} an investigation began without a genuine grant"
            waits_for = None
        elif isinstance(event, e.EvidenceGatheredV1) and waits_for:
            yield f"{stream}:{recorded.version} evidence was gathered while the investigation waited ({waits_for})"


def _is_agreed(stream: str, before: tuple[RecordedEvent, ...], grant_id: str | None) -> bool:
    request = next((r for r in _of(before, e.ApprovalRequestedV1) if r.grant_id == grant_id), None)
    granted = [g for g in _of(before, e.ApprovalGrantedV1) if g.grant_id == grant_id]
    if request is None or request.subject != "investigation":
        return False
    incident_id = stream.partition("#")[2]
    return any(hmac.compare_digest(g.mac, _mac(incident_id, request, g.approver)) for g in granted)


def _matches(run: Run, execution: Executed, claim: tuple[RecordedEvent, e.ActionStartedV1] | None) -> Iterator[str]:
    """What really ran is what was claimed, and its grant had not expired when the hosts began."""
    if claim is None:
        yield f"{execution.id} ran {execution.document} without any claim"
        return
    recorded, started = claim
    if execution.arguments.model_dump() != started.arguments:
        yield f"{execution.id} ran with {execution.arguments.model_dump()}, claimed was {started.arguments}"
    for request in _of(run.events(recorded.stream), e.ApprovalRequestedV1):
        if request.grant_id == started.grant_id and execution.began_at > request.expires_at:
            late_s = (execution.began_at - request.expires_at).total_seconds()
            yield f"{execution.id} began {late_s:.1f} s after its grant had expired"


def _why_not_allowed(incident_id: str, before: tuple[RecordedEvent, ...], claim: RecordedEvent) -> str | None:
    started = claim.event
    assert isinstance(started, e.ActionStartedV1)
    if started.arguments_hash != _hash(started.arguments):
        return "the claim's arguments do not have the claim's hash"
    if any(action.action_id == started.action_id for action in _of(before, e.ActionStartedV1)):
        return f"action {started.action_id} was claimed before"
    if started.basis == "policy":
        return _why_not_auto(before, started)
    return _why_not_granted(incident_id, before, started, claim.envelope.recorded_at)


def _why_not_auto(before: tuple[RecordedEvent, ...], started: e.ActionStartedV1) -> str | None:
    """PlanGated is in the same commit, right before the claim."""
    gated = next(reversed(_of(before, e.PlanGatedV1)), None)
    plan = next(reversed(_of(before, e.PlanProposedV1)), None)
    if gated is None or plan is None:
        return "no plan was gated"
    gate = next((gate for gate in gated.gates if gate.step_id == started.step_id), None)
    if gate is None or gate.decision != "auto":
        return f"the gate said {gate.decision if gate else 'nothing'}"
    step = next(step for step in plan.steps if step.id == started.step_id)
    wanted = (step.action, step.target, step.arguments)
    return None if wanted == (started.action, started.target, started.arguments) else "the step says something else"


def _why_not_granted(
    incident_id: str, before: tuple[RecordedEvent, ...], started: e.ActionStartedV1, now: datetime
) -> str | None:
    request = next((r for r in _of(before, e.ApprovalRequestedV1) if r.grant_id == started.grant_id), None)
    granted = [g for g in _of(before, e.ApprovalGrantedV1) if g.grant_id == started.grant_id]
    if request is None or not granted:
        return f"grant {started.grant_id} was never asked for, or never given"
    if not any(hmac.compare_digest(g.mac, _mac(incident_id, request, g.approver)) for g in granted):
        return f"no grant {started.grant_id} was written by act: it is forged"
    step = request.step
    if step is None:
        return "the grant was given for an investigation"
    if (step.action, step.target, step.arguments) != (started.action, started.target, started.arguments):
        return "the grant was given for something else"
    if any(action.grant_id == started.grant_id for action in _of(before, e.ActionStartedV1)):
        return f"grant {started.grant_id} was used before"
    if any(x.grant_id == started.grant_id for x in _of(before, e.ApprovalExpiredV1)):
        return f"grant {started.grant_id} had expired"
    if any(x.grant_id == started.grant_id for x in _of(before, e.ApprovalDeniedV1)):
        return f"grant {started.grant_id} was denied"
    return None if now < request.expires_at else f"claimed after the grant had expired at {request.expires_at}"


def _mac(incident_id: str, request: e.ApprovalRequestedV1, approver: str) -> str:
    asked = request.model_dump(mode="json")
    bound = {name: asked[name] for name in ("grant_id", "arguments_hash", "action_class", "policy_version")}
    bound |= {name: asked[name] for name in ("evidence_revision", "expires_at")}
    step = asked["step"] or {}
    bound |= {name: step.get(name) for name in ("action", "target", "arguments")}
    bound |= {"subject": asked["subject"], "step_id": step.get("id")}
    bound |= {"incident_id": incident_id, "approver": approver}
    return hmac.new(KEY, _canonical(bound), hashlib.sha256).hexdigest()


def _hash(value: Any) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _of(events: tuple[RecordedEvent, ...], kind: type[Any]) -> list[Any]:
    return [recorded.event for recorded in events if isinstance(recorded.event, kind)]
