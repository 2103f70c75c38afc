"""problems: what is answered instead (RFC 9457). An error says what to do differently, and nothing of our insides.

ServiceError (powertools)
├── BadRequest    400   a parameter cannot be read
├── Unauthorised  401   nobody proven
├── Forbidden     403   known, but not allowed
├── NotFound      404
├── NotAllowed    405   the path exists, the method does not
├── Conflict      409   the request does not fit the state; nothing was written
├── TooLarge      413
├── TooMany       429   over the limit; `retry_after_s`
└── Unavailable   503   what is needed to decide does not answer; nothing was written
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import ServiceError
from pydantic import BaseModel, Field

from resilibot.contracts.events.controlled import RefusalReason

PROBLEM_JSON = "application/problem+json"
SAFE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class FieldError(BaseModel):
    """One field that was wrong; its value is not sent back."""

    field: str
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `type` is about:blank: the status says which problem it is."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list)
    error_id: str | None = Field(default=None, description="With 500: the id under which the cause stands in our log")


class BadRequest(ServiceError):
    """The message names the field. `is_stranger`: of somebody who has not proven anything; likewise of Unavailable."""

    def __init__(self, message: str, *, is_stranger: bool = False) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, message)
        self.is_stranger = is_stranger


class Unauthorised(ServiceError):
    def __init__(self, message: str, reason: RefusalReason = "unauthenticated", source: str | None = None) -> None:
        """source: of a webhook, where it is one that we know."""
        super().__init__(HTTPStatus.UNAUTHORIZED, message)
        self.reason = reason
        self.source = source


class Forbidden(ServiceError):
    """`principal` is whom the gate found; likewise of TooMany."""

    principal: Any = None

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.FORBIDDEN, message)


class NotFound(ServiceError):
    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.NOT_FOUND, message)


class NotAllowed(ServiceError):
    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(HTTPStatus.METHOD_NOT_ALLOWED, f"this path takes {', '.join(allowed)}")
        self.allowed = allowed


class Conflict(ServiceError):
    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.CONFLICT, message)


class TooLarge(ServiceError):
    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)


class TooMany(ServiceError):
    principal: Any = None

    def __init__(self, retry_after_s: float, source: str | None = None) -> None:
        self.retry_after_s = ceil(retry_after_s) or 1
        self.source = source
        super().__init__(HTTPStatus.TOO_MANY_REQUESTS, f"too many requests: try again in {self.retry_after_s} s")


class Unavailable(ServiceError):
    retry_after_s = 5

    def __init__(self, message: str, *, is_stranger: bool = False) -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, message)
        self.is_stranger = is_stranger


def body_of(status: int, detail: str, **extra: Any) -> dict[str, Any]:
    """The members of a problem; those that say nothing are left out."""
    problem = Problem(status=int(status), title=HTTPStatus(status).phrase, detail=detail, **extra)
    return problem.model_dump(exclude_defaults=True) | {"type": problem.type}


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None, **extra: Any) -> Response[str]:
    body = json.dumps(body_of(status, detail, **extra))
    return Response(int(status), PROBLEM_JSON, body, headers={**SAFE, **(headers or {})})


def answer_to(error: ServiceError) -> Response[str]:
    """The answer to a refusal, with the headers that its status wants (RFC 9110, 11.6.1, 10.2.1, 10.2.3)."""
    headers = {}
    if isinstance(error, Unauthorised):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, NotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, TooMany | Unavailable):
        headers["Retry-After"] = str(error.retry_after_s)
    return answer(error.status_code, str(error.msg), headers)
