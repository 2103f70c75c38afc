"""diagnosis_eval: what the reason service answers for one recorded incident, as one line of an evaluation.

The path is production's: `diagnose`, the same function that the live service calls for a round of evidence. The line
only retells its DiagnosisReached; nothing is judged here.
"""

from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.evidence import Finding
from resilibot.local.incident_folder import RecordedIncident
from resilibot.reason.diagnose import diagnose

MOST = 10  # suspects in a line


def answer(incident: RecordedIncident, *, abstain: bool) -> dict[str, Any]:
    """{"id", "ranked", "confidence", "fault_class", "category", "summary", "citations"} of one incident.

    With `abstain`, `ranked` is empty unless a suspect leads; without, the suspects are always named.
    """
    reached = diagnose(incident.case, incident.gathered)
    suspects = [h for h in reached.hypotheses if h.fault_class is not None]
    first = suspects[0] if suspects else None
    confidence = first.confidence if first else reached.confidence
    leading = next((h for h in reached.hypotheses if h.verdict == "leading"), None)
    if first and abstain and leading not in suspects:
        suspects, first, confidence = [], None, 1 - confidence
    leading = leading or first
    told = [*leading.support, *leading.refutation] if leading else _otherwise(reached)
    return {
        "id": incident.id,
        "ranked": list(dict.fromkeys(h.component for h in suspects))[:MOST],
        "confidence": round(confidence, 4),
        "fault_class": first.fault_class if first else "none",
        "category": _category(reached),
        "summary": reached.summary,
        "citations": _files(incident, told),
    }


def _category(reached: e.DiagnosisReachedV1) -> str:
    """Of the leading hypothesis, else of the nearest that has one and is possible."""
    if reached.outcome == "no_fault":
        return "healthy"
    told = sorted(reached.hypotheses, key=lambda h: h.verdict != "leading")
    return next((h.category for h in told if h.category is not None and h.verdict != "rejected"), "unknown")


def _otherwise(reached: e.DiagnosisReachedV1) -> list[Finding]:
    """What an answer without a cause rests on: what is well, else what was weighed and not believed."""
    return reached.findings or [f for h in reached.hypotheses[:1] for f in (*h.support, *h.refutation)]


def _files(incident: RecordedIncident, found: list[Finding]) -> list[str]:
    cited = (incident.files.get(citation.evidence_id) for finding in found for citation in finding.citations)
    return list(dict.fromkeys(file for file in cited if file))
