"""rerun_told: how a re-run is told: each decision of then beside that of now. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.canonical import canonical
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.evidence import Finding
from resilibot.local.rerun import Round
from resilibot.local.second_reader import Verdict


def told(
    incident_id: str, reasoner: str, rounds: Sequence[Round], left: Sequence[RecordedEvent] = ()
) -> dict[str, Any]:
    """The whole comparison as JSON. `left`: decisions not asked again.

    With any of them, or any evidence that is gone or altered, it is not the same, whatever each round's `differs` says.
    """
    faults = [vars(fault) for one in rounds for fault in one.faults]
    return {
        "incident_id": incident_id,
        "reasoner": reasoner,
        "same": not left and not faults and not any(one.differs for one in rounds),
        "not_asked_again": [{"type": one.type, "version": one.version} for one in left],
        "evidence_faults": faults,
        "cost_usd": {
            "recorded": str(sum((_cost(one.verdict[0]) for one in rounds), Decimal(0))),
            "rerun": str(sum((_cost(one.verdict[1]) for one in rounds), Decimal(0))),
        },
        "rounds": [_round(one) for one in rounds],
    }


def _round(one: Round) -> dict[str, Any]:
    then, now = one.verdict
    added, removed = _moved(then, now)
    return {
        "round": one.number,
        "purpose": one.purpose,
        "evidence": {"items": one.evidence, "by_reference": one.by_reference, "faults": [vars(f) for f in one.faults]},
        "differs": one.differs,
        "diagnosis": {
            "recorded": _verdict(then),
            "rerun": _verdict(now),
            "fields": _fields(then, now),
            "findings_added": added,
            "findings_removed": removed,
        },
        "plan": {"recorded": _plan(one.plan[0]), "rerun": _plan(one.plan[1])},
        "gate": {
            "recorded": _gates(one.gate[0]),
            "rerun": _gates(one.gate[1]),
            "policy": {"recorded": one.policy[0], "rerun": one.policy[1]},
        },
        "notes": list(one.notes),
    }


def _verdict(event: Verdict | None) -> dict[str, Any] | None:
    if event is None:
        return None
    if isinstance(event, e.IncidentResolvedV1):
        return {"outcome": "resolved", "cause": None, "component": None, "confidence": None, "summary": event.summary,
                "fell_back": None, "cost_usd": "0", "tokens": 0}  # fmt: skip
    leading = event.leading
    return {
        "outcome": event.outcome,
        "cause": leading.cause if leading else None,
        "component": leading.component if leading else None,
        "confidence": event.confidence,
        "summary": event.summary,
        "fell_back": event.reasoner.fell_back,
        "cost_usd": event.reasoner.cost_usd,
        "tokens": event.reasoner.tokens_in + event.reasoner.tokens_out,
    }


def _cost(event: Verdict | None) -> Decimal:
    return Decimal(event.reasoner.cost_usd) if isinstance(event, e.DiagnosisReachedV1) else Decimal(0)


def _fields(then: DomainEvent | None, now: DomainEvent | None) -> list[str]:
    """The fields that differ; of another kind of event, its type."""
    if type(then) is not type(now):
        return ["type"]
    one, other = (then.payload() if then else {}), (now.payload() if now else {})
    return sorted(name for name in one if canonical(one[name]) != canonical(other[name]))


def _moved(then: Verdict | None, now: Verdict | None) -> tuple[list[str], list[str]]:
    """Claims that are made now and were not then, and the other way round; each with what it speaks about."""
    before, after = _claims(then), _claims(now)
    return [claim for claim in after if claim not in before], [claim for claim in before if claim not in after]


def _claims(event: Verdict | None) -> list[str]:
    if event is None:
        return []
    found = [_claim("", finding) for finding in event.findings]
    for h in event.hypotheses if isinstance(event, e.DiagnosisReachedV1) else ():
        found += [_claim(f"for {h.cause} at {h.component}: ", finding) for finding in h.support]
        found += [_claim(f"against {h.cause} at {h.component}: ", finding) for finding in h.refutation]
    return list(dict.fromkeys(found))


def _claim(about: str, finding: Finding) -> str:
    return f"{about}{finding.text} [{', '.join(c.evidence_id for c in finding.citations)}]"


def _plan(event: DomainEvent | None) -> dict[str, Any] | None:
    if isinstance(event, e.PlanProposedV1):
        steps = [{"action": s.action, "target": s.target, "arguments": s.arguments} for s in event.steps]
        return {"steps": steps, "reason": None, "detail": None}
    if isinstance(event, e.NoRemedyFoundV1):
        return {"steps": [], "reason": event.reason, "detail": event.detail}
    return None


def _gates(gates: Sequence[e.StepGate] | None) -> list[dict[str, Any]] | None:
    return None if gates is None else [gate.model_dump(mode="json") for gate in gates]
