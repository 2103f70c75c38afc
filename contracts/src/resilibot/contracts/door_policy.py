"""door_policy: the owner's rules on what comes in: severity, investigation, thresholds, flapping, budget.

Pure but for load().

One JSON file, RESILIBOT_DOOR_POLICY_FILE, read by ingest (the door) and by act (the budget). Every aspect is decided by
the first rule that fits and says something about it. Nothing here permits an action: that is the gate's policy alone.

    {"rules": [{"id": "shop-noise", "match": {"name": "cpu-*", "labels": {"team": "shop"}},
                "threshold": {"occurrences": 3, "within_s": 600}},
               {"id": "careful", "match": {"severities": ["CRITICAL"]}, "investigation": "approval"}],
     "flapping": {"changes": 6, "within_s": 600},
     "budget": {"max_concurrent": 5, "per_hour": 60}}
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from resilibot.contracts.canonical import content_hash
from resilibot.contracts.event import Value
from resilibot.contracts.faults import faults_of
from resilibot.contracts.matching import SignalMatcher
from resilibot.contracts.signal import Severity, Signal

DAY_S = 86400


class DoorPolicyInvalid(Exception):
    """The file cannot be read, or a field is wrong: the message names it. Nothing is admitted on such a policy."""

    code = "door_policy_invalid"


class RuleMatch(SignalMatcher):
    """A signal's fields, its severity as the source gives it, and whether the caller asked for auto-approval."""

    severities: tuple[Severity, ...] = ()
    auto_approve: bool | None = None

    def fits_all(self, signal: Signal, *, auto_approve: bool) -> bool:
        return (
            self.fits(signal)
            and (not self.severities or signal.severity in self.severities)
            and self.auto_approve in (None, auto_approve)
        )


class Threshold(Value):
    """Fewer firing signals than this within the window open nothing. Counted by the time of their coming in."""

    occurrences: int = Field(ge=2, le=1000)
    within_s: float = Field(gt=0, le=DAY_S)


class Flapping(Value):
    """This many changes of an alarm's state within the window are flapping; then it is told once per window."""

    changes: int = Field(ge=3, le=1000)
    within_s: float = Field(gt=0, le=DAY_S)


class Rule(Value):
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    match: RuleMatch = RuleMatch()
    severity: Severity | None = None
    investigation: Literal["auto", "approval"] | None = None
    threshold: Threshold | None = None
    flapping: Flapping | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Rule":
        if (self.severity, self.investigation, self.threshold, self.flapping) == (None, None, None, None):
            raise ValueError(f"rule {self.id} sets nothing: severity, investigation, threshold or flapping")
        return self


class Budget(Value):
    """How much is investigated at once and per hour. A place is free again at the verdict, or after lease_s."""

    max_concurrent: int | None = Field(default=None, ge=1)
    per_hour: int | None = Field(default=None, ge=1)
    usd_per_hour: Decimal | None = Field(default=None, gt=0)  # by the recorded costs of what ended
    lease_s: float = Field(default=900, gt=0, le=DAY_S)

    @model_validator(mode="after")
    def _limits_something(self) -> "Budget":
        if (self.max_concurrent, self.per_hour, self.usd_per_hour) == (None, None, None):
            raise ValueError("budget: max_concurrent, per_hour or usd_per_hour is needed")
        return self


class DoorPolicy(Value):
    """`version` is the hash of the content: written on every incident that was admitted by it."""

    rules: tuple[Rule, ...] = ()
    flapping: Flapping = Flapping(changes=6, within_s=600)
    budget: Budget | None = None

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "DoorPolicy":
        ids = [rule.id for rule in self.rules]
        doubled = sorted({one for one in ids if ids.count(one) > 1})
        if doubled:
            raise ValueError(f"rules: the id {doubled[0]} is there twice")
        return self

    @property
    def version(self) -> str:
        return content_hash(self.model_dump(mode="json"))[:16]


@dataclass(frozen=True)
class Ruling:
    """What the policy says of one signal; `rules`: the ids that set something, in the order of the file."""

    severity: Severity
    severity_rule: str
    investigation: Literal["auto", "approval"]
    threshold: Threshold | None
    threshold_rule: str
    flapping: Flapping
    rules: list[str] = field(default_factory=list)


DEFAULT = DoorPolicy()


def rule_on(policy: DoorPolicy, signal: Signal, *, auto_approve: bool = False) -> Ruling:
    """The first fitting rule that says something about an aspect decides it."""
    fitting = [rule for rule in policy.rules if rule.match.fits_all(signal, auto_approve=auto_approve)]
    severity = next((rule for rule in fitting if rule.severity), None)
    investigation = next((rule for rule in fitting if rule.investigation), None)
    threshold = next((rule for rule in fitting if rule.threshold), None)
    flapping = next((rule for rule in fitting if rule.flapping), None)
    used = [rule.id for rule in fitting if rule in (severity, investigation, threshold, flapping)]
    return Ruling(
        severity=severity.severity if severity and severity.severity else signal.severity,
        severity_rule=f"policy:{severity.id}" if severity else signal.severity_rule,
        investigation=(investigation.investigation if investigation else None) or "auto",
        threshold=threshold.threshold if threshold else None,
        threshold_rule=threshold.id if threshold else "",
        flapping=(flapping.flapping if flapping else None) or policy.flapping,
        rules=used,
    )


def load(path: str) -> DoorPolicy:
    """The owner's policy, or the built-in one for an empty path. Raises DoorPolicyInvalid naming file and field."""
    if not path:
        return DEFAULT
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, DoorPolicyInvalid) as error:
        raise DoorPolicyInvalid(f"{path}: {error}") from error


def parse(text: str) -> DoorPolicy:
    """The policy of a JSON text. Raises DoorPolicyInvalid."""
    try:
        return DoorPolicy.model_validate(json.loads(text))
    except ValidationError as error:
        raise DoorPolicyInvalid(faults_of(error, "policy")) from error
    except ValueError as error:
        raise DoorPolicyInvalid(f"no JSON: {error}") from error
