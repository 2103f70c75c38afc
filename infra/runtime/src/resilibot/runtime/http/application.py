"""application: the services' routers behind one gate.

Checked in this order, whatever the request holds: who calls (401), how often (429), with which role (403), and only
then the request itself (400, 413, 415, 422). A stranger learns nothing of our fields, and of no path whether it exists.
Whoever is turned away is told to the log.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, ServiceError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError

from resilibot.contracts.envelope import Actor
from resilibot.contracts.events.controlled import RefusalReason
from resilibot.contracts.faults import words_of
from resilibot.runtime.access import Access
from resilibot.runtime.event_store.port import StoreUnavailable
from resilibot.runtime.http import openapi
from resilibot.runtime.http.limits import RateLimit, TokenBuckets
from resilibot.runtime.http.principals import Callers, Either, Principal, Principals, bearer_of
from resilibot.runtime.http.problems import (
    SAFE,
    Forbidden,
    NotAllowed,
    NotFound,
    TooMany,
    Unauthorised,
    Unavailable,
    answer,
    answer_to,
)
from resilibot.runtime.http.refusals import STRANGER, UNKNOWN, Refusals
from resilibot.runtime.http.router import ApiRouter, RouteTable, address_of, template_of
from resilibot.runtime.http.settings import HttpSettings
from resilibot.runtime.personal import KeysUnavailable

log = logging.getLogger(__name__)

DOCUMENT = "GET /openapi.json"
REASONS: dict[int, RefusalReason] = {
    400: "malformed",
    403: "forbidden",
    408: "timed_out",
    413: "too_large",
    415: "malformed",
    422: "malformed",
    429: "rate_limited",
}

_test_callers: Callers | None = None


def use_principals(callers: Callers | None) -> None:
    """Replace where principals come from (tests); None goes back to the settings."""
    global _test_callers
    _test_callers = callers


def _from_secrets_manager(name: str) -> str:
    from resilibot.runtime.environment import client

    secret: str = client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    return secret


def callers_of(settings: HttpSettings) -> Callers:
    """Known tokens, and JWTs where an issuer is configured."""
    known = Principals(lambda: _from_secrets_manager(settings.principals_secret))
    if not settings.oidc_issuer:
        return Either(known, None)
    from resilibot.runtime.http.jwks_https import HttpsJwks
    from resilibot.runtime.http.oidc import IssuedTokens, IssuerKeys

    return Either(known, IssuedTokens(settings, IssuerKeys(HttpsJwks(settings.jwks_url))))


@dataclass
class Gate:
    """Who may come in, how often, and where it is told that somebody was turned away."""

    callers: Callers
    by_caller: RateLimit
    by_stranger: RateLimit
    refusals: Refusals | None = None

    @classmethod
    def from_env(cls, refusals: Refusals | None = None) -> "Gate":
        s = HttpSettings()
        return cls(
            _test_callers or callers_of(s),
            TokenBuckets(s.requests_per_s, s.requests_burst),
            TokenBuckets(s.strangers_per_s, s.strangers_burst),
            refusals,
        )

    def limit(self, caller: str, source: str | None = None) -> None:
        """One request more of this caller. Raises TooMany."""
        if wait_s := self.by_caller.take(caller):
            raise TooMany(wait_s, source)

    @contextmanager
    def as_stranger(self, address: str) -> Iterator[None]:
        """Work for somebody who has proven nothing yet. Raises TooMany.

        It costs a stranger's token, which is given back in the end: `turn_away` takes that of who was refused.
        """
        if wait_s := self.by_stranger.take(address):
            raise TooMany(wait_s)
        try:
            yield
        finally:
            self.by_stranger.give_back(address)

    def admit(self, access: Access | None, event: Mapping[str, Any]) -> Principal | None:
        """The caller of an API event (its headers count); None where nobody need be known. `access` None: no route.

        Raises Unauthorised, TooMany, Forbidden, Unavailable.
        """
        if access is not None and not access.needs_token:
            return None
        principal = self.callers.by_token(bearer_of(event))
        try:
            self.limit(f"principal {principal.id}")
            if access is not None:
                principal.require(access)
        except (TooMany, Forbidden) as error:
            error.principal = principal
            raise
        return principal

    def turn_away(self, error: ServiceError, route: str | None, caller: Actor, address: str = "here") -> ServiceError:
        """Tell the log; what is to be answered. Whoever fails to prove itself too often hears that instead."""
        answered, reason = error, REASONS.get(error.status_code)
        is_stranger: bool = isinstance(error, Unauthorised) or getattr(error, "is_stranger", False)
        if is_stranger:
            reason = error.reason if isinstance(error, Unauthorised) else reason or "unauthenticated"
            if wait_s := self.by_stranger.take(address):
                answered, reason = TooMany(wait_s), "rate_limited"
        if reason is not None:
            source = getattr(error, "source", None)
            self.note(reason, route, answered.status_code, Actor(kind="system", id=source) if source else caller)
        return answered

    def note(self, reason: RefusalReason, route: str | None, status: int, caller: Actor = STRANGER) -> None:
        if self.refusals is not None:
            self.refusals.note(reason, route or UNKNOWN, status, caller)


_default_gate: Gate | None = None


def principal_of(event: Mapping[str, Any]) -> Principal:
    """The verified caller of an API event. Raises Unauthorised, Unavailable. Behind the gate: `router.principal`."""
    global _default_gate
    if _test_callers is not None:
        return _test_callers.by_token(bearer_of(event))
    if _default_gate is None:
        _default_gate = Gate.from_env()
    return _default_gate.callers.by_token(bearer_of(event))


def application(resolver: Any, routers: Sequence[ApiRouter], gate: Gate | None = None) -> Any:
    """Mount `routers` on a powertools resolver, behind the gate.

    An unknown error becomes a 500 with an id and no internals (boundary 2 of 3).
    """
    _Door(resolver, routers, gate or Gate.from_env()).mount(routers)
    return resolver


def table_of(routers: Sequence[ApiRouter]) -> RouteTable:
    return RouteTable({DOCUMENT: Access.PUBLIC} | {t: a for router in routers for t, a in router.access.items()})


@dataclass
class _Door:
    resolver: Any
    routers: Sequence[ApiRouter]
    gate: Gate
    table: RouteTable = field(init=False)

    def __post_init__(self) -> None:
        self.table = table_of(self.routers)

    def mount(self, routers: Sequence[ApiRouter]) -> None:
        resolver = self.resolver
        resolver.use(middlewares=[self._guarded])
        for router in routers:
            router.gate = self.gate
            resolver.include_router(router)
        document: list[dict[str, Any]] = []

        own = ApiRouter({DOCUMENT: Access.PUBLIC})

        @own.get("/openapi.json")
        def openapi_json() -> dict[str, Any]:
            """This document."""
            if not document:
                document.append(openapi.document(resolver))
            return document[0]

        resolver.include_router(own)
        malformed = [RequestValidationError, RequestUnsupportedContentType]
        resolver.exception_handler(malformed)(self._malformed)
        resolver.exception_handler(NotFoundError)(self._no_route)
        resolver.exception_handler(ServiceError)(self._refused)
        resolver.exception_handler(KeysUnavailable)(self._unsealable)
        resolver.exception_handler(StoreUnavailable)(self._no_store)
        resolver.exception_handler(Exception)(_unexpected)

    def _guarded(self, app: Any, next_middleware: Any) -> Any:
        self._admit()
        answered = next_middleware(app)
        answered.headers.update(SAFE)
        return answered

    def _admit(self) -> None:
        """Raises Unauthorised, TooMany, Forbidden, NotFound, Unavailable."""
        route = self._route()
        principal = self.gate.admit(self.table.of(route), self.resolver.current_event.raw_event)
        if route != self._handled():
            raise NotFound("there is no such path")
        self.resolver.append_context(principal=principal)

    def _route(self) -> str | None:
        event = self.resolver.current_event
        return self.table.template(event.http_method.upper(), event.path)

    def _handled(self) -> str | None:
        """The route whose handler the resolver found; None for its own answer to no route.

        It compares paths a little otherwise than the table (its "$" fits before a line break too), so a role that is
        asked for by the table counts only where both mean the same route.
        """
        found = self.resolver.context["_route"]
        template = template_of(found.method, found.path)
        return template if template in self.table.access else None

    def _no_route(self, _: NotFoundError) -> Response[str]:
        event = self.resolver.current_event
        methods = self.table.methods(event.path)
        if methods and event.http_method.upper() not in methods:
            return answer_to(NotAllowed(methods))
        return answer_to(NotFound("there is no such path"))

    def _malformed(self, error: RequestValidationError | RequestUnsupportedContentType) -> Response[str]:
        """Powertools validates before any middleware runs; who may not come in hears that first all the same.

        Names each field and what is wrong with it; the value itself is not sent back.
        """
        try:
            self._admit()
        except ServiceError as turned_away:
            return self._refused(turned_away)
        unsupported = isinstance(error, RequestUnsupportedContentType)
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE if unsupported else HTTPStatus.UNPROCESSABLE_ENTITY
        fields = [{"field": _field(e["loc"]), "message": words_of(e)} for e in error.errors()]
        self.gate.note("malformed", self._route(), status, self._caller())
        return answer(status, "; ".join(f"{f['field']}: {f['message']}" for f in fields), errors=fields)

    def _refused(self, error: ServiceError) -> Response[str]:
        return answer_to(self.gate.turn_away(error, self._route(), self._caller(error), self._address()))

    def _caller(self, error: ServiceError | None = None) -> Actor:
        principal: Principal | None = getattr(error, "principal", None) or self.resolver.context.get("principal")
        return principal.actor if principal else STRANGER

    def _address(self) -> str:
        return address_of(self.resolver.current_event.raw_event)

    def _unsealable(self, error: KeysUnavailable) -> Response[str]:
        log.warning("a request was refused: %s", error)
        return answer_to(Unavailable("names cannot be sealed now, so nothing was written: try again"))

    def _no_store(self, error: StoreUnavailable) -> Response[str]:
        log.warning("a request was refused: %s", error)
        return answer_to(Unavailable("the store does not answer: try again"))


def _field(location: Sequence[str | int]) -> str:
    """The dotted path without the leading "body", "query" or "header"."""
    return ".".join(str(part) for part in location[1:] if not isinstance(part, int) or len(location) > 2) or str(
        location[0]
    )


def _unexpected(error: Exception) -> Response[str]:
    """What a port calls retryable is no fault of ours: somebody does not answer now."""
    if getattr(error, "retryable", False):
        log.warning("a request was refused: %s", error, extra={"code": getattr(error, "code", "unavailable")})
        return answer_to(Unavailable("what this needs does not answer: try again"))
    error_id = str(uuid4())
    log.error("request failed", exc_info=error, extra={"error_id": error_id})
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error", error_id=error_id)
