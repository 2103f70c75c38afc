"""The API's document: committed, whole, and true of what is declared."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from resilibot.local.openapi import document, render
from resilibot.local.roster import SERVICES
from resilibot.runtime.access import Access
from resilibot.runtime.http.application import DOCUMENT

pytestmark = pytest.mark.feature(85)
FILE = Path(__file__).parents[2] / "contracts" / "openapi.json"
ROUTES = {template: access for service in SERVICES for template, access in service.routes.items()} | {
    DOCUMENT: Access.PUBLIC
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return document()


def operation(found: dict[str, Any], template: str) -> dict[str, Any]:
    method, path = template.split(" ", 1)
    described: dict[str, Any] = found["paths"][path][method.lower()]
    return described


def test_the_committed_document_is_the_one_that_the_routes_make(found: dict[str, Any]) -> None:
    assert FILE.read_text() == render(found), "run `make openapi` and commit contracts/openapi.json"


def test_it_is_openapi_3_1_and_describes_every_route_and_no_other(found: dict[str, Any]) -> None:
    assert found["openapi"].startswith("3.1")
    described = {f"{m.upper()} {path}" for path, item in found["paths"].items() for m in item}
    assert described == set(ROUTES)


@pytest.mark.parametrize("template", sorted(ROUTES))
def test_every_operation_says_who_may_call_it_and_how_it_refuses(found: dict[str, Any], template: str) -> None:
    access, described = ROUTES[template], operation(found, template)
    assert described["x-resilibot-access"] == access.value
    scheme = {Access.PUBLIC: None, Access.SIGNED: "signature"}.get(access, "bearer")
    assert described.get("security") == ([{scheme: []}] if scheme else None)
    statuses = set(described["responses"])
    if access.needs_token:
        assert statuses >= {"401", "403", "429", "500", "503"}
    if template.startswith("POST"):
        assert statuses >= {"400", "413", "415", "422"}
        assert described["requestBody"]["required"]
    assert len({"200", "202"} & statuses) == 1
    for status, answer in described["responses"].items():
        if int(status) >= 400:
            assert list(answer["content"]) == ["application/problem+json"], status
            assert answer["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        else:
            assert answer["content"]["application/json"]["schema"], "an answer has a model"


@pytest.mark.parametrize("template", sorted(template for template in ROUTES if template.startswith("POST")))
def test_every_body_has_an_example_that_fits_its_schema(found: dict[str, Any], template: str) -> None:
    (body,) = operation(found, template)["requestBody"]["content"].values()
    examples = [one["value"] for one in body.get("examples", {}).values()] + [
        body[k] for k in ("example",) if k in body
    ]
    assert examples
    schema = {**body["schema"], "components": found["components"]}
    for example in examples:
        Draft202012Validator(schema).validate(example)


def test_every_reference_leads_somewhere(found: dict[str, Any]) -> None:
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(found)):
        assert name in found["components"]["schemas"]


def test_strict_bodies_are_documented_as_strict(found: dict[str, Any]) -> None:
    for name in ("OpenIncident", "CloseIncident", "Answer", "Erasure"):
        assert found["components"]["schemas"][name]["additionalProperties"] is False
