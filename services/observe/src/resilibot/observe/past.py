"""past: earlier incidents like this one, as evidence. Pure.

The rows are asked for together with all other sources; they are compared once the others have answered, since it is
their evidence that tells two incidents with the same alarm apart. The cause is no part of it: what history suggests
must not rest on what history suggested.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from resilibot.contracts.case import IncidentCase
from resilibot.contracts.event import Value, format_time
from resilibot.contracts.evidence import EvidenceGap, EvidenceKind, SimilarIncidentContent
from resilibot.contracts.similar import LEAST_SCORE, Past, likeness_of, past_of, similar
from resilibot.observe.itemise import Found
from resilibot.observe.ports import IncidentSource

KIND: EvidenceKind = "similar_incident"
MOST = 100  # earlier incidents that one is compared with


@dataclass
class PastFound(Found):
    """What the record gave: the past, not compared yet; `is_all` False when there are more that were not read."""

    past: list[Past] = field(default_factory=list)
    is_all: bool = True


def read_past(source: IncidentSource, case: IncidentCase) -> PastFound:
    """The newest incidents opened before this one. Raises SourceFailed."""
    assert case.opened_at is not None  # noqa: S101  there is a signal to look at, so it was opened
    rows = source.before(case.opened_at, MOST + 1)
    return PastFound(KIND, source.name, past=past_of(rows[:MOST]), is_all=len(rows) <= MOST)


def compared(found: Sequence[Found], case: IncidentCase) -> tuple[list[Found], list[EvidenceGap]]:
    """What was found, with the past as evidence of which earlier incidents are like this one; and what was not read."""
    gaps: list[EvidenceGap] = []
    return [_evidence(one, found, case, gaps) if isinstance(one, PastFound) else one for one in found], gaps


def _evidence(past: PastFound, found: Sequence[Found], case: IncidentCase, gaps: list[EvidenceGap]) -> Found:
    assert case.opened_at is not None  # noqa: S101
    if not past.is_all:
        detail = f"more than {MOST} incidents opened before this one; it is compared with the newest {MOST}"
        gaps.append(EvidenceGap(kind=KIND, source=past.source, reason="not_supported", detail=detail))
    seen: list[Value] = [value for one in found for value, _, _ in one.contents]
    likeness = likeness_of([s.signal for s in case.own_signals], case.resource, seen)
    own = [case.incident_id, *case.children, *([case.split_from] if case.split_from else [])]
    query: dict[str, Any] = {"opened_before": format_time(case.opened_at), "newest": MOST, "least_score": LEAST_SCORE}
    contents = [(content, query, _say(content)) for content in similar(likeness, case.opened_at, past.past, own)]
    return Found(KIND, past.source, list(contents))


def _say(content: SimilarIncidentContent) -> str:
    when, cause = f"{content.opened_at:%Y-%m-%d}", content.cause or "no cause was found"
    cause += " (confirmed by a person)" if content.confirmed else ""
    end = "recovery was seen" if content.resolved else "no recovery was seen"
    done = f"{content.remedy}, {end}" if content.remedy else f"nothing was done, {end}"
    return f"like incident {content.incident_id} of {when} ({content.score:.2f}): {cause}; {done}"
