"""diagnose: from one round of evidence to a verdict: conclusive, inconclusive or no fault. Pure and deterministic.

confidence = clamp(support - refutation) x coverage, where each kind of evidence that could not be read takes a tenth
(metrics: a fifth) away; a suspect on the call graph brings its own probability instead. Conclusive from CONCLUSIVE on,
and only with a clear lead over the next different cause.
"""

from collections.abc import Sequence

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import Finding
from resilibot.contracts.quantity import DEVIATES
from resilibot.reason.accounts import explain, well
from resilibot.reason.citations import checked
from resilibot.reason.hypotheses import Candidate, candidates, findings
from resilibot.reason.memory import recall, with_past
from resilibot.reason.now import Now
from resilibot.reason.scene import Scene, items_of, read_scene
from resilibot.reason.signatures import signatures
from resilibot.reason.suspects import CONCLUSIVE, culprit, suspects, weigh_against

LEAD = 0.15
KEEP = 6
POSSIBLE = 0.3
WELL = 0.8  # of a system that describes itself as well
CEILING = 0.97  # certainty is not to be had from outside
REASONER = e.Reasoner(name="deterministic", version="1")
COVERAGE = {"metric": 0.2, "log": 0.1, "status": 0.1, "change": 0.1}


def diagnose(case: IncidentCase, gathered: e.EvidenceGatheredV1) -> e.DiagnosisReachedV1:
    """The verdict of one round; what cites nothing that is recorded has been dropped and is named."""
    scene = read_scene(case, gathered)
    proposed = candidates(scene)
    weigh_against(scene, proposed)
    described, now = signatures(scene), Now(scene)
    for candidate in described:
        explain(candidate, now)
    proposed += [*suspects(scene), *described]
    recall(scene, proposed)
    ranked = sorted(proposed, key=lambda c: (-round(c.score, 6), c.rank, c.cause, c.component))
    hypotheses, dropped = checked(_hypotheses(ranked, scene), items_of(case, gathered))
    all_is_well = [] if any(c.score >= POSSIBLE for c in described) else findings(well(now))
    healthy, dropped_healthy = checked_findings([*healthy_findings(scene), *all_is_well], gathered)
    leading = next((h for h in hypotheses if h.verdict == "leading"), None)
    if leading is not None:
        outcome, summary, confidence = "conclusive", _say_cause(leading), leading.confidence
    elif told_well := [finding.text for finding in all_is_well if finding in healthy]:
        outcome, summary, confidence = "no_fault", _sentences(told_well), WELL
    elif healthy and is_healthy(scene):
        outcome, summary, confidence = "no_fault", _say_healthy(scene), _healthy_confidence(scene)
    else:
        outcome, summary = "inconclusive", _say_inconclusive(scene, hypotheses)
        confidence = hypotheses[0].confidence if hypotheses else 0.0
    return e.DiagnosisReachedV1.model_validate(
        {
            "round": gathered.round,
            "outcome": outcome,
            "summary": summary,
            "confidence": confidence,
            "hypotheses": hypotheses,
            "findings": healthy if outcome == "no_fault" else [],
            "dropped_claims": [*dropped, *dropped_healthy],
            "gaps": list(scene.gaps),
            "reasoner": REASONER,
        }
    )


def is_healthy(scene: Scene) -> bool:
    """What the alarms watch could be judged and is well, and nothing else speaks against health: no metric, host or
    log, and no resource of the service by its own word.

    An alarm that watches no single metric (composite, metric maths) is judged by its own word that it is over, and by
    the service's other metrics.
    """
    if scene.alarmed:
        is_judged = all(m.is_judged for m in scene.alarmed)
    else:
        is_judged = scene.all_clear and any(m.is_judged for m in scene.measured)
    is_calm = not scene.deviating and not scene.silent and not scene.errors and not scene.ailing
    return is_judged and is_calm and culprit(scene) is None


def healthy_findings(scene: Scene) -> list[Finding]:
    """What the word healthy rests on."""
    well = [m for m in scene.measured if m.is_judged and not m.deviates]
    found = [Finding(text=f"within its healthy range: {m.say()}", citations=[m.cite]) for m in well]
    for report in scene.reported:
        if report.status.responds:
            text = f"{report.status.component} answers its health check"
            found.append(Finding(text=text, citations=[report.cite]))
    if scene.logs_seen and not scene.errors:
        found.append(Finding(text="no new error pattern in the logs", citations=list(scene.logs_seen)))
    return found


def checked_findings(found: Sequence[Finding], gathered: e.EvidenceGatheredV1) -> tuple[list[Finding], list[str]]:
    known = {(item.id, item.content_hash) for item in gathered.items}
    good = [f for f in found if all((c.evidence_id, c.content_hash) in known for c in f.citations)]
    return good, [f.text for f in found if f not in good]


def _hypotheses(ranked: Sequence[Candidate], scene: Scene) -> list[e.Hypothesis]:
    coverage = 1 - sum(loss for kind, loss in COVERAGE.items() if not scene.answered(kind))
    scored = [(c, _clamp(c.score) * (coverage if c.probability is None else 1)) for c in ranked]
    best = scored[0][1] if scored else 0.0
    rival = next(
        (score for c, score in scored[1:] if (c.cause, c.component) != (ranked[0].cause, ranked[0].component)), 0.0
    )
    is_told = bool(ranked) and ranked[0].category is not None
    is_seen = bool(scene.deviating or scene.silent or scene.errors or culprit(scene) or scene.states or is_told)
    is_clear = best >= CONCLUSIVE and best - rival >= LEAD and is_seen
    ordered = sorted(scored[is_clear:], key=_likest)  # what is clear stays first, whatever history says
    scored = [*scored[:is_clear], *ordered]
    kept = []
    told = [*scored[:KEEP], *(one for one in scored[KEEP:] if one[0].probability is not None)]
    for number, (candidate, score) in enumerate(told, start=1):
        verdict = "leading" if number == 1 and is_clear else ("possible" if score >= POSSIBLE else "rejected")
        kept.append(
            e.Hypothesis.model_validate(
                {
                    "id": f"h{number}",
                    "cause": candidate.cause,
                    "component": candidate.component,
                    "statement": candidate.statement,
                    "confidence": round(with_past(candidate, score), 4),
                    "support": findings(candidate.told_for),
                    "refutation": findings(candidate.refutation),
                    "verdict": verdict,
                    "fault_class": candidate.fault_class,
                    "category": candidate.category,
                }
            )
        )
    return kept


def _likest(scored: tuple[Candidate, float]) -> tuple[float, int, str, str]:
    candidate, confidence = scored
    gain = with_past(candidate, confidence) - confidence
    return (-round(candidate.score + gain, 6), candidate.rank, candidate.cause, candidate.component)


def _clamp(score: float) -> float:
    return min(max(score, 0.0), CEILING)


def _healthy_confidence(scene: Scene) -> float:
    coverage = 1 - sum(loss for kind, loss in COVERAGE.items() if not scene.answered(kind))
    return round(0.9 * coverage, 4)


def _say_healthy(scene: Scene) -> str:
    judged = scene.alarmed or tuple(m for m in scene.measured if m.is_judged)
    return f"no fault found: {judged[0].say()}; nothing else deviates"


def _say_cause(leading: e.Hypothesis) -> str:
    """The mechanism; for one in the words of clusters and databases also its findings, the plain numbers last."""
    if leading.category is None:
        return leading.statement
    told = [finding.text for finding in leading.support if not finding.text.startswith("it is told")]
    moved = [text for text in told if " went from " in text]
    explained = [text for text in told if text not in moved]
    return _sentences([leading.statement, *explained, *moved])


def _sentences(texts: Sequence[str]) -> str:
    return ". ".join(text[:1].upper() + text[1:] for text in dict.fromkeys(texts)) + "."


def _say_inconclusive(scene: Scene, hypotheses: Sequence[e.Hypothesis]) -> str:
    nearest = hypotheses[0] if hypotheses else None
    if nearest is not None and nearest.category is not None and nearest.verdict == "possible":
        others = [h for h in hypotheses[1:] if h.category is not None and h.confidence >= CONCLUSIVE]
        also = "".join(f" Also seen, independent of it: {other.statement}." for other in others)
        told = _say_cause(nearest).removeprefix(_sentences([nearest.statement])).strip()
        return f"Not certain, but nearest: {nearest.statement}.{also} {told}".strip()
    if scene.errors and not any(m.is_judged for m in scene.measured):
        return "errors are logged, but no known cause explains them, and no metric can be judged"
    if not any(m.is_judged for m in scene.measured):
        return "nothing to judge by: no metric has both a healthy baseline and enough fresh points"
    unjudged = [m for m in scene.alarmed if not m.is_judged]
    if unjudged:
        return f"the alarm's own metric cannot be judged: {unjudged[0].say()}"
    if hypotheses and hypotheses[0].confidence > 0:
        return f"no cause stands out; the nearest is: {hypotheses[0].statement}"
    worst = max((m.badness or 0.0 for m in scene.measured), default=0.0)
    return "something deviates, but no known cause explains it" if worst > DEVIATES else "no cause is supported"
