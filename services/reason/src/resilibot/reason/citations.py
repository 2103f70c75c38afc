"""citations: code, not a prompt, discards what cites nothing that is recorded. Pure."""

from collections.abc import Sequence

from resilibot.contracts import events as e
from resilibot.contracts.evidence import EvidenceItem, Finding


def checked(hypotheses: Sequence[e.Hypothesis], items: Sequence[EvidenceItem]) -> tuple[list[e.Hypothesis], list[str]]:
    """Hypotheses with only the findings whose every citation resolves to an item with that very hash.

    A hypothesis that lost all its support, or has no finding left, is dropped. Returns what stays, and the text of
    each dropped claim.
    """
    known = {(item.id, item.content_hash) for item in items}
    kept: list[e.Hypothesis] = []
    dropped: list[str] = []
    for hypothesis in hypotheses:
        support = [f for f in hypothesis.support if _resolves(f, known)]
        refutation = [f for f in hypothesis.refutation if _resolves(f, known)]
        lost = [f.text for f in (*hypothesis.support, *hypothesis.refutation) if not _resolves(f, known)]
        dropped += lost
        if (hypothesis.support and not support) or not (support or refutation):
            dropped.append(hypothesis.statement)
            continue
        if lost:  # a claim that rested on nothing lowers what is left, and never leads
            verdict = "possible" if hypothesis.verdict == "leading" else hypothesis.verdict
            share = len(support) / max(len(hypothesis.support), 1)
            changes = {"verdict": verdict, "confidence": round(hypothesis.confidence * share, 4)}
            hypothesis = hypothesis.model_copy(update=changes)
        kept.append(hypothesis.model_copy(update={"support": support, "refutation": refutation}))
    return kept, dropped


def _resolves(finding: Finding, known: set[tuple[str, str]]) -> bool:
    return all((citation.evidence_id, citation.content_hash) in known for citation in finding.citations)
