"""The door of the API: what is not a JSON object in UTF-8 goes no further, and a crowd waits instead of blocking."""

import asyncio
from http import HTTPStatus
from typing import Any

import pytest

from resilibot.local.commands.text import safe
from resilibot.local.door import AT_ONCE, Door, Refused, check_body
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


def test_what_comes_from_outside_cannot_steer_the_terminal() -> None:
    hostile = "\x1b]0;pwn\x07 \x9b31m \u202egnp.exe [red]x[/red]"
    shown = safe(hostile)
    assert shown.isprintable()
    assert "\\x1b" in shown
    assert "\\u202e" in shown
    assert "\\[red]" in shown
