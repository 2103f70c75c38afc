"""Who may call what: every route of every service against every role, as the SERVICE maps declare it."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from resilibot.local.api import Resolver
from resilibot.local.openapi import routers
from resilibot.local.roster import SERVICES
from resilibot.runtime.access import Access
from resilibot.runtime.http import Gate, Principals, application, new_router
from resilibot.runtime.http.application import DOCUMENT
from resilibot.runtime.http.limits import TokenBuckets
from resilibot.runtime.http.router import RouteTable, Undeclared, template_of

pytestmark = [pytest.mark.feature(82), pytest.mark.feature(140)]
ROLES = [access for access in Access if access.needs_token]
CALLERS = [
    *((role, kind) for role in ROLES for kind in ("person", "machine")),
    ("nothing", "person"),
    ("privacy", "person"),
]
ROUTES = {template: access for service in SERVICES for template, access in service.routes.items()} | {
    DOCUMENT: Access.PUBLIC
}

# Written out once more by hand: a route that changes hands must change here too.
MATRIX = {
    "GET /health": Access.PUBLIC,
    "GET /openapi.json": Access.PUBLIC,
    "POST /webhooks/{source}": Access.SIGNED,
    "POST /sns": Access.SIGNED,
    "GET /incidents": Access.VIEWER,
    "GET /incidents/{incident_id}": Access.VIEWER,
    "GET /incidents/{incident_id}/timeline": Access.VIEWER,
    "GET /incidents/{incident_id}/events": Access.VIEWER,
    "GET /incidents/{incident_id}/evidence/{evidence_id}": Access.VIEWER,
    "GET /ask": Access.VIEWER,
    "GET /signals/{fingerprint}": Access.VIEWER,
    "GET /targets": Access.VIEWER,
    "GET /silences": Access.VIEWER,
    "GET /policies": Access.VIEWER,
    "POST /incidents/{incident_id}/root-cause": Access.RESPONDER,
    "POST /incidents/{incident_id}/merge": Access.RESPONDER,
    "POST /incidents/{incident_id}/unmerge": Access.RESPONDER,
    "POST /incidents/{incident_id}/split": Access.RESPONDER,
    "POST /silences": Access.RESPONDER,
    "POST /silences/{silence_id}/end": Access.RESPONDER,
    "GET /feed": Access.VIEWER,
    "GET /audit": Access.VIEWER,
    "POST /incidents": Access.RESPONDER,
    "POST /incidents/{incident_id}/close": Access.RESPONDER,
    "POST /incidents/{incident_id}/approvals/{grant_id}": Access.APPROVER,
    "POST /erasures": Access.ADMIN,
}


UNLIMITED = TokenBuckets(1e6, 1_000_000)


def token_of(role: str, kind: str) -> str:
    return f"{role}-{kind}-token"


@pytest.fixture(scope="module")
def call() -> Any:
    """A request with an empty body against all services' routes, which have nothing behind them: (status, problem)."""
    known = {
        hashlib.sha256(token_of(role, kind).encode()).hexdigest(): {
            "id": f"{role}-{kind}",
            "roles": [role],
            "kind": kind,
        }
        for role, kind in CALLERS
    }
    gate = Gate(Principals(lambda: json.dumps(known)), UNLIMITED, UNLIMITED)
    app = application(APIGatewayHttpResolver(enable_validation=True), routers(), gate)

    def ask(template: str, authorization: str | None, **headers: str) -> tuple[int, dict[str, Any]]:
        method, path = template.split(" ", 1)
        path = path.replace("{", "").replace("}", "")
        event = {
            "version": "2.0",
            "rawPath": path,
            "headers": {"content-type": "application/json"}
            | ({"authorization": authorization} if authorization else {})
            | headers,
            "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
            "body": "{}" if method == "POST" else None,
            "isBase64Encoded": False,
        }
        answer = app.resolve(event, SimpleNamespace())
        return answer["statusCode"], json.loads(answer["body"])

    return ask


def test_the_maps_say_what_was_decided() -> None:
    assert ROUTES == MATRIX


@pytest.mark.parametrize("template", sorted(ROUTES))
@pytest.mark.parametrize(("role", "kind"), CALLERS)
def test_a_role_opens_its_own_routes_and_no_other(call: Any, template: str, role: str, kind: str) -> None:
    access = ROUTES[template]
    status, problem = call(template, f"Bearer {token_of(role, kind)}")
    if not access.needs_token:
        assert status != 403
    elif role == access and (kind == "person" or not access.needs_person):
        assert status not in (401, 403), problem
    else:
        assert status == 403
        assert access in problem["detail"]


@pytest.mark.parametrize("template", sorted(ROUTES))
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "viewer-person-token", "Bearer a.b.c"],
)
def test_nobody_unknown_opens_anything_but_what_is_public(call: Any, template: str, authorization: str | None) -> None:
    status, problem = call(template, authorization)
    if ROUTES[template] is Access.PUBLIC:
        assert status == 200
    elif template == "POST /sns":
        assert (status, problem["status"]) == (400, 400), "it is read before it can be verified"
    else:
        assert (status, problem["title"]) == (401, "Unauthorized")


def test_no_machine_answers_an_approval_whatever_its_token_says(call: Any) -> None:
    """A model, a service, a pipeline: the kind of the principal decides, not a role that somebody gave it."""
    status, problem = call("POST /incidents/{incident_id}/approvals/{grant_id}", "Bearer approver-machine-token")
    assert (status, "person" in problem["detail"]) == (403, True)


def test_an_unknown_path_or_method_is_told_only_to_who_is_known(call: Any) -> None:
    for template in ("GET /nothing", "DELETE /incidents", "PUT /health"):
        assert call(template, None)[0] == 401
    assert call("GET /nothing", "Bearer viewer-person-token")[0] == 404
    assert call("DELETE /incidents", "Bearer viewer-person-token")[0] == 405
    assert call("GET /incidents/", "Bearer viewer-person-token")[0] == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_a_route_that_no_map_declares_cannot_be_registered_by_whatever_decorator(method: str) -> None:
    router = new_router({"GET /other": Access.VIEWER})
    with pytest.raises(Undeclared, match=f"{method} /known"):
        getattr(router, method.lower())("/known")
    with pytest.raises(Undeclared, match=f"{method} /known"):
        router.route("/known", method)
    with pytest.raises(Undeclared, match=f"{method} /known"):
        router.route("/known", [method])


@pytest.mark.parametrize("resolver", [APIGatewayHttpResolver, Resolver])
def test_every_route_that_is_served_has_its_role_in_the_matrix(resolver: Any) -> None:
    """As the resolver holds them, by whichever way they got there."""
    made = resolver() if resolver is Resolver else resolver(enable_validation=True)
    app = application(made, routers(), Gate(Principals(lambda: "{}"), UNLIMITED, UNLIMITED))
    served = [template_of(route.method, route.path) for route in (*app._static_routes, *app._dynamic_routes)]
    assert sorted(served) == sorted(MATRIX)


NOT_ITS_PATH = ("\n", "/", "//", "?", "#", ";a=b", "%0a", "%00", "%2f", "\r\n", "\x00", "\u2028", " ", "/..", "/.")


@pytest.mark.parametrize("template", sorted(t for t, access in ROUTES.items() if access.needs_token))
def test_no_other_writing_of_a_path_or_method_opens_it_to_another_role(call: Any, template: str) -> None:
    """The table of roles and the resolver must never disagree about which route is meant."""
    method, path = template.split(" ", 1)
    access = ROUTES[template]
    stranger = "nothing-person-token"
    twisted = [f"{method} {path}{end}" for end in NOT_ITS_PATH] + [f"{method} /{path}", f"{method} {path.upper()}"]
    twisted += [f"{one} {path}" for one in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", method.lower())]
    for one in twisted:
        status, problem = call(one, f"Bearer {stranger}")
        assert status in (403, 404, 405), (one, status, problem)
        assert call(one, None)[0] == 401, one
    for name in ("x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"):
        for value in ("GET", "/health"):
            status, problem = call(template, f"Bearer {stranger}", **{name: value})
            assert (status, access in problem["detail"]) == (403, True), (name, value)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_of_any_case_and_the_token_of_its_own(call: Any, scheme: str) -> None:
    assert call("GET /incidents", f"{scheme} viewer-person-token")[0] not in (401, 403)
    assert call("GET /incidents", f"{scheme} VIEWER-PERSON-TOKEN")[0] == 401


def test_two_proofs_are_none(call: Any) -> None:
    """Which of them counts would be decided by whoever reads them first."""
    for other in ("Bearer admin-person-token", "Bearer viewer-person-token", "Bearer nonsense"):
        apart = call("GET /incidents", "Bearer viewer-person-token", Authorization=other)
        joined = call("GET /incidents", f"Bearer viewer-person-token,{other}")
        for status, problem in (apart, joined, call("GET /incidents", f"Basic YTpi, {other}")):
            assert (status, problem["detail"]) == (401, "more than one Authorization header: send one")


def test_the_table_finds_a_route_as_the_resolver_does() -> None:
    table = RouteTable(ROUTES)
    assert table.template("GET", "/incidents/X1/timeline") == "GET /incidents/{incident_id}/timeline"
    assert table.template("GET", "/incidents") == "GET /incidents"
    for path in ("/incidents/", "/incidents//timeline", "/incidents/a/b/c", "/health/x", "/HEALTH", "//health"):
        assert table.template("GET", path) is None, path
    assert table.methods("/incidents") == ["GET", "POST"]


def test_the_page_names_each_writing_route_in_the_row_of_its_role() -> None:
    page = (Path(__file__).parents[2] / "docs" / "access.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for template, access in MATRIX.items():
        if template.startswith("POST") and access.needs_token:
            ending = "…/" + template.rsplit("/", 1)[1]
            assert f"`{template}`" in rows[access.value] or f"`{ending}`" in rows[access.value], template
