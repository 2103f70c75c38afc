"""plan: proposes catalogue actions for a diagnosis. The map of the service. It needs no cloud call."""

from resilibot.contracts import events as e
from resilibot.plan.propose import propose
from resilibot.runtime.service import Reaction, Service

SERVICE = Service(
    name="plan",
    emits=frozenset((e.PlanProposedV1, e.NoRemedyFoundV1)),
    reactions={e.DiagnosisReachedV1: Reaction(propose)},
)
