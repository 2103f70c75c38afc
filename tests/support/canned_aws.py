"""AWS clients that answer from a table, by botocore's own service models: a wrong name in question or answer fails."""

from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.validate import ParamValidator

Answer = dict[str, Any] | str  # the answer, or the code of an error


class CannedAws:
    """`answers`: "ecs.DescribeServices" -> what it answers. What is not there was not expected: the test fails."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.parameters: dict[str, list[dict[str, Any]]] = {}

    def client(self, service: str) -> Callable[[], Any]:
        client = _session().client(service)
        client.meta.events.register("before-parameter-build", self._note)
        client.meta.events.register("before-call", self._answer)
        return lambda: client

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.parameters.setdefault(_name(model), []).append(dict(params))

    def _answer(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        name = _name(model)
        self.asked.append(name)
        answer = self._answers[name]
        if isinstance(answer, str):
            return SimpleNamespace(status_code=400), {"Error": {"Code": answer, "Message": "canned"}}
        report = ParamValidator().validate(answer, model.output_shape)
        assert not report.has_errors(), f"{name} never answers so: {report.generate_report()}"
        return SimpleNamespace(status_code=200), answer


@cache
def _session() -> Any:
    """One for all tests: it keeps the service models that it has read."""
    return boto3.session.Session("k", "s", region_name="eu-central-1")


def _name(model: Any) -> str:
    return f"{model.service_model.service_name}.{model.name}"
