"""openapi: the document of all routes (OpenAPI 3.1), as powertools derives it from them, made honest."""

from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn, HTTPBearer

TITLE = "ResiliBot"
VERSION = "1"
DESCRIPTION = (
    "Answers production alarms: incidents, evidence, approvals, the log. `x-resilibot-access` is the role that a route "
    "needs. Problems are RFC 9457. Times are RFC 3339 in UTC."
)


def document(resolver: Any) -> dict[str, Any]:
    """The document of every route mounted on a powertools resolver, as plain JSON data with sorted paths."""
    schema = resolver.get_openapi_schema(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        security_schemes={
            "bearer": HTTPBearer(description="A token of this installation, or a JWT of its OIDC issuer"),
            "signature": APIKey(
                in_=APIKeyIn.header,
                name="webhook-signature",
                description="Proof of the sender over the body; which header and scheme is configured per source",
            ),
        },
    )
    found: dict[str, Any] = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    found.pop("security", None)  # each operation says its own
    for operation in operations(found):
        # powertools adds its own 422 in a shape that we never answer with
        invalid = operation["responses"].get("422", {})
        if "application/json" in invalid.get("content", {}):
            del operation["responses"]["422"]
        operation["responses"] = dict(sorted(operation["responses"].items()))
    schemas = found.get("components", {}).get("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(unused, None)
    found["paths"] = dict(sorted(found["paths"].items()))
    found["components"]["schemas"] = dict(sorted(schemas.items()))
    return found


def operations(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in found["paths"].values():
        yield from (item[method] for method in ("get", "post", "put", "patch", "delete") if method in item)
