"""matching: which signals a silence or a rule of the door's policy is about. Pure.

A pattern is exact text, or a glob with * and ? (case counts). All fields that are given must fit; none given fits
nothing in a silence, and everything in a policy's rule.
"""

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field, model_validator

from resilibot.contracts.event import Value
from resilibot.contracts.signal import Signal

Pattern = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]


class SignalMatcher(Value):
    """Patterns by field. `resource` is held against the ARN and the readable name; labels against the signal's tags."""

    source: Pattern | None = None
    name: Pattern | None = None
    service: Pattern | None = None
    environment: Pattern | None = None
    account: Pattern | None = None
    resource: Pattern | None = None
    labels: dict[str, Pattern] = Field(default_factory=dict, max_length=32)

    def fits(self, signal: Signal) -> bool:
        told = signal.tags
        return (
            _fits(self.source, signal.source)
            and _fits(self.name, signal.name)
            and _fits(self.service, signal.resource.service)
            and _fits(self.environment, signal.environment)
            and _fits(self.account, signal.resource.account)
            and (_fits(self.resource, signal.resource.arn) or _fits(self.resource, signal.resource.name))
            and all(_fits(pattern, told.get(label)) for label, pattern in self.labels.items())
        )

    @property
    def is_empty(self) -> bool:
        return not self.model_dump(exclude_defaults=True)

    def say(self) -> str:
        """name=checkout-*, labels.team=shop"""
        given = self.model_dump(exclude_defaults=True)
        labels = given.pop("labels", {})
        return ", ".join([f"{k}={v}" for k, v in given.items()] + [f"labels.{k}={v}" for k, v in labels.items()])


class SilenceMatcher(SignalMatcher):
    """A matcher that says something: an empty one would silence everything by accident."""

    @model_validator(mode="after")
    def _says_something(self) -> "SilenceMatcher":
        if self.is_empty:
            raise ValueError("matcher: at least one field is needed; name=* silences everything on purpose")
        return self


def _fits(pattern: str | None, value: str | None) -> bool:
    return pattern is None or (value is not None and fnmatchcase(value, pattern))
