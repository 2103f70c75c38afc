"""door: what reaches the API at all: bounded, readable bodies that come in time, and a crowd that waits.

On AWS, API Gateway stands here.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import ServiceError

from resilibot.contracts import strict_json
from resilibot.contracts.events.controlled import RefusalReason
from resilibot.runtime.access import Access
from resilibot.runtime.http import Gate, Principal
from resilibot.runtime.http.problems import PROBLEM_JSON, answer, answer_to
from resilibot.runtime.http.refusals import STRANGER, Refusals
from resilibot.runtime.http.router import RouteTable

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

AT_ONCE = 8  # requests inside, a thread each
HEADER_BYTES = 16_384
BODY_S = 10.0  # for the whole body to come
FLUSH_S = 15.0  # between two looks whether refusals wait to be told
REASONS: dict[int, RefusalReason] = {408: "timed_out", 413: "too_large", 431: "too_large"}


class Refused(Exception):
    """The request is answered here, unless its caller may not come in at all.

    `status` is the HTTP status, the message names the part.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Door:
    """An ASGI application around another. Bodies of signed routes pass as they are: what is signed is their bytes.

    gate: where who asks is known; None: everybody hears what is wrong with the request (tests).
    """

    def __init__(self, app: App, table: RouteTable, gate: Gate | None = None, body_s: float = BODY_S) -> None:
        self._app = app
        self._table = table
        self._gate = gate
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
            elif route is not None and scope["method"] in ("POST", "PUT", "PATCH"):
                check_body(_header(scope, b"content-type"), body)
        except Refused as refused:
            answered = await self._turned_away(scope, refused, route)
            await (_say(send, answered) if answered else _answer(send, refused))
            return
        async with self._places:
            await self._app(scope, _again(body), send)

    async def _body(self, receive: Receive) -> bytes:
        try:
            return await asyncio.wait_for(_read(receive), self._body_s)
        except TimeoutError:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, f"body: not here within {self._body_s:.0f} s") from None

    async def _turned_away(self, scope: Message, refused: Refused, route: str | None) -> Response[str] | None:
        """The answer to somebody who may not come in, whatever the request; None: it is about the request."""
        if self._gate is None:
            return None
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:  # joined as behind the door: two proofs are none
            before = headers.get(name.decode("latin-1"))
            headers[name.decode("latin-1")] = ", ".join(filter(None, (before, value.decode("latin-1"))))
        async with self._places:  # it takes a thread, as a request does
            return await asyncio.to_thread(self._judged, self._gate, headers, refused, route)

    def _judged(self, gate: Gate, headers: dict[str, str], refused: Refused, route: str | None) -> Response[str] | None:
        reason = REASONS.get(refused.status, "malformed")
        try:
            principal = gate.admit(self._table.of(route), {"headers": headers})
        except ServiceError as error:
            found: Principal | None = getattr(error, "principal", None)
            return answer_to(gate.turn_away(error, route, found.actor if found else STRANGER))
        gate.note(reason, route, int(refused.status), principal.actor if principal else STRANGER)
        return None

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(AT_ONCE))
                if self._gate is not None and self._gate.refusals is not None:
                    self._telling = asyncio.create_task(_tell(self._gate.refusals))
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._telling is not None and self._gate is not None and self._gate.refusals is not None:
                    self._telling.cancel()
                    await asyncio.to_thread(self._gate.refusals.close)
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _tell(refusals: Refusals) -> None:
    while True:
        await asyncio.sleep(FLUSH_S)
        await asyncio.to_thread(refusals.flush)


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
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"headers: more than {HEADER_BYTES} bytes")
    for name, value in scope["headers"]:
        if not value.isascii():
            raise Refused(HTTPStatus.BAD_REQUEST, f"{name.decode('latin-1')}: not ASCII")


def _check_text(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Refused(HTTPStatus.BAD_REQUEST, "body: not UTF-8") from None


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
    detail = str(refused)
    field, _, message = detail.partition(": ")
    await _say(send, answer(refused.status, detail, errors=[{"field": field, "message": message}]))


async def _say(send: Send, said: Response[str]) -> None:
    """The connection is closed behind it, since what is left of the body is not read."""
    raw = str(said.body).encode()
    headers = {**said.headers, "Content-Type": PROBLEM_JSON, "Content-Length": str(len(raw)), "Connection": "close"}
    encoded = [(name.lower().encode(), str(value).encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": said.status_code, "headers": encoded})
    await send({"type": "http.response.body", "body": raw})
