"""observe: evidence of one round."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import DomainEvent, EmitterName, UtcTime
from resilibot.contracts.evidence import EvidenceGap, EvidenceItem, EvidenceKind, Window


class EvidenceGatheredV1(DomainEvent):
    """What was seen in this round, and what could not be seen."""

    emitter: ClassVar[EmitterName] = "observe"
    round: int = Field(ge=1)
    purpose: Literal["diagnose", "verify"]
    onset: UtcTime  # when the trouble began, as far as the alarm tells
    window: Window  # what was looked at as "now"
    baseline: Window | None  # what was taken as healthy
    items: list[EvidenceItem]
    gaps: list[EvidenceGap]
    answered: list[EvidenceKind] = Field(default_factory=list)  # kinds of which a source answered, be it with nothing
