"""fixture: one incident of the own log as a case of `resilibot eval diagnose`: its evidence, and what it was. Pure.

The diagnosis that `eval log` grades is the one that is held: the first sure one, over exactly what it was judged by.
The truth is a person's verdict where there is one; else the diagnosis itself, and then the case guards what is, right
or wrong.

FixtureRefused
├── NotDiagnosed   there is no diagnosis to hold
├── MergedAway     it went on as another incident
└── TruthUnknown   nobody was named, and no person said what it was
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, SignalSummary, fold
from resilibot.contracts.event import format_time
from resilibot.local.log_eval import HEALTHY, first_answer, truth_of
from resilibot.local.outward import outward, outward_gap, outward_text
from resilibot.local.recorded_log import RecordedLog
from resilibot.local.scoring import Truth
from resilibot.reason.scene import items_of


class FixtureRefused(Exception):
    code: ClassVar[str] = "fixture_refused"


class NotDiagnosed(FixtureRefused):
    code = "not_diagnosed"


class MergedAway(FixtureRefused):
    code = "merged_away"


class TruthUnknown(FixtureRefused):
    code = "truth_unknown"


@dataclass(frozen=True)
class Fixture:
    """`incident` and `truth` as JSON. `left_behind`: what the log holds of this incident and the case does not."""

    incident_id: str
    incident: dict[str, Any]
    observed: e.EvidenceGatheredV1
    truth: dict[str, Any]
    recorded: e.DiagnosisReachedV1
    left_behind: tuple[str, ...]


def fixture_of(log: RecordedLog) -> Fixture:
    """Raises FixtureRefused. The incident's id becomes the name of a folder: whoever calls has looked at it."""
    case, found = fold(log.incident_id, log.events), first_answer(log.events)
    if case.merged_into:
        raise MergedAway(f"{log.incident_id} was merged into {case.merged_into}: that one tells what it was")
    if found is None:
        raise NotDiagnosed(f"{log.incident_id} has no diagnosis that a round of evidence led to")
    answer, seen = found
    reached = answer.event
    assert isinstance(reached, e.DiagnosisReachedV1)  # noqa: S101  picked by type
    judged = fold(log.incident_id, log.events[: answer.version - 1])
    carried = [outward(item) for item in items_of(judged, seen)]
    # As one first look: what a later one was judged by, the changes that an earlier one found, is among its items.
    observed = seen.model_copy(
        update={
            "purpose": "diagnose",
            "items": [item for item, _ in carried],
            "gaps": [outward_gap(gap) for gap in seen.gaps],
        }
    )
    left_behind = (*_left_behind(case, judged, seen, reached), *(line for _, left in carried for line in left))
    truth = {"id": log.incident_id, **_truth(case, reached, format_time(answer.envelope.recorded_at))}
    incident = {"id": log.incident_id, "alarm": _alarm(judged), "left_behind": list(left_behind)}
    return Fixture(log.incident_id, incident, observed, truth, reached, left_behind)


def headline(reached: e.DiagnosisReachedV1) -> dict[str, Any]:
    """{"outcome", "component", "cause", "confidence"} of a diagnosis; nobody named: None."""
    leading = reached.leading
    return {
        "outcome": reached.outcome,
        "component": leading.component if leading else None,
        "cause": leading.cause if leading else None,
        "confidence": reached.confidence,
    }


def _alarm(judged: IncidentCase) -> dict[str, Any]:
    """What the reasoner reads of the case: whose it is, and whether any of its alarms still fires."""
    signal = first.signal if (first := _own_signal(judged)) else None
    watched = signal.metric if signal else None
    about = judged.resource
    is_firing = any(summary.is_firing for summary in judged.signals.values())
    at = signal.fired_at if signal else judged.opened_at
    texts = {
        "service": (about.service or about.name) if about else "",
        "title": signal.title if signal else judged.title,
        "state": "ALARM" if is_firing else "OK",
        **({"metric": watched.name, "statistic": watched.statistic} if watched else {}),
    }
    return {name: outward_text(text) for name, text in texts.items()} | {"timestamp": at.timestamp() if at else 0}


def _own_signal(judged: IncidentCase) -> SignalSummary | None:
    return next(iter([*judged.own_signals, *judged.signals.values()]), None)


def _truth(case: IncidentCase, reached: e.DiagnosisReachedV1, diagnosed_at: str) -> dict[str, Any]:
    """Of one line of truths. Raises TruthUnknown."""
    verdict = case.root_cause
    if verdict is not None:
        truth, told_by, since = truth_of(verdict.confirmed), "person", format_time(verdict.at)
    elif reached.outcome == "inconclusive":
        why = "nobody was named, and no person has said what it was: resilibot incident confirm"
        raise TruthUnknown(f"{case.incident_id}: {why}")
    else:
        truth, told_by, since = _as_diagnosed(reached), "diagnosis", diagnosed_at
    words = {
        "service": truth.component,
        "cause": truth.cause,
        "fault_class": truth.fault_class,
        "category": truth.category,
    }
    told = {name: outward_text(word) for name, word in words.items() if word is not None}
    recorded = {
        **headline(reached),
        "at": diagnosed_at,
        "reasoner": f"{reached.reasoner.name} {reached.reasoner.version}",
    }
    return {"healthy": truth.is_healthy, **told, "told_by": told_by, "since": since, "recorded": recorded}


def _as_diagnosed(reached: e.DiagnosisReachedV1) -> Truth:
    leading = reached.leading
    if leading is None:
        return Truth(is_healthy=True, category=HEALTHY)
    return Truth(False, leading.component, leading.cause, leading.fault_class, leading.category)


def _left_behind(
    case: IncidentCase, judged: IncidentCase, seen: e.EvidenceGatheredV1, reached: e.DiagnosisReachedV1
) -> list[str]:
    """Of the incident as a whole; of single pieces of evidence see `outward`."""
    others = [str(one.round) for one in case.rounds if one.round != seen.round]
    left = [f"rounds {', '.join(others)}: only what round {seen.round} was judged by goes along"] if others else []
    if len(judged.signals) > 1:
        left.append(f"{len(judged.signals)} alarms: of all but the first only whether one still fires")
    if reached.reasoner.model is not None:
        left.append(f"what the model {reached.reasoner.model} said: a case is judged by the rules alone")
    return left
