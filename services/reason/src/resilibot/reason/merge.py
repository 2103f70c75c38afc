"""merge: what a model's answer may change of the rules' diagnosis: words, order, doubt; never the verdict. Pure.

The outcome and the leading hypothesis are the rules' own, with their own support, because a plan is made of them. The
model may

* agree: its cited claims stand beside the verdict;
* doubt a verdict, by citing another cause (or health): the confidence falls to DOUBTED at most, so that a person is
  asked by the default policy;
* add hypotheses of its own, marked as such, at most POSSIBLE sure, that never lead;
* where the rules are inconclusive, put what it finds likely first.

Whatever it says, no more can be done afterwards than without it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import EvidenceItem
from resilibot.reason.answer import Answer, Claim, Consultation, View
from resilibot.reason.prompt import OTHER
from resilibot.reason.recover import judge
from resilibot.reason.scene import items_of

DOUBTED = 0.6  # below what the default policy acts on without a person
POSSIBLE = {"low": 0.15, "medium": 0.3, "high": 0.5}  # what a model's own word for it is worth
WORDLESS = "(a claim without a visible word)"
OBSERVED = frozenset({"metric", "log", "change", "status", "topology"})  # a runbook or a past incident shows nothing


def judge_with(
    case: IncidentCase, gathered: e.EvidenceGatheredV1, consulted: Consultation | None
) -> e.IncidentResolvedV1 | e.DiagnosisReachedV1:
    """The verdict of a round, with what a model said of it, if one was asked. Recovery is the rules' word alone."""
    told = judge(case, gathered)
    if consulted is None or isinstance(told, e.IncidentResolvedV1):
        return told
    if consulted.answer is None:
        return _with(told, reasoner=consulted.reasoner, dropped_claims=[*told.dropped_claims, *consulted.dropped])
    heard, dropped = _hear(consulted.answer, items_of(case, gathered))
    return _merged(told, heard, consulted.reasoner, dropped)


@dataclass(frozen=True)
class _Heard:
    """What is left of an answer once every claim that rests on nothing recorded is gone."""

    views: Sequence[View]
    speaks_of_health: Sequence[Claim]
    finds_a_cause: bool


def _hear(answer: Answer, items: Iterable[EvidenceItem]) -> tuple[_Heard, list[str]]:
    """A hypothesis without any observation for it is dropped whole, and one that was heard already, with its claims.

    Returns the text of each dropped claim too.
    """
    known = {(item.id, item.content_hash): item.kind for item in items if item.content is not None and item.is_intact()}
    dropped: list[str] = []

    def held(claims: Iterable[Claim]) -> tuple[Claim, ...]:
        kept = []
        for claim in claims:
            kinds = [known.get((c.evidence_id, c.content_hash)) for c in claim.citations]
            if not claim.text or None in kinds or not OBSERVED.intersection(filter(None, kinds)):
                dropped.append(claim.text or WORDLESS)
            else:
                kept.append(claim)
        return tuple(kept)

    views: list[View] = []
    heard: set[tuple[str, str]] = set()
    for view in answer.views:
        support, refutation = held(view.support), held(view.refutation)
        if not support or not view.statement:
            dropped.append(view.statement or WORDLESS)
            continue
        if view.cause != OTHER and (view.cause, view.component) in heard:  # which of the two is meant, nobody knows
            dropped += [view.statement, *(claim.text for claim in (*support, *refutation))]
            continue
        heard.add((view.cause, view.component))
        views.append(View(view.cause, view.component, view.statement, view.likelihood, support, refutation))
    health = held(answer.findings) if answer.verdict == "no_fault" else ()
    return _Heard(views, health, answer.verdict == "cause" and bool(views)), dropped


def _merged(
    told: e.DiagnosisReachedV1, heard: _Heard, reasoner: e.Reasoner, dropped: Sequence[str]
) -> e.DiagnosisReachedV1:
    theirs = {(view.cause, view.component): view for view in heard.views if view.cause != OTHER}
    known = {(h.cause, h.component) for h in told.hypotheses}
    own = [_refuted(h, theirs.get((h.cause, h.component))) for h in told.hypotheses]
    new = [v for v in heard.views if (v.cause, v.component) not in known]
    hypotheses = [*own, *(_hypothesis(number, view) for number, view in enumerate(new, start=1))]
    agreed = [claim for h in told.hypotheses if (v := theirs.get((h.cause, h.component))) for claim in v.support]
    spoken = dict.fromkeys([*agreed, *heard.speaks_of_health])
    remarks = [Claim(f"the model: {claim.text}", claim.citations).finding() for claim in spoken]
    merged = _with(
        told,
        hypotheses=hypotheses,
        findings=[*told.findings, *remarks],
        dropped_claims=[*told.dropped_claims, *dropped],
        reasoner=reasoner,
    )
    if told.outcome == "inconclusive":
        return _with(merged, hypotheses=_reranked(hypotheses, heard.views))
    doubt = _doubt(told, heard)
    return _doubted(merged, doubt) if doubt else merged


def _doubt(told: e.DiagnosisReachedV1, heard: _Heard) -> str | None:
    """What the model sees instead, in words of ours; None: it agrees, or shows nothing else."""
    leading = told.leading
    if heard.finds_a_cause:
        first = heard.views[0]
        if leading is not None and (first.cause, first.component) == (leading.cause, leading.component):
            return None
        cause = "another cause" if first.cause == OTHER else first.cause
        return f"the model sees {cause} at {first.component} instead"
    return "the model sees no fault" if leading is not None and heard.speaks_of_health else None


def _doubted(merged: e.DiagnosisReachedV1, doubt: str) -> e.DiagnosisReachedV1:
    """Every hypothesis is lowered, so that none stands above the one that leads."""
    lowered = [h.model_copy(update={"confidence": min(h.confidence, DOUBTED)}) for h in merged.hypotheses]
    confidence = min(merged.confidence, DOUBTED)
    return _with(merged, hypotheses=lowered, confidence=confidence, summary=f"{merged.summary} (doubted: {doubt})")


def _refuted(hypothesis: e.Hypothesis, view: View | None) -> e.Hypothesis:
    """What the model holds against a hypothesis of the rules stands with it. Its support is not touched: a plan reads
    the release to return to out of it."""
    if view is None or not view.refutation:
        return hypothesis
    against = [Claim(f"the model: {claim.text}", claim.citations).finding() for claim in view.refutation]
    return hypothesis.model_copy(update={"refutation": [*hypothesis.refutation, *against]})


def _hypothesis(number: int, view: View) -> e.Hypothesis:
    """A hypothesis that the rules have not: possible at most, however sure the model is."""
    return e.Hypothesis(
        id=f"m{number}",
        cause=view.cause,
        component=view.component,
        statement=view.statement,
        confidence=POSSIBLE[view.likelihood],
        support=[claim.finding() for claim in view.support],
        refutation=[claim.finding() for claim in view.refutation],
        verdict="possible",
        by="model",
    )


def _reranked(hypotheses: Sequence[e.Hypothesis], views: Sequence[View]) -> list[e.Hypothesis]:
    """What the model names comes first, in its order; the rest as it stood. Nothing leads here, so nothing is done."""
    order = {(view.cause, view.component): place for place, view in reversed(list(enumerate(views)))}
    return sorted(hypotheses, key=lambda h: order.get((h.cause, h.component), len(views)))


def _with(diagnosis: e.DiagnosisReachedV1, **changes: object) -> e.DiagnosisReachedV1:
    return diagnosis.model_copy(update=changes)
