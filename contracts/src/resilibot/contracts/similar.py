"""similar: what an incident is recognised by, and how like another it is. Pure and deterministic.

An incident is likened by what is recorded of it: the names of its alarms, where it is, the templates of its new log
lines, which metrics left their healthy range and in which direction, states that are not well, the kinds of recent
changes, and the cause that was found. Numbers and ids are masked, so that two hosts and two releases compare equal.

Each kind has a weight, taken times the share of what both have among what either has (Jaccard): the sum is how much is
alike. The score is that sum over the weights of all kinds that either of the two tells, so that other log lines speak
against, while a kind that neither tells says nothing. An incident is called similar from LEAST_SCORE on, and only when
LEAST_ALIKE of all weights is alike: the same alarm at the same place is never enough. Weights and bounds are by
judgement, in one place, and change only with a measurement.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from statistics import median
from typing import Any

from pydantic import ValidationError

from resilibot.contracts import events as e
from resilibot.contracts.case import OVER, IncidentCase
from resilibot.contracts.event import UtcTime, Value
from resilibot.contracts.evidence import (
    CONTENT,
    ChangeContent,
    LogContent,
    MetricContent,
    SimilarIncidentContent,
    StatusContent,
)
from resilibot.contracts.signal import ResourceRef, Signal

WEIGHTS = {
    "logs": 0.3,
    "metrics": 0.2,
    "states": 0.15,
    "signals": 0.1,
    "service": 0.1,
    "resource": 0.05,
    "changes": 0.05,
    "cause": 0.05,
}
LEAST_SCORE = 0.6
LEAST_ALIKE = 0.4  # where it is and which alarm fired make 0.25
NAMED = 3
LIKENED = ("metric", "log", "status", "change")  # kinds of evidence that features come from
KEPT = 12  # features of a kind
FEATURE_CHARS = 160
FRESHEST = 5  # points that tell where a metric is now
SPREAD = 3.0  # median absolute deviations beyond the healthy range
WELL = frozenset({"active", "online", "running", "available", "ready", "ok", "healthy", "in-use", "enabled"})

_VARIABLE = re.compile(r"[0-9a-f]{8,}(?:-[0-9a-f]{4,})*|\d+(?:[.,:]\d+)*")


class Likeness(Value):
    """What an incident is recognised by: masked words, sorted, at most KEPT of a kind. Untrusted text."""

    signals: tuple[str, ...] = ()
    service: tuple[str, ...] = ()  # one or none
    resource: tuple[str, ...] = ()  # one or none
    logs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()  # "errorrate up"
    states: tuple[str, ...] = ()  # "unit no_answer"
    changes: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()  # one or none


class Remembered(Value):
    """What later incidents may know of one: how to recognise it, what it was, what was done and whether that helped.

    `cause` and `component` are what a person confirmed, else those of the last conclusive diagnosis. `resolved` only
    with a recovery that was seen in evidence, after the remedy if there was one.
    """

    likeness: Likeness = Likeness()
    cause: str | None = None
    component: str | None = None
    confirmed: bool = False  # by a person
    remedy: str | None = None  # the last action that succeeded, "ssm.restart_service on service/orders"
    resolved: bool = False


class Past(Value):
    """An earlier incident that is over, as the published read model of incidents tells it."""

    incident_id: str
    opened_at: UtcTime
    remembered: Remembered


def remembered(case: IncidentCase) -> Remembered:
    """What is kept of an incident as far as it has come."""
    current = [d for d in case.diagnoses if d.round > case.episode_round and d.outcome == "conclusive"]
    leading = next((d.leading for d in reversed(current) if d.leading), None)
    done = [a.started for a in case.current_actions.values() if a.state == "succeeded"]
    looks = [r for r in case.rounds if r.purpose == "diagnose" and r.round > case.episode_round]
    contents = [value for look in looks for value in _contents(look)]
    likeness = likeness_of([s.signal for s in case.own_signals], case.resource, contents, leading)
    verdict = case.root_cause.confirmed if case.root_cause else None
    found = verdict or leading
    return Remembered(
        likeness=likeness,
        cause=found.cause if found else None,
        component=found.component if found else None,
        confirmed=verdict is not None,
        remedy=f"{done[-1].action} on {done[-1].target}" if done else None,
        resolved=case.resolved_at is not None and case.resolution is not None,
    )


def likeness_of(
    signals: Iterable[Signal],
    resource: ResourceRef | None,
    contents: Iterable[Value],
    leading: e.Hypothesis | None = None,
) -> Likeness:
    """The features of an incident. Of logs the errors count, and all that is new where there are none."""
    seen = list(contents)
    patterns = [p for log in seen if isinstance(log, LogContent) for p in log.patterns]
    errors = [p for p in patterns if p.level in ("ERROR", "WARN")] or patterns
    states = [s for s in seen if isinstance(s, StatusContent)]
    return Likeness(
        signals=_kept(signal.name for signal in signals),
        service=_kept([resource.service] if resource and resource.service else []),
        resource=_kept([resource.name] if resource else []),
        logs=_kept(pattern.template for pattern in errors),
        metrics=_kept(filter(None, (_moved(m) for m in seen if isinstance(m, MetricContent)))),
        states=_kept(f"{s.kind} {s.state}" for s in states if s.responds is False or s.state.lower() not in WELL),
        changes=_kept(change.what for change in seen if isinstance(change, ChangeContent)),
        cause=_kept([leading.cause] if leading else []),
    )


def score(one: Likeness, other: Likeness) -> float:
    """0 to 1, the same both ways."""
    told = sum(weight for kind, weight in WEIGHTS.items() if getattr(one, kind) or getattr(other, kind))
    return round(how_much(one, other) / told, 4) if told else 0.0


def how_much(one: Likeness, other: Likeness) -> float:
    """How much of all weights is alike."""
    return round(sum(weight * _shared(getattr(one, kind), getattr(other, kind)) for kind, weight in WEIGHTS.items()), 4)


def alike(one: Likeness, other: Likeness) -> list[str]:
    """What both have, the weightiest kinds first."""
    kinds = sorted(WEIGHTS, key=lambda kind: -WEIGHTS[kind])
    return [f"{kind}: {text}" for kind in kinds for text in getattr(one, kind) if text in getattr(other, kind)]


def similar(
    likeness: Likeness, opened_at: datetime, past: Iterable[Past], apart_from: Sequence[str] = ()
) -> list[SimilarIncidentContent]:
    """The incidents of the past that are like this one, the likest first, at most NAMED; none is an answer.

    Only those that opened before it: what came later was not known. Of equal ones the newer goes first.
    """
    found = [
        (score(likeness, one.remembered.likeness), one)
        for one in past
        if one.opened_at < opened_at and one.incident_id not in apart_from
    ]
    near = [
        (points, one)
        for points, one in found
        if points >= LEAST_SCORE and how_much(likeness, one.remembered.likeness) >= LEAST_ALIKE
    ]
    near.sort(key=lambda pair: (-pair[0], -pair[1].opened_at.timestamp(), pair[1].incident_id))
    return [_told(likeness, one, points) for points, one in near[:NAMED]]


def past_of(rows: Iterable[Mapping[str, Any]]) -> list[Past]:
    """Rows of the incidents' read model as a past: those that are over, and were no part of another incident.

    A row that another build wrote in another shape is left out.
    """
    found = []
    for row in rows:
        if row["status"] in OVER and not row["merged_into"]:
            told = {name: row.get(name) for name in ("incident_id", "opened_at", "remembered")}
            with suppress(ValidationError):
                found.append(Past.model_validate(told))
    return found


def _told(likeness: Likeness, one: Past, points: float) -> SimilarIncidentContent:
    return SimilarIncidentContent(
        incident_id=one.incident_id,
        opened_at=one.opened_at,
        cause=one.remembered.cause,
        component=one.remembered.component,
        confirmed=one.remembered.confirmed,
        remedy=one.remembered.remedy,
        resolved=one.remembered.resolved,
        alike=alike(likeness, one.remembered.likeness),
        score=points,
    )


def _contents(gathered: e.EvidenceGatheredV1) -> Iterable[Value]:
    """The observations of a round that lie in the event itself. One of another shape is left out: it stops nothing."""
    for item in gathered.items:
        if item.content is not None and item.kind in LIKENED:
            with suppress(ValidationError):
                yield CONTENT[item.kind].model_validate(item.content)


def _moved(metric: MetricContent) -> str | None:
    """A metric that left its healthy range, with the direction; None for one that stayed or cannot be judged."""
    if metric.baseline is None or not metric.points:
        return None
    base, now = metric.baseline, median(value for _, value in metric.points[-FRESHEST:])
    room = SPREAD * base.mad
    if now > base.high + room:
        return f"{metric.name} up"
    return f"{metric.name} down" if now < base.low - room else None


def _shared(one: Sequence[str], other: Sequence[str]) -> float:
    either = set(one) | set(other)
    return len(set(one) & set(other)) / len(either) if either else 0.0


def _kept(texts: Iterable[str]) -> tuple[str, ...]:
    masked = {_VARIABLE.sub("#", text.lower())[:FEATURE_CHARS].strip() for text in texts}
    return tuple(sorted(masked - {""})[:KEPT])
