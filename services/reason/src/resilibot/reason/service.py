"""reason: diagnoses from recorded evidence. The map of the service.

It needs no cloud call but a model's, where the settings want one, and may do nothing.
"""

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.reason.answer import Consultation
from resilibot.reason.consult import gather
from resilibot.reason.merge import judge_with
from resilibot.runtime.service import Decision, Reaction, Service, Trigger


def decide(case: IncidentCase, trigger: Trigger, facts: Consultation | None) -> Decision:
    """Judge the round that triggered us, unless a newer one is there or the incident is over."""
    gathered = trigger.event
    if not isinstance(gathered, e.EvidenceGatheredV1) or case.is_over or gathered.round != case.round:
        return []
    return [judge_with(case, gathered, facts)]


SERVICE = Service(
    name="reason",
    emits=frozenset({e.DiagnosisReachedV1, e.IncidentResolvedV1}),
    reactions={e.EvidenceGatheredV1: Reaction(decide, gather)},
    # a model's, and its key's: only if one is wanted
    needs=("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "secretsmanager:GetSecretValue"),
)
