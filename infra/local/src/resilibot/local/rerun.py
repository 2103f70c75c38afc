"""rerun: an incident's decisions again, from what was recorded alone, each held against the decision of then.

Each decision is asked again over exactly what lay in the log when it was appended. Where a diagnosis comes out
otherwise, the plan is asked with that diagnosis in its place, and the gate with that plan: one step of what would have
been, each time from the recorded history. What would have come after that is not known, and not told.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from resilibot.act.gate import GateFacts, gate_step
from resilibot.act.policy import DEFAULT, Policy
from resilibot.act.settings import ActSettings
from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.evidence import EvidenceItem
from resilibot.contracts.strict_json import parse
from resilibot.local.no_network import no_network
from resilibot.local.recorded_log import RecordedLog
from resilibot.local.second_reader import SecondReader, Verdict
from resilibot.plan.propose import propose
from resilibot.reason.recover import judge
from resilibot.runtime.blobs import BlobAltered, BlobMissing
from resilibot.runtime.service import Trigger

Reasoner = Callable[[IncidentCase, e.EvidenceGatheredV1], Verdict]
Events = tuple[RecordedEvent, ...]
MAX_BLOB_BYTES = 64_000_000
# By the name of their type, so that one of a version that this build cannot read is not overlooked.
DECISIONS = ("DiagnosisReached", "IncidentResolved", "PlanProposed", "NoRemedyFound", "PlanGated")

# By what --reasoner calls it. Each judges one round, by that round and the case alone; a SecondReader may be one too.
REASONERS: Mapping[str, Reasoner] = {"deterministic": judge}


@dataclass(frozen=True)
class EvidenceFault:
    """Evidence that was cited once and cannot be shown any more, or not as it was."""

    evidence_id: str
    code: Literal["EVIDENCE_MISSING", "EVIDENCE_ALTERED"]
    ref: str | None


@dataclass(frozen=True)
class GateRules:
    """By what the gate is asked. `policy` None: by the one of then, if `known` holds it (by version)."""

    settings: ActSettings
    policy: Policy | None = None
    known: Mapping[str, Policy] = field(default_factory=lambda: {DEFAULT.version: DEFAULT})

    def of(self, version: str | None) -> Policy | None:
        return self.policy or self.known.get(version or "")


@dataclass(frozen=True)
class Round:
    """One round of evidence and what followed from it, then and now. None: nothing was decided.

    `asked_again`: the versions of the recorded decisions that were asked again here.
    """

    number: int
    purpose: str
    evidence: int
    by_reference: int
    faults: tuple[EvidenceFault, ...]
    verdict: tuple[Verdict | None, Verdict | None] = (None, None)
    plan: tuple[DomainEvent | None, DomainEvent | None] = (None, None)
    gate: tuple[Sequence[e.StepGate] | None, Sequence[e.StepGate] | None] = (None, None)
    policy: tuple[str | None, str | None] = (None, None)
    is_gate_asked: bool = True  # False: by a policy that is not known here
    asked_again: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def was_judged(self) -> bool:
        return self.verdict[0] is not None

    @property
    def differs(self) -> list[str]:
        """Which of its decisions come out otherwise."""
        found = ["diagnosis"] if self.verdict[0] != self.verdict[1] else []
        found += ["plan"] if self.plan[0] != self.plan[1] else []
        return found + (["gate"] if self.is_gate_asked and not _same_gates(*self.gate) else [])


def rerun(log: RecordedLog, reasoner: Reasoner, rules: GateRules, *, with_references: bool = False) -> list[Round]:
    """Every round of the log. With `with_references` the reasoner also sees what lay by reference, which the live one
    does not read: then another verdict is none of the reasoner's making.

    Evidence is read first, and a model asked where one is to be heard; then the network is cut. Raises
    BlobUnavailable, NetworkRefused, and what the reasoner raises.
    """
    faults, whole = _read_evidence(log)
    events = tuple(_filled(event, whole) for event in log.events) if with_references else log.events
    if isinstance(reasoner, SecondReader):
        _consult(log.incident_id, events, reasoner)
    with no_network():
        return [
            _again(log.incident_id, events, gathered, faults, reasoner, rules)
            for gathered in events
            if isinstance(gathered.readable, e.EvidenceGatheredV1)
        ]


def not_asked_again(log: RecordedLog, rounds: Sequence[Round]) -> list[RecordedEvent]:
    """Decisions in the log that no round led to here: by a rule that is not known, unreadable, or out of nowhere.

    Nothing is known of them, so they are not the same as then either.
    """
    asked = {version for one in rounds for version in one.asked_again}
    return [one for one in log.events if one.type.partition(".")[0] in DECISIONS and one.version not in asked]


def _consult(incident_id: str, events: Events, reader: SecondReader) -> None:
    for gathered in events:
        if not isinstance(gathered.readable, e.EvidenceGatheredV1):
            continue
        recorded = _answer(events, gathered, "reason")
        if recorded is not None:
            reader.consult(fold(incident_id, events[: recorded.version - 1]), gathered.readable)


def _again(
    incident_id: str,
    events: Events,
    gathered: RecordedEvent,
    faults: Mapping[str, EvidenceFault],
    reasoner: Reasoner,
    rules: GateRules,
) -> Round:
    seen = _gathered(gathered)
    told = Round(
        number=seen.round,
        purpose=seen.purpose,
        evidence=len(seen.items),
        by_reference=sum(item.content_ref is not None for item in seen.items),
        faults=tuple(faults[item.id] for item in seen.items if item.id in faults),
    )
    recorded = _answer(events, gathered, "reason")
    if recorded is None:
        return _with(told, notes=("not judged then: overtaken by a newer round, or the log ends here",))
    then = recorded.readable
    if not isinstance(then, Verdict):
        return _with(told, notes=(f"{recorded.type} at version {recorded.version} cannot be read here",))
    verdict = reasoner(fold(incident_id, events[: recorded.version - 1]), seen)
    told = _with(told, verdict=(then, verdict))
    is_same = verdict == then
    world = events if is_same else _instead(events, recorded, verdict)
    planned = _answer(events, recorded, "plan")
    until = planned.version - 1 if planned else recorded.version
    case, trigger = (
        fold(incident_id, world[:until]),
        Trigger(world[recorded.version - 1], recorded.envelope.recorded_at),
    )
    plan = next((event for event in propose(case, trigger, None) if isinstance(event, DomainEvent)), None)
    if planned is None and plan is not None and is_same and not propose(fold(incident_id, events), trigger, None):
        plan, told = None, _with(told, notes=("not planned then: overtaken by what came after",))
    gated = _answer(events, planned, "act") if planned else None
    gates = gated.readable if gated else None
    told = _with(
        told,
        plan=(planned.readable if planned else None, plan),
        asked_again=tuple(one.version for one in (recorded, planned, gated) if one and one.readable),
    )
    return _gated(told, case, plan, gates if isinstance(gates, e.PlanGatedV1) else None, rules)


def _gated(
    told: Round, case: IncidentCase, plan: DomainEvent | None, then: e.PlanGatedV1 | None, rules: GateRules
) -> Round:
    recorded = tuple(then.gates) if then else None
    version = then.policy_version if then else None
    if not isinstance(plan, e.PlanProposedV1):
        return _with(told, gate=(recorded, None), policy=(version, None))
    policy = rules.of(version)
    if policy is None:
        why = f"policy {version} is not known here" if then else "it was not asked then"
        note = f"the gate is not asked again: {why}, a file may be given"
        return _with(
            told,
            gate=(recorded, None),
            policy=(version, None),
            is_gate_asked=False,
            asked_again=told.asked_again[:2],
            notes=(*told.notes, note),
        )
    facts = GateFacts(rules.settings, policy)
    gates = tuple(gate_step(case, step, plan.confidence, facts) for step in plan.steps)
    notes = told.notes
    if recorded and any(map(_was_busy, recorded, gates)):
        notes = (*notes, "then the target was busy, which only its own log knows: that is left out")
    return _with(told, gate=(recorded, gates), policy=(version, policy.version), notes=notes)


def _same_gates(then: Sequence[e.StepGate] | None, now: Sequence[e.StepGate] | None) -> bool:
    if then is None or now is None or len(then) != len(now):
        return then is now
    return all(_decided(a) == _decided(b) or _was_busy(a, b) for a, b in zip(then, now, strict=True))


def _decided(gate: e.StepGate) -> tuple[Any, ...]:
    return gate.step_id, gate.decision, gate.action_class, tuple(gate.policy_ids)


def _was_busy(then: e.StepGate, now: e.StepGate) -> bool:
    """Blocked for one reason more than its own: something else acted on the target, or had just done so."""
    is_one_more = then.reasons[:-1] == now.reasons and then.policy_ids == now.policy_ids  # a rule that fits is a reason
    return then.decision == "blocked" != now.decision and is_one_more


def _read_evidence(log: RecordedLog) -> tuple[dict[str, EvidenceFault], dict[str, Any]]:
    """What is missing or altered, and the content of what was stored by reference, by evidence id."""
    faults: dict[str, EvidenceFault] = {}
    whole: dict[str, Any] = {}
    for item in _items(log.events):
        ref = item.content_ref
        if not item.is_intact():
            faults[item.id] = EvidenceFault(item.id, "EVIDENCE_ALTERED", ref)
        if item.content is not None:
            continue
        if ref is None:
            faults[item.id] = EvidenceFault(item.id, "EVIDENCE_MISSING", None)
            continue
        try:
            content = parse(log.blobs.get(ref), MAX_BLOB_BYTES)
        except BlobMissing:
            faults[item.id] = EvidenceFault(item.id, "EVIDENCE_MISSING", ref)
        except (BlobAltered, ValueError):
            faults[item.id] = EvidenceFault(item.id, "EVIDENCE_ALTERED", ref)
        else:
            if content_hash(content) == item.content_hash:
                whole[item.id] = content
            else:
                faults[item.id] = EvidenceFault(item.id, "EVIDENCE_ALTERED", ref)
    return faults, whole


def _items(events: Events) -> Iterator[EvidenceItem]:
    for event in events:
        if isinstance(event.readable, e.EvidenceGatheredV1):
            yield from event.readable.items


def _filled(event: RecordedEvent, whole: Mapping[str, Any]) -> RecordedEvent:
    """The round with the content that was stored by reference."""
    seen = event.readable
    if not isinstance(seen, e.EvidenceGatheredV1) or not any(item.id in whole for item in seen.items):
        return event
    items = [item.model_copy(update={"content": whole.get(item.id, item.content)}) for item in seen.items]
    return _replaced(event, seen.model_copy(update={"items": items}))


def _instead(events: Events, recorded: RecordedEvent, event: DomainEvent) -> Events:
    """The log as if `event` had been decided then."""
    at = recorded.version - 1
    return (*events[:at], _replaced(recorded, event), *events[at + 1 :])


def _replaced(recorded: RecordedEvent, event: DomainEvent) -> RecordedEvent:
    changes = {"type": event.wire_type, "schema_version": event.schema_version, "data": event.payload()}
    return RecordedEvent.after(recorded.prev_hash, recorded.envelope.model_copy(update=changes))


def _answer(events: Events, cause: RecordedEvent, service: str) -> RecordedEvent | None:
    """The first event that a service wrote because of another."""
    found = (
        one for one in events if one.envelope.causation_id == cause.id and one.envelope.producer.service == service
    )
    return next(found, None)


def _gathered(recorded: RecordedEvent) -> e.EvidenceGatheredV1:
    seen = recorded.event
    assert isinstance(seen, e.EvidenceGatheredV1)  # noqa: S101  picked by type
    return seen


def _with(told: Round, **changes: Any) -> Round:
    return replace(told, **changes)
