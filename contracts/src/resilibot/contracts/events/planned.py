"""plan: catalogue actions for a diagnosis, or why there are none."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import DomainEvent, EmitterName, Value
from resilibot.contracts.evidence import Citation


class PlanStep(Value):
    """One catalogue action with everything a person needs to judge it."""

    id: str
    action: str  # id in the catalogue: ssm.restart_service ...
    target: str  # the service or resource acted on; key of the target stream
    arguments: dict[str, str | int | list[str]]
    expected_effect: str
    verification: str
    rollback: str
    hypothesis_id: str
    citations: list[Citation] = Field(min_length=1)


class PlanProposedV1(DomainEvent):
    emitter: ClassVar[EmitterName] = "plan"
    round: int = Field(ge=1)
    steps: list[PlanStep] = Field(min_length=1)
    confidence: float = Field(ge=0, le=1)  # of the diagnosis it answers


class NoRemedyFoundV1(DomainEvent):
    emitter: ClassVar[EmitterName] = "plan"
    round: int = Field(ge=1)
    reason: Literal["no_fault", "inconclusive", "not_in_catalogue", "already_tried", "rounds_spent"]
    detail: str
