"""door: a service's routes as a caller meets them, without a socket: a request in, status and answer out."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from resilibot.runtime.http import Principals, application, use_principals


class Door:
    def __init__(self, router: Any) -> None:
        self._app = application(APIGatewayHttpResolver(enable_validation=True), [router])

    def post(self, path: str, body: Mapping[str, Any], token: str, **headers: str) -> tuple[int, dict[str, Any]]:
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"content-type": "application/json", "authorization": f"Bearer {token}", **headers},
            "requestContext": {"http": {"method": "POST", "path": path}, "stage": "$default"},
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self._app.resolve(event, SimpleNamespace())
        return answer["statusCode"], json.loads(answer["body"])


@contextmanager
def known(*people: tuple[str, str, set[str]]) -> Iterator[None]:
    """People that the doors know: (token, id, roles)."""
    entries = {
        hashlib.sha256(token.encode()).hexdigest(): {"id": identity, "roles": sorted(roles), "kind": "person"}
        for token, identity, roles in people
    }
    use_principals(Principals(lambda: json.dumps(entries)))
    try:
        yield
    finally:
        use_principals(None)
