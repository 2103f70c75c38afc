"""The door of the API: what is not a JSON object in UTF-8 goes no further, and a crowd waits instead of blocking."""

import asyncio
import hashlib
import json
import threading
from http import HTTPStatus
from typing import Any

import pytest

from resilibot.local.api import Resolver
from resilibot.local.commands.text import safe
from resilibot.local.door import AT_ONCE, Door, Refused, check_body
from resilibot.runtime.access import Access
from resilibot.runtime.http import Gate, Principals, application, new_router
from resilibot.runtime.http.application import table_of
from resilibot.runtime.http.limits import TokenBuckets
from resilibot.runtime.http.router import RouteTable


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"title": "\xff"}', 400, "UTF-8"),
        (b"{", 400, "body"),
        (b"[" * 200_000, 400, "nested"),
        (b'{"n": ' + b"9" * 5000 + b"}", 400, "body"),
        (b'{"n": NaN}', 400, "NaN"),
        (b'{"a": 1, "a": 2}', 400, "twice"),
        (b'[{"title": "a"}]', 422, "object"),
    ],
)
def test_a_body_that_is_no_plain_object_is_refused(body: bytes, status: int, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        check_body("application/json; charset=utf-8", body)
    assert refused.value.status == status


def test_another_content_type_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        check_body("multipart/form-data", b"")
    assert refused.value.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def test_no_more_are_inside_at_once_than_there_are_threads_for() -> None:
    inside = most = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1

    async def body() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def nobody(message: Any) -> None:
        raise AssertionError("nothing is refused here")

    async def crowd() -> None:
        door = Door(app, RouteTable({}))
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await asyncio.gather(*(door(dict(scope), body, nobody) for _ in range(50)))

    asyncio.run(crowd())
    assert most == AT_ONCE


def ask(app: Any, path: str, body: bytes = b"", method: str = "GET", headers: Any = ()) -> Any:
    """A request to an ASGI application: a coroutine that gives status and answer."""

    async def asked() -> tuple[int, dict[str, Any]]:
        said: list[dict[str, Any]] = []
        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return parts.pop() if parts else await asyncio.sleep(60, {})

        async def send(message: Any) -> None:
            said.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": list(headers), "query_string": b""}
        await app(scope, receive, send)
        return said[0]["status"], json.loads(said[1]["body"])

    return asked()


def test_a_slow_read_does_not_hold_up_the_others() -> None:
    """Handlers are no coroutines: on the event loop, one that waits would stop everybody."""
    router, let_go = new_router({"GET /slow": Access.PUBLIC, "GET /fast": Access.PUBLIC}), threading.Event()

    @router.get("/slow")
    def slow() -> dict[str, str]:
        let_go.wait(10)
        return {"was": "slow"}

    @router.get("/fast")
    def fast() -> dict[str, str]:
        return {"was": "fast"}

    resolver = Resolver()
    unlimited = TokenBuckets(1000, 1000)
    application(resolver, [router], Gate(Principals(lambda: "{}"), unlimited, unlimited))
    resolver.prepare()

    async def both() -> None:
        waiting = [asyncio.create_task(ask(resolver, "/slow")) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert await asyncio.wait_for(ask(resolver, "/fast"), 5) == (200, {"was": "fast"})
        assert not any(task.done() for task in waiting)
        let_go.set()
        assert await asyncio.gather(*waiting) == [(200, {"was": "slow"})] * 3

    asyncio.run(both())


def test_a_body_that_does_not_come_is_given_up() -> None:
    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it never gets that far")

    async def never() -> dict[str, Any]:
        return await asyncio.sleep(60, {})

    said: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "method": "POST", "path": "/incidents", "headers": []}
    asyncio.run(Door(nobody, RouteTable({}), body_s=0.05)(scope, never, send))
    assert said[0]["status"] == HTTPStatus.REQUEST_TIMEOUT


def test_who_is_unknown_hears_that_first_whatever_the_body() -> None:
    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("a body that is no JSON goes no further")

    limits = TokenBuckets(1000, 1000)
    table = RouteTable({"POST /incidents": Access.RESPONDER, "POST /open": Access.PUBLIC})
    door = Door(nobody, table, Gate(Principals(lambda: "{}"), limits, limits))
    assert asyncio.run(ask(door, "/incidents", b"{", "POST"))[0] == HTTPStatus.UNAUTHORIZED
    status, problem = asyncio.run(ask(door, "/open", b"{", "POST"))
    assert (status, problem["errors"][0]["field"]) == (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-type")


@pytest.mark.parametrize("end", ["\n", "\r\n", "/", "\x00", "\u2028"])
def test_what_stands_behind_a_path_opens_no_route_to_another_role(end: str) -> None:
    """As the server hands it over: %0A is a line break by then, before which the resolver's pattern ends too."""
    router = new_router({"POST /forget": Access.ADMIN})

    @router.post("/forget")
    def forget() -> dict[str, str]:
        raise AssertionError("a viewer may not")

    known = {hashlib.sha256(b"good").hexdigest(): {"id": "x", "roles": ["viewer"]}}
    limits = TokenBuckets(1000, 1000)
    gate = Gate(Principals(lambda: json.dumps(known)), limits, limits)
    resolver = application(Resolver(), [router], gate)
    resolver.prepare()
    door = Door(resolver, table_of([router]), gate)
    headers = [(b"authorization", b"Bearer good"), (b"content-type", b"application/json")]
    assert asyncio.run(ask(door, "/forget", b"{}", "POST", headers))[0] == HTTPStatus.FORBIDDEN
    assert asyncio.run(ask(door, f"/forget{end}", b"{}", "POST", headers))[0] == HTTPStatus.NOT_FOUND


def test_two_authorizations_are_no_proof_here_either() -> None:
    """As behind the door: a proof and something else must not be heard as either of them."""

    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("a body that is no JSON goes no further")

    known = {hashlib.sha256(b"good").hexdigest(): {"id": "x", "roles": ["responder"]}}
    limits = TokenBuckets(1000, 1000)
    gate = Gate(Principals(lambda: json.dumps(known)), limits, limits)
    door = Door(nobody, RouteTable({"POST /incidents": Access.RESPONDER}), gate)
    good, other = (b"authorization", b"Bearer good"), (b"authorization", b"Bearer other")
    assert asyncio.run(ask(door, "/incidents", b"{", "POST", [good]))[0] == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    for both in ([good, other], [other, good], [good, good]):
        assert asyncio.run(ask(door, "/incidents", b"{", "POST", both))[0] == HTTPStatus.UNAUTHORIZED


def test_what_comes_from_outside_cannot_steer_the_terminal() -> None:
    hostile = "\x1b]0;pwn\x07 \x9b31m \u202egnp.exe [red]x[/red]"
    shown = safe(hostile)
    assert shown.isprintable()
    assert "\\x1b" in shown
    assert "\\u202e" in shown
    assert "\\[red]" in shown
