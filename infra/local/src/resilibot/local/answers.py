"""answers: a DiagnosisReached as what can be scored. Pure; the same for recorded cases and for the own log."""

from collections.abc import Iterable

from resilibot.contracts import events as e
from resilibot.contracts.evidence import EvidenceItem, TopologyContent
from resilibot.local.scoring import Calls, Said


def said_by(reached: e.DiagnosisReachedV1, items: Iterable[EvidenceItem]) -> Said:
    """The headline, the suspects behind it, and the confidence that belongs to this very answer."""
    leading = reached.leading
    located = [h for h in reached.hypotheses if h.fault_class is not None]
    behind = located or [h for h in reached.hypotheses if h.verdict != "rejected"]
    first = leading or (behind[0] if behind else None)
    ranked = dict.fromkeys(h.component for h in ([leading] if leading else []) + behind)
    return Said(
        ranked=tuple(ranked),
        is_sure=leading is not None,
        confidence=_confidence(reached, leading, located),
        cause=first.cause if first else None,
        fault_class=first.fault_class if first else None,
        category=category_of(reached),
        calls=_calls(items),
    )


def category_of(reached: e.DiagnosisReachedV1) -> str:
    """Of the leading hypothesis, else of the nearest that has one and is possible."""
    if reached.outcome == "no_fault":
        return "healthy"
    told = sorted(reached.hypotheses, key=lambda h: h.verdict != "leading")
    return next((h.category for h in told if h.category is not None and h.verdict != "rejected"), "unknown")


def _confidence(reached: e.DiagnosisReachedV1, leading: e.Hypothesis | None, located: list[e.Hypothesis]) -> float:
    """Of the named cause; of nobody named, that there is nobody; of a category that is only the nearest, of that."""
    if leading is not None:
        return leading.confidence
    if located:
        return 1 - located[0].confidence
    if reached.outcome == "no_fault" or category_of(reached) != "unknown":
        return reached.confidence
    return 1 - reached.confidence


def _calls(items: Iterable[EvidenceItem]) -> Calls | None:
    """The call graph among the evidence."""
    for item in items:
        if item.kind == "topology" and item.content is not None:
            graph = TopologyContent.model_validate(item.content)
            return Calls(graph.alarm_node, tuple(graph.edges))
    return None
