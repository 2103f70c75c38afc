"""Readings: what a model may say of a question, and the reader that it says it through."""

from typing import Any

from resilibot.projections.budget import HourlyBudget
from resilibot.projections.ports import Reader
from resilibot.projections.settings import AskSettings
from tests.support.model_answers import ScriptedModel

EMPTY: dict[str, Any] = {
    "services": [],
    "words": [],
    "statuses": [],
    "severities": [],
    "since": None,
    "until": None,
    "newest": False,
}


def says(kind: str, **filters: Any) -> dict[str, Any]:
    return {"kind": kind, **EMPTY, **filters}


def reader(model: ScriptedModel, **changed: Any) -> Reader:
    settings = AskSettings.model_validate({"ask_reader": "bedrock", "ask_model": "some.model-v1", **changed})
    return Reader(settings, model, lambda: "mark", HourlyBudget(settings.ask_per_hour, lambda: model.now).take)
