"""HTTP: who is calling, and one ASGI/Lambda application out of the services' routers.

Callers are known by a bearer token. Only sha256 digests of tokens are kept, in the secret named by
RESILIBOT_PRINCIPALS_SECRET: {"<sha256 of token>": {"id": "...", "roles": ["viewer", "responder", "approver"]}}.
"""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.exceptions import ServiceError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from resilibot.runtime.personal import KeysUnavailable

log = logging.getLogger(__name__)


class HttpSettings(BaseSettings):
    """Settings of the HTTP side; prefix RESILIBOT_."""

    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True)

    principals_secret: str = "resilibot/principals"  # noqa: S105  the name of the secret, not a secret


class Unauthorised(ServiceError):
    """401: no token, or one that nobody knows."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, message)


class Forbidden(ServiceError):
    """403: known, but not allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.FORBIDDEN, message)


class NotFound(ServiceError):
    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.NOT_FOUND, message)


class Conflict(ServiceError):
    """409: the request does not fit the state of the incident; nothing was written."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.CONFLICT, message)


class BadRequest(ServiceError):
    """400: the message names the field."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, message)


@dataclass(frozen=True)
class Principal:
    """A verified caller."""

    id: str
    roles: frozenset[str]

    def require(self, role: str) -> None:
        if role not in self.roles:
            raise Forbidden(f"{self.id} lacks the role {role}")


class Principals:
    """Tokens to principals, from a secret that is read once a minute at most."""

    def __init__(self, read_secret: Callable[[], str], max_age_s: float = 60) -> None:
        self._read_secret = read_secret
        self._max_age_s = max_age_s
        self._known: dict[str, Principal] = {}
        self._read_at = float("-inf")

    def by_token(self, token: str) -> Principal:
        """Raises Unauthorised."""
        if time.monotonic() - self._read_at > self._max_age_s:
            entries = json.loads(self._read_secret())
            self._known = {digest: Principal(e["id"], frozenset(e["roles"])) for digest, e in entries.items()}
            self._read_at = time.monotonic()
        digest = hashlib.sha256(token.encode()).hexdigest()
        for known, principal in self._known.items():
            if hmac.compare_digest(known, digest):
                return principal
        raise Unauthorised("the token is not known")


_principals: Principals | None = None


def _from_secrets_manager() -> str:
    from resilibot.runtime.environment import client

    secret: str = client("secretsmanager").get_secret_value(SecretId=HttpSettings().principals_secret)["SecretString"]
    return secret


def use_principals(principals: Principals | None) -> None:
    """Replace where principals come from (tests); None goes back to the secret."""
    global _principals
    _principals = principals


def principal_of(event: Mapping[str, Any]) -> Principal:
    """The verified caller of an API event. Raises Unauthorised."""
    headers = {k.lower(): v for k, v in (event.get("headers") or {}).items()}
    scheme, _, token = str(headers.get("authorization", "")).partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorised("an Authorization header with a bearer token is needed")
    global _principals
    if _principals is None:
        _principals = Principals(_from_secrets_manager)
    return _principals.by_token(token.strip())


def new_router() -> Router:
    """A powertools router, on which a service declares its routes."""
    return Router()  # type: ignore[no-untyped-call]


def application(resolver: Any, routers: Sequence[Any], *, public: frozenset[str] = frozenset({"/health"})) -> Any:
    """Mount `routers` on a powertools resolver: every path but `public` needs a known caller, a GET the role viewer.

    An unknown error becomes a 500 with an id and no internals (boundary 2 of 3).
    """

    def authenticate() -> None:
        if resolver.current_event.path in public:
            return
        principal = principal_of(resolver.current_event.raw_event)
        if resolver.current_event.http_method == "GET":
            principal.require("viewer")

    def authenticated(app: Any, next_middleware: Any) -> Any:
        authenticate()
        return next_middleware(app)

    def malformed(error: RequestValidationError | RequestUnsupportedContentType) -> Response[str]:
        """Powertools validates before any middleware runs; a stranger learns nothing of our fields all the same."""
        try:
            authenticate()
        except (Unauthorised, Forbidden) as stranger:
            return _refused(stranger)
        return _malformed(error)

    resolver.use(middlewares=[authenticated])
    for router in routers:
        resolver.include_router(router)

    resolver.exception_handler(ServiceError)(_refused)
    resolver.exception_handler([RequestValidationError, RequestUnsupportedContentType])(malformed)
    resolver.exception_handler(KeysUnavailable)(_unsealable)
    resolver.exception_handler(Exception)(_unexpected)
    return resolver


def _refused(error: ServiceError) -> Response[str]:
    return _problem(error.status_code, str(error.msg))


def _malformed(error: RequestValidationError | RequestUnsupportedContentType) -> Response[str]:
    """Names each field and what is wrong with it; the value itself is not sent back."""
    unsupported = isinstance(error, RequestUnsupportedContentType)
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE if unsupported else HTTPStatus.UNPROCESSABLE_ENTITY
    fields = [{"field": _field(e["loc"]), "message": e["msg"]} for e in error.errors()]
    return _problem(status, "; ".join(f"{f['field']}: {f['message']}" for f in fields), errors=fields)


def _field(location: Sequence[str | int]) -> str:
    """The dotted path without the leading "body", "query" or "header"."""
    return ".".join(str(part) for part in location[1:] if not isinstance(part, int) or len(location) > 2) or str(
        location[0]
    )


def _unsealable(error: KeysUnavailable) -> Response[str]:
    log.warning("a request was refused: %s", error)
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "names cannot be sealed now, so nothing was written: try again")


def _unexpected(error: Exception) -> Response[str]:
    error_id = str(uuid4())
    log.error("request failed", exc_info=error, extra={"error_id": error_id})
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error", error_id=error_id)


def _problem(status: int, detail: str, **extra: Any) -> Response[str]:
    """RFC 9457 problem details."""
    body = {"status": int(status), "title": HTTPStatus(status).phrase, "detail": detail, **extra}
    return Response(int(status), "application/problem+json", json.dumps(body))
