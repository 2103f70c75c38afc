"""log_eval: the own log as a test set: what was said of incidents whose root cause a person confirmed later.

Nothing is stored of it: a verdict that comes weeks after changes the figures the next time they are asked for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import Status, fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import format_time
from resilibot.local.answers import said_by
from resilibot.local.no_network import no_network
from resilibot.local.recorded_log import RecordedLog
from resilibot.local.rerun import Reasoner
from resilibot.local.scoring import Said, Truth, grade, is_right
from resilibot.reason.vocabulary import CAUSES

NOTHING_WRONG = "no_fault"  # the cause that a person gives when there was none
HEALTHY = "healthy"  # and its category


@dataclass(frozen=True)
class Graded:
    """One incident: what was said first of all and when, what it really was and since when that is known."""

    incident_id: str
    diagnosed_at: datetime
    confirmed_at: datetime
    verdicts: int  # how often people said what it was; the last counts
    said: Said
    truth: Truth

    def told(self) -> dict[str, Any]:
        return {
            "incident_id": self.incident_id,
            "diagnosed_at": format_time(self.diagnosed_at),
            "confirmed_at": format_time(self.confirmed_at),
            "verdicts": self.verdicts,
            "said": self.said.named,
            "cause": self.said.cause if self.said.is_sure else None,
            "confidence": self.said.confidence,
            "was": self.truth.component,
            "right": is_right(self.said, self.truth),
            "grade": grade(self.said, self.truth),
        }


def graded(logs: Iterable[RecordedLog], reasoner: Reasoner | None = None) -> list[Graded]:
    """Of the logs those that can be graded: closed, confirmed and diagnosed. By `reasoner` instead of as recorded.

    The first diagnosis with a verdict is graded, else the first of all: what came after an action looked at another
    state of the world. A cause that is none of the reasoner's words was told freely, and is not compared.
    """
    return [one for log in logs if (one := _graded(log, reasoner)) is not None]


def _graded(log: RecordedLog, reasoner: Reasoner | None) -> Graded | None:
    case = fold(log.incident_id, log.events)
    verdict = case.root_cause
    first = first_answer(log.events)
    if case.status is not Status.CLOSED or case.merged_into or verdict is None or first is None:
        return None
    recorded, seen = first
    reached = recorded.event
    if reasoner is not None:
        with no_network():
            reached = reasoner(fold(log.incident_id, log.events[: recorded.version - 1]), seen)
    return Graded(
        incident_id=log.incident_id,
        diagnosed_at=recorded.envelope.recorded_at,
        confirmed_at=verdict.at,
        verdicts=len(case.confirmed_causes),
        said=said_by(reached, seen.items) if isinstance(reached, e.DiagnosisReachedV1) else WELL_AGAIN,
        truth=truth_of(verdict.confirmed),
    )


# A reasoner that takes the very first look for a recovery names nobody, and is certain of it
WELL_AGAIN = Said(ranked=(), is_sure=False, confidence=1.0, category=HEALTHY)


def truth_of(verdict: e.RootCauseConfirmedV1) -> Truth:
    is_healthy = verdict.cause == NOTHING_WRONG or verdict.fault_category == HEALTHY
    return Truth(
        is_healthy=is_healthy,
        component=None if is_healthy else verdict.component,
        cause=verdict.cause if verdict.cause in CAUSES else None,
        fault_class=verdict.fault_class,
        category=HEALTHY if is_healthy else verdict.fault_category,
    )


def first_answer(events: Sequence[RecordedEvent]) -> tuple[RecordedEvent, e.EvidenceGatheredV1] | None:
    """The diagnosis that is graded, with the round of evidence that it judged: the first sure one, else the first."""
    rounds = {one.id: one.readable for one in events if isinstance(one.readable, e.EvidenceGatheredV1)}
    found: list[tuple[RecordedEvent, e.EvidenceGatheredV1]] = []
    for one in events:
        seen = rounds.get(one.envelope.causation_id or "")
        if isinstance(one.readable, e.DiagnosisReachedV1) and isinstance(seen, e.EvidenceGatheredV1):
            found.append((one, seen))
            if one.readable.outcome != "inconclusive":
                return one, seen
    return found[0] if found else None
