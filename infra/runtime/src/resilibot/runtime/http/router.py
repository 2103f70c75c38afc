"""router: a service's routes, each with who may call it, what it answers and how it refuses.

A route that the SERVICE map does not declare cannot be registered: nothing is open by being forgotten.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path

from resilibot.runtime.access import Access
from resilibot.runtime.http.principals import Principal
from resilibot.runtime.http.problems import PROBLEM_JSON, Problem

if TYPE_CHECKING:
    from resilibot.runtime.http.application import Gate

Handler = TypeVar("Handler", bound=Callable[..., Any])

BY_TOKEN = {401, 403, 429, 500, 503}
WITH_BODY = {400, 408, 413, 415, 422}
SEGMENT = r"[^/]+"  # of a path

Id = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]  # a part of a stream's name


class Undeclared(Exception):
    """A route that its SERVICE map does not name."""

    code = "undeclared_route"


class ApiRouter(Router):
    """access: `SERVICE.routes`. Everything that powertools' decorators take can be given besides."""

    def __init__(self, access: Mapping[str, Access]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.access = dict(access)
        self.gate: Gate | None = None  # the one that it stands behind, once it is mounted

    @property
    def principal(self) -> Principal:
        """The verified caller of the request that is being handled."""
        principal: Principal = self.context["principal"]
        return principal

    def limit(self, caller: str, source: str | None = None) -> None:
        """One request more of a sender that has just proven itself. Raises TooMany."""
        if self.gate is not None:
            self.gate.limit(caller, source)

    def as_stranger(self) -> AbstractContextManager[None]:
        """Around work for a sender that has not proven itself yet. Raises TooMany."""
        return self.gate.as_stranger(address_of(self.current_event.raw_event)) if self.gate else nullcontext()

    def get(  # type: ignore[override]  # ours takes what it answers and how it refuses
        self, rule: str, *, returns: type | None = None, refuses: Sequence[int] = (), **openapi: Any
    ) -> Callable[[Handler], Handler]:
        """returns: model of the answer, for the document; refuses: statuses of problems beside the usual ones."""
        return self._declared("GET", rule, returns, refuses, openapi)

    def post(  # type: ignore[override]
        self, rule: str, *, returns: type | None = None, refuses: Sequence[int] = (), **openapi: Any
    ) -> Callable[[Handler], Handler]:
        return self._declared("POST", rule, returns, {*WITH_BODY, *refuses}, openapi)

    def route(self, rule: str, method: Any, *given: Any, **openapi: Any) -> Callable[[Handler], Handler]:
        """What all of powertools' decorators come down to. Raises Undeclared."""
        for one in [method] if isinstance(method, str) else method:
            self._access(template_of(one, rule))
        registered: Callable[[Handler], Handler] = super().route(rule, method, *given, **openapi)
        return registered

    def _access(self, template: str) -> Access:
        access = self.access.get(template)
        if access is None:
            raise Undeclared(f"{template}: the SERVICE map does not say who may call it")
        return access

    def _declared(
        self, method: str, rule: str, returns: type | None, refuses: Any, openapi: dict[str, Any]
    ) -> Callable[[Handler], Handler]:
        template = template_of(method, rule)
        access = self._access(template)
        status = int(openapi.get("status_code", HTTPStatus.OK))
        good: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if returns is not None:
            good["content"] = {"application/json": {"model": returns}}
        refused = sorted({500, *refuses, *_usual(access), *((404, 422) if "<" in rule else ())})
        responses: dict[int, Any] = {status: good} | {one: _problem(one) for one in refused}
        scheme = "bearer" if access.needs_token else "signature"
        security: list[dict[str, list[str]]] = [] if access is Access.PUBLIC else [{scheme: []}]
        extensions = {"x-resilibot-access": access.value, **openapi.pop("openapi_extensions", {})}

        def register(handler: Handler) -> Handler:
            summary, _, description = inspect.cleandoc(handler.__doc__ or "").partition("\n\n")
            told = {"summary": summary.removesuffix(".") or template, "description": description or None}
            # a response that does not fit is our fault: 500, where powertools would call the request malformed
            route = self.route(
                rule,
                method,
                responses=responses,
                security=security or None,
                openapi_extensions=extensions,
                operation_id=handler.__name__,
                custom_response_validation_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
                **{**told, **openapi},
            )
            return route(handler)

        return register


class RouteTable:
    """All declared routes: which one a request means, before anything of it is read."""

    def __init__(self, access: Mapping[str, Access]) -> None:
        self.access = dict(access)
        self._patterns = [(template.split(" ", 1)[0], _pattern(template), template) for template in access]

    def template(self, method: str, path: str) -> str | None:
        """As declared, "GET /incidents/{incident_id}"; None for no route of ours. The more is fixed, the better."""
        found = [template for own, pattern, template in self._patterns if own == method and pattern.fullmatch(path)]
        return min(found, key=lambda template: template.count("{"), default=None)

    def methods(self, path: str) -> list[str]:
        return sorted({method for method, pattern, _ in self._patterns if pattern.fullmatch(path)})

    def of(self, template: str | None) -> Access | None:
        return self.access.get(template) if template else None


def address_of(event: Mapping[str, Any]) -> str:
    """Of who asks, as API Gateway saw it (never a header, which anybody can write); one for all on loopback."""
    context = event.get("requestContext") or {}
    seen = (context.get("http") or {}).get("sourceIp") or (context.get("identity") or {}).get("sourceIp")
    return str(seen or "here")


def template_of(method: str, rule: str) -> str:
    """`/incidents/<id>` as powertools writes it, in OpenAPI's form."""
    return f"{method} " + re.sub(r"<(\w+)>", r"{\1}", rule)


def _pattern(template: str) -> re.Pattern[str]:
    path = template.split(" ", 1)[1]
    return re.compile(
        "".join(SEGMENT if part.startswith("{") else re.escape(part) for part in re.split(r"({\w+})", path))
    )


def _usual(access: Access) -> set[int]:
    if access is Access.PUBLIC:
        return set()
    return BY_TOKEN if access.needs_token else BY_TOKEN - {403}


def _problem(status: int) -> dict[str, Any]:
    headers = {
        401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"}},
        429: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}},
        503: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}},
    }.get(status)
    described: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_JSON: {"model": Problem}},
    }
    return described | ({"headers": headers} if headers else {})


def new_router(access: Mapping[str, Access]) -> ApiRouter:
    """A router on which a service declares its routes; `access` is its SERVICE.routes."""
    return ApiRouter(access)
