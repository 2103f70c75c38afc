"""door: what reaches the API at all: bounded, readable bodies that come in time, and a crowd that waits.

On AWS, API Gateway stands here.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from resilibot.contracts.events.controlled import RefusalReason
from resilibot.runtime.access import Access
from resilibot.runtime.http.problems import PROBLEM_JSON, SAFE, body_of
from resilibot.runtime.http.refusals import UNKNOWN, Refusals
from resilibot.runtime.http.router import RouteTable

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

AT_ONCE = 8  # requests inside, a thread each
BODY_BYTES = 1_000_000
BODY_S = 10.0  # for the whole body to come
FLUSH_S = 15.0  # between two looks whether refusals wait to be told
REASONS: dict[int, RefusalReason] = {408: "timed_out", 413: "too_large"}


class Refused(Exception):
    """The request is answered here. `status` is the HTTP status, the message names the part."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Door:
    """An ASGI application around another. Bodies of signed routes pass as they are: what is signed is their bytes."""

    def __init__(self, app: App, table: RouteTable, refusals: Refusals | None = None, body_s: float = BODY_S) -> None:
        self._app = app
        self._table = table
        self._refusals = refusals
        self._body_s = body_s
        self._places = asyncio.Semaphore(AT_ONCE)
        self._telling: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        route = self._table.template(scope["method"], scope["path"])
        try:
            _check_headers(scope)
            body = await self._body(receive)
            if self._table.of(route) is Access.SIGNED:
                _check_text(body)
            elif scope["method"] in ("POST", "PUT", "PATCH"):
                check_body(_header(scope, b"content-type"), body)
        except Refused as refused:
            await self._turn_away(send, refused, route)
            return
        async with self._places:
            await self._app(scope, _again(body), send)

    async def _body(self, receive: Receive) -> bytes:
        try:
            return await asyncio.wait_for(_read(receive), self._body_s)
        except TimeoutError:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, f"body: not here within {self._body_s:.0f} s") from None

    async def _turn_away(self, send: Send, refused: Refused, route: str | None) -> None:
        if self._refusals is not None:
            reason = REASONS.get(refused.status, "malformed")
            async with self._places:  # telling takes a thread, as a request does
                await asyncio.to_thread(self._refusals.note, reason, route or UNKNOWN, int(refused.status))
        await _answer(send, refused)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(AT_ONCE))
                if self._refusals is not None:
                    self._telling = asyncio.create_task(self._tell(self._refusals))
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._telling is not None and self._refusals is not None:
                    self._telling.cancel()
                    await asyncio.to_thread(self._refusals.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _tell(self, refusals: Refusals) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await asyncio.to_thread(refusals.flush)


def check_body(content_type: str, body: bytes) -> None:
    """A JSON object in UTF-8, each key once. Raises Refused."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-type: application/json is needed")
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        raise Refused(HTTPStatus.BAD_REQUEST, "body: nested too deep") from None
    except ValueError as error:  # not UTF-8, not JSON, NaN, a number of thousands of digits
        raise Refused(HTTPStatus.BAD_REQUEST, f"body: {error}"[:300]) from None
    if not isinstance(value, dict):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"body: an object is needed, not {type(value).__name__}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"{twice[:80]!r} stands there twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check_headers(scope: Message) -> None:
    for name, value in scope["headers"]:
        if not value.isascii():
            status = HTTPStatus.UNAUTHORIZED if name == b"authorization" else HTTPStatus.BAD_REQUEST
            raise Refused(status, f"{name.decode('latin-1')}: not ASCII")


def _check_text(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Refused(HTTPStatus.BAD_REQUEST, "body: not UTF-8") from None


def _header(scope: Message, wanted: bytes) -> str:
    return next((value.decode("ascii") for name, value in scope["headers"] if name == wanted), "")


async def _read(receive: Receive) -> bytes:
    """The whole body. Raises Refused above BODY_BYTES."""
    body: bytes = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > BODY_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body: more than {BODY_BYTES} bytes")
        if not message.get("more_body"):
            return body


def _again(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answer(send: Send, refused: Refused) -> None:
    """RFC 9457 problem details; the connection is closed, since what is left of the body is not read."""
    detail = str(refused)
    field, _, message = detail.partition(": ")
    raw = json.dumps(body_of(refused.status, detail, errors=[{"field": field, "message": message}])).encode()
    headers = {"Content-Type": PROBLEM_JSON, "Content-Length": str(len(raw)), "Connection": "close", **SAFE}
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(refused.status), "headers": encoded})
    await send({"type": "http.response.body", "body": raw})
