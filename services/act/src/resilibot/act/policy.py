"""policy: what the owner allows; it may only make the catalogue's class stricter. Pure but for load()."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resilibot.contracts.canonical import content_hash
from resilibot.contracts.events.acted import ActionClass, GateDecision
from resilibot.contracts.faults import faults_of
from resilibot.contracts.signal import Severity

STRICTNESS: dict[GateDecision, int] = {"auto": 0, "approval": 1, "blocked": 2}
BY_CLASS: dict[ActionClass, GateDecision] = {"safe": "auto", "risky": "approval", "blocked": "blocked"}


class Rule(BaseModel):
    """If everything given here fits, the decision is at least this strict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    decision: Literal["approval", "blocked"]
    actions: tuple[str, ...] = ()
    classes: tuple[ActionClass, ...] = ()
    severities: tuple[Severity, ...] = ()
    environments: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    auto_approve: bool | None = None  # whether the caller asked for it; a rule can only be stricter for it
    confidence_below: float | None = Field(default=None, ge=0, le=1)


class Policy(BaseModel):
    """Rules of one owner. `version` is the hash of the text, written on every decision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...]

    @property
    def version(self) -> str:
        return content_hash(self.model_dump(mode="json"))[:16]


class PolicyInvalid(Exception):
    """The policy file cannot be read; nothing may be done on such a policy."""

    code = "policy_invalid"


DEFAULT = Policy(
    rules=(
        Rule(id="risky-needs-a-person", decision="approval", classes=("risky",)),
        Rule(id="low-confidence-needs-a-person", decision="approval", confidence_below=0.7),
    )
)


class Question(BaseModel):
    """What is judged."""

    model_config = ConfigDict(frozen=True)

    action: str
    action_class: ActionClass
    severity: Severity
    environment: str
    service: str
    source: str = ""
    auto_approve: bool = False
    confidence: float


def load(path: str) -> Policy:
    """The owner's policy, or the built-in one for an empty path. Raises PolicyInvalid."""
    if not path:
        return DEFAULT
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, PolicyInvalid) as error:
        raise PolicyInvalid(f"{path}: {error}") from error


def parse(text: str) -> Policy:
    """The policy of a JSON text. Raises PolicyInvalid naming the field."""
    try:
        return Policy.model_validate(json.loads(text))
    except ValidationError as error:
        raise PolicyInvalid(faults_of(error, "policy")) from error
    except ValueError as error:
        raise PolicyInvalid(f"no JSON: {error}") from error


def decide(policy: Policy, question: Question) -> tuple[GateDecision, list[str]]:
    """The strictest of the class's own decision and all rules that fit, with the ids of the rules that fit."""
    decision = BY_CLASS[question.action_class]
    fitting = [rule for rule in policy.rules if _fits(rule, question)]
    for rule in fitting:
        if STRICTNESS[rule.decision] > STRICTNESS[decision]:
            decision = rule.decision
    return decision, [rule.id for rule in fitting]


def _fits(rule: Rule, question: Question) -> bool:
    wanted: tuple[tuple[tuple[str, ...], str], ...] = (
        (rule.actions, question.action),
        (rule.classes, question.action_class),
        (rule.severities, question.severity),
        (rule.environments, question.environment),
        (rule.services, question.service),
        (rule.sources, question.source),
    )
    if any(allowed and value not in allowed for allowed, value in wanted):
        return False
    if rule.auto_approve not in (None, question.auto_approve):
        return False
    return rule.confidence_below is None or question.confidence < rule.confidence_below
