"""P6: whatever a diagnosis, a resolution or a plan cites was recorded before it, with that very hash.

A resolution must also rest on the evidence of its own round, and the world must really be well by then: never on
"the command succeeded".
"""

import hashlib
import json
from collections.abc import Iterator

from resilibot.contracts import events as e
from resilibot.contracts.case import fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.evidence import Citation
from tests.simulation.run import Run
from tests.simulation.world import THRESHOLD


def every_citation_resolves(run: Run) -> Iterator[str]:
    for stream in run.incidents():
        seen: dict[str, str] = {}
        last_round: set[str] = set()
        for recorded in run.events(stream):
            event = recorded.event
            if isinstance(event, e.EvidenceGatheredV1):
                yield from _altered(stream, event)
                seen |= {item.id: item.content_hash for item in event.items}
                last_round = {item.id for item in event.items}
            for cited in _citations(recorded):
                if seen.get(cited.evidence_id) != cited.content_hash:
                    yield f"{stream}:{recorded.version} {recorded.type} cites {cited.evidence_id}, which says otherwise"
            if isinstance(event, e.IncidentResolvedV1):
                yield from _stale(f"{stream}:{recorded.version}", event, last_round)
                yield from _still_ill(run, stream, recorded)


def _altered(stream: str, gathered: e.EvidenceGatheredV1) -> Iterator[str]:
    for item in gathered.items:
        text = json.dumps(item.content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if item.content is not None and hashlib.sha256(text.encode()).hexdigest() != item.content_hash:
            yield f"{stream}: evidence {item.id} does not have its own hash"


def _stale(place: str, resolved: e.IncidentResolvedV1, last_round: set[str]) -> Iterator[str]:
    cited = {citation.evidence_id for finding in resolved.findings for citation in finding.citations}
    if not any(evidence.startswith(f"r{resolved.round}.metric.") for evidence in cited):
        yield f"{place} resolves without citing a metric of its round"
    if not cited <= last_round:
        yield f"{place} resolves from evidence that is not fresh: {sorted(cited - last_round)}"


def _still_ill(run: Run, stream: str, resolved: RecordedEvent) -> Iterator[str]:
    """The world's own truth at the end of the window that was looked at."""
    case = fold(stream.partition("#")[2], run.events(stream)[: resolved.version])
    living = run.world.living[(case.resource.service if case.resource else None) or ""]
    value = living.value(None, case.rounds[-1].window.end)
    if value >= THRESHOLD:
        yield f"{stream}:{resolved.version} resolves while {value:.0f} % of all requests fail"


def _citations(recorded: RecordedEvent) -> Iterator[Citation]:
    event = recorded.event
    if isinstance(event, e.DiagnosisReachedV1):
        found = [f for h in event.hypotheses for f in (*h.support, *h.refutation)]
        yield from (c for finding in (*found, *event.findings) for c in finding.citations)
    elif isinstance(event, e.IncidentResolvedV1):
        yield from (c for finding in event.findings for c in finding.citations)
    elif isinstance(event, e.PlanProposedV1):
        yield from (c for step in event.steps for c in step.citations)
    elif isinstance(event, e.ApprovalRequestedV1):
        yield from event.step.citations if event.step else ()
