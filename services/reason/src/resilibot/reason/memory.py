"""memory: what earlier incidents add: a word for a cause that this incident's own evidence already speaks for. Pure.

History may be wrong, or planted. So it only orders what is not certain: PAST is added to a confidence below CONCLUSIVE
and never carries one there, whatever is conclusive stays as it is, and the lead over rivals is taken without it. The
outcome of a diagnosis is the same with and without it.
"""

from collections.abc import Iterable

from resilibot.contracts.evidence import SimilarIncidentContent
from resilibot.reason.hypotheses import PAST, Candidate, Clue
from resilibot.reason.scene import Scene
from resilibot.reason.suspects import CONCLUSIVE

BELOW = 0.01  # CONCLUSIVE is not reached by history


def recall(scene: Scene, proposed: Iterable[Candidate]) -> None:
    """Note which causes an earlier incident had, where they have support of their own.

    Only what a person confirmed counts, or a past whose remedy was followed by a recovery: any other cause was no more
    than an opinion. A suspect on the call graph has a probability of its own, which history does not change.
    """
    proven = [r for r in scene.recalled if r.past.cause and _is_proven(r.past)]
    for candidate in proposed:
        same = [r for r in proven if r.past.cause == candidate.cause]
        if same and candidate.probability is None and candidate.support and candidate.score > 0:
            names = ", ".join(r.past.incident_id for r in same)
            text = f"it was the cause in a like incident, {_by(same[0].past)}: {names}"
            candidate.past = Clue(text, tuple(r.cite for r in same), PAST)


def _is_proven(past: SimilarIncidentContent) -> bool:
    return past.confirmed or bool(past.remedy and past.resolved)


def _by(past: SimilarIncidentContent) -> str:
    return "as a person confirmed" if past.confirmed else f"where {past.remedy} helped"


def with_past(candidate: Candidate, confidence: float) -> float:
    """The confidence with what history adds to it."""
    if candidate.past is None:
        return confidence
    return max(confidence, min(confidence + candidate.past.weight, CONCLUSIVE - BELOW))
