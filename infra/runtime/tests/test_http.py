"""What a caller of the API sees: a problem that names the field, or who is missing; never our insides."""

import hashlib
import json
import traceback
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from resilibot.runtime.access import Access
from resilibot.runtime.http import Conflict, Principals, application, new_router, use_principals
from resilibot.runtime.http.principals import PrincipalsMalformed


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: int = Field(ge=1)


@pytest.fixture
def app() -> Iterator[Any]:
    known = {
        hashlib.sha256(b"t0ken").hexdigest(): {"id": "ana@example.org", "roles": ["viewer"]},
        hashlib.sha256(b"r0bot").hexdigest(): {"id": "deploy-hook", "roles": ["responder"]},
    }
    use_principals(Principals(lambda: json.dumps(known)))
    router = new_router(
        {"POST /orders": Access.VIEWER, "POST /operate": Access.RESPONDER, "GET /orders": Access.VIEWER}
    )

    @router.post("/orders")
    def order(body: Annotated[Order, Body()]) -> dict[str, Any]:
        if body.amount == 13:
            raise Conflict("13 is taken")
        if body.amount == 500:
            raise RuntimeError("the password is hunter2")
        return {"amount": body.amount}

    @router.post("/operate")
    def operate() -> dict[str, str]:
        return {}

    @router.get("/orders")
    def orders() -> dict[str, str]:
        return {}

    yield application(APIGatewayHttpResolver(enable_validation=True), [router])
    use_principals(None)


def call(
    app: Any, body: str, path: str = "/orders", token: str | None = "t0ken", method: str = "POST"
) -> tuple[int, dict[str, Any]]:
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": body,
        "isBase64Encoded": False,
    }
    answer = app.resolve(event, SimpleNamespace())
    return answer["statusCode"], json.loads(answer["body"])


def test_what_is_right_is_answered(app: Any) -> None:
    assert call(app, '{"amount": 2}') == (200, {"amount": 2})


@pytest.mark.parametrize(
    ("body", "field"),
    [("{}", "amount"), ('{"amount": 0}', "amount"), ('{"amount": 1, "colour": 1}', "colour"), ("[]", "body")],
)
def test_a_malformed_body_is_a_problem_that_names_the_field(app: Any, body: str, field: str) -> None:
    status, problem = call(app, body)
    assert (status, problem["title"]) == (422, "Unprocessable Entity")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert field in problem["detail"]


def test_a_refusal_keeps_its_status_and_its_words(app: Any) -> None:
    assert call(app, '{"amount": 13}') == (
        409,
        {"type": "about:blank", "status": 409, "title": "Conflict", "detail": "13 is taken"},
    )


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_an_unknown_caller_is_turned_away_before_the_body_is_read(app: Any, token: str | None) -> None:
    assert call(app, "{}", token=token)[0] == 401


def test_a_known_caller_without_the_role_is_forbidden(app: Any) -> None:
    status, problem = call(app, "{}", "/operate")
    assert status == 403
    assert "responder" in problem["detail"]


def test_an_unexpected_error_shows_an_id_and_nothing_else(app: Any) -> None:
    status, problem = call(app, '{"amount": 500}')
    assert (status, problem["detail"]) == (500, "internal error")
    assert "hunter2" not in json.dumps(problem)
    assert problem["error_id"]


def test_who_may_act_but_not_look_sees_nothing(app: Any) -> None:
    assert call(app, "", method="GET")[0] == 200
    status, problem = call(app, "", token="r0bot", method="GET")
    assert (status, "viewer" in problem["detail"]) == (403, True)


@pytest.mark.parametrize(
    "secret",
    [
        json.dumps({"hunter2": {"id": "ana", "roles": ["viewer"]}}),
        json.dumps({"a" * 64: {"id": "ana", "roles": ["viewer"], "token": "hunter2"}}),
        json.dumps({"a" * 64: {"id": "ana", "roles": "hunter2"}}),
        "hunter2",
    ],
)
def test_known_tokens_that_cannot_be_read_are_told_by_their_place_and_not_by_what_stands_there(
    secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody may have put the tokens themselves where their digests belong."""
    with pytest.raises(PrincipalsMalformed) as refused:
        Principals(lambda: secret).by_token("x")
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))
