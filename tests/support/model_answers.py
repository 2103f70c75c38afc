"""Model answers: what a model may say, a model by script for unit tests, and the ports it is asked through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from resilibot.reason.ports import Ports
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.models.port import ModelFailed, Reply
from tests.support.scripted_http import text_of

Said = Reply | ModelFailed | Callable[[str, dict[str, Any]], Reply]
PRICES = {"reasoner_usd_per_million_in": Decimal("3"), "reasoner_usd_per_million_out": Decimal("15.1")}


def claim(text: str, *evidence: str) -> dict[str, Any]:
    return {"text": text, "evidence": list(evidence)}


def view(
    cause: str,
    component: str,
    *support: dict[str, Any],
    against: Sequence[dict[str, Any]] = (),
    likelihood: str = "high",
    statement: str = "as the model sees it",
) -> dict[str, Any]:
    return {
        "cause": cause,
        "component": component,
        "statement": statement,
        "likelihood": likelihood,
        "support": list(support),
        "refutation": list(against),
    }


def says(*views: dict[str, Any], verdict: str = "cause", findings: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {"verdict": verdict, "hypotheses": list(views), "findings": list(findings)}


def reply(answer: Any, stop: str = "stop", tokens: tuple[int, int] = (1000, 100)) -> Reply:
    return Reply(text_of(answer), stop, stop == "stop", *tokens)


@dataclass
class ScriptedModel:
    """Says one thing per call. Each call takes `takes_s` of its own clock."""

    script: list[Said]
    takes_s: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    now: float = 0.0

    def ask(self, system: str, user: str, schema: dict[str, Any], timeout_s: float) -> Reply:
        self.asked.append({"system": system, "user": user, "schema": schema, "timeout_s": timeout_s})
        self.now += min(self.takes_s, timeout_s)
        said = self.script.pop(0)
        if isinstance(said, ModelFailed):
            raise said
        return said if isinstance(said, Reply) else said(user, schema)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def ports(model: ScriptedModel, jitter: float = 1.0, **changed: Any) -> Ports:
    settings = ReasonSettings.model_validate(
        {"reasoner": "bedrock", "reasoner_model": "some.model-v1", **PRICES, **changed}
    )
    return Ports(settings, model, lambda: "mark", lambda: jitter, model.pause, lambda: model.now)
