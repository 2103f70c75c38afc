"""reason: diagnoses from recorded evidence. The map of the service. It needs no cloud call and may do nothing."""

from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.reason.recover import judge
from resilibot.runtime.service import Decision, Reaction, Service, Trigger


def decide(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """Judge the round that triggered us, unless a newer one is there or the incident is over."""
    gathered = trigger.event
    if not isinstance(gathered, e.EvidenceGatheredV1) or case.is_over or gathered.round != case.round:
        return []
    return [judge(case, gathered)]


SERVICE = Service(
    name="reason",
    emits=frozenset({e.DiagnosisReachedV1, e.IncidentResolvedV1}),
    reactions={e.EvidenceGatheredV1: Reaction(decide)},
)
