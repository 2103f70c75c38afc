"""reason: what is wrong and what that rests on; or that the service has recovered."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import DomainEvent, EmitterName, Value
from resilibot.contracts.evidence import EvidenceGap, Finding


class Reasoner(Value):
    """Which reasoner judged. Cost is an exact decimal in US dollars; tokens are 0 without a model.

    A model that was asked in vain is named too: what it cost, and why the rules alone judged.
    """

    name: str
    version: str
    model: str | None = None
    prompt_hash: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: str = "0"
    calls: int = 0  # of the model, for this diagnosis
    unmetered: int = 0  # of these, calls whose tokens were never told (no answer came): not in tokens and cost
    wanted: str | None = None  # the reasoner that the settings ask for; None: the rules alone
    fell_back: str | None = None  # why it had no part in this diagnosis: `code: what happened`


class Hypothesis(Value):
    """One explanation with everything for and against it. The rejected ones are kept."""

    id: str
    cause: str  # bad_release, hung_process ...: the vocabulary of resilibot.reason
    component: str  # what is at fault: a host, a release, a service
    statement: str
    confidence: float = Field(ge=0, le=1)
    support: list[Finding]
    refutation: list[Finding]
    verdict: Literal["leading", "possible", "rejected"]
    fault_class: str | None = None  # latency-config, error-deploy ...; None: not told by the evidence
    category: str | None = None  # configuration_error, resource_exhaustion ...; None: the cause has none of its own
    by: Literal["rules", "model"] = "rules"  # who proposed it; a model's never leads


class DiagnosisReachedV1(DomainEvent):
    """The verdict of one round. `inconclusive` and `no_fault` are results, not errors."""

    emitter: ClassVar[EmitterName] = "reason"
    round: int = Field(ge=1)
    outcome: Literal["conclusive", "inconclusive", "no_fault"]
    summary: str
    confidence: float = Field(ge=0, le=1)
    hypotheses: list[Hypothesis]
    findings: list[Finding]  # what the outcome itself rests on (for no_fault: the healthy evidence)
    dropped_claims: list[str] = Field(default_factory=list)  # claims whose citations did not resolve
    gaps: list[EvidenceGap] = Field(default_factory=list)
    reasoner: Reasoner

    @property
    def leading(self) -> Hypothesis | None:
        """The hypothesis that a plan is made of; None: nothing is certain enough."""
        return next((h for h in self.hypotheses if h.verdict == "leading"), None)


class IncidentResolvedV1(DomainEvent):
    """Fresh evidence shows the service healthy again."""

    emitter: ClassVar[EmitterName] = "reason"
    round: int = Field(ge=1)
    summary: str
    findings: list[Finding] = Field(min_length=1)
