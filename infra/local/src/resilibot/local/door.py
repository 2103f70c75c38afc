"""door: what reaches the API at all: bounded, readable bodies, and no more requests at once than there are threads for.

Powertools runs each of its middlewares in a thread of the loop's pool and waits in one for the next: as many requests
at once as the pool has threads would wait for each other for ever.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from resilibot.contracts import strict_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

AT_ONCE = 8
THREADS_EACH = 8  # more than there are middlewares around a route


class Refused(Exception):
    """The request is answered here. `status` is the HTTP status, the message names the part."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Door:
    """An ASGI application around another."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._places = asyncio.Semaphore(AT_ONCE)
        self._has_threads = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._has_threads:
            self._has_threads = True
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(AT_ONCE * THREADS_EACH))
        try:
            _check_headers(scope)
            body = await _read(receive)
            if scope["method"] in ("POST", "PUT", "PATCH"):
                check_body(_header(scope, b"content-type"), body)
        except Refused as refused:
            await _answer(send, refused)
            return
        async with self._places:
            await self._app(scope, _again(body), send)


def check_body(content_type: str, body: bytes) -> None:
    """A JSON object in UTF-8, each key once. Raises Refused."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-type: application/json is needed")
    try:
        value = strict_json.parse(body)
    except strict_json.NotStrictJson as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"body: {error}") from None
    if not isinstance(value, dict):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"body: an object is needed, not {type(value).__name__}")


def _check_headers(scope: Message) -> None:
    for name, value in scope["headers"]:
        if not value.isascii():
            status = HTTPStatus.UNAUTHORIZED if name == b"authorization" else HTTPStatus.BAD_REQUEST
            raise Refused(status, f"{name.decode('latin-1')}: not ASCII")


def _header(scope: Message, wanted: bytes) -> str:
    return next((value.decode("ascii") for name, value in scope["headers"] if name == wanted), "")


async def _read(receive: Receive) -> bytes:
    """The whole body. Raises Refused above strict_json.MAX_BYTES."""
    body: bytes = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > strict_json.MAX_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body: more than {strict_json.MAX_BYTES} bytes")
        if not message.get("more_body"):
            return body


def _again(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answer(send: Send, refused: Refused) -> None:
    """RFC 9457 problem details."""
    status, detail = refused.status, str(refused)
    field = detail.partition(":")[0]
    problem = {
        "status": int(status),
        "title": status.phrase,
        "detail": detail,
        "errors": [{"field": field, "message": detail.partition(": ")[2]}],
    }
    raw = json.dumps(problem).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": raw})
