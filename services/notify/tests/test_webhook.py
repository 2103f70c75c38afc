"""The webhook's address may be the very secret that lets one post there: only its host is ever told."""

import logging
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from resilibot.notify.adapters.webhook import WebhookChannel
from resilibot.notify.settings import NotifySettings

KEY = "T0SECRET0KEY"
URL = f"https://hooks.example.com/services/{KEY}?token={KEY}"
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: public)


@pytest.fixture(autouse=True)
def talkative(caplog: pytest.LogCaptureFixture) -> None:
    """A root logger that lets everything through, and an httpx whose own level nobody set."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.NOTSET)


def failing(error: Exception) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def test_the_settings_do_not_show_it_nor_what_is_wrong_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESILIBOT_WEBHOOK_URL", URL)
    settings = NotifySettings()
    assert settings.webhook_url == URL
    assert KEY not in f"{settings!r} {settings}"
    wrong: Any = [URL]
    with pytest.raises(ValueError, match="webhook_url") as raised:
        NotifySettings(webhook_url=wrong)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda request: httpx.Response(200), "delivered"),
        (lambda request: httpx.Response(302, headers={"location": f"https://elsewhere.example.com/{KEY}"}), "refused"),
        (lambda request: httpx.Response(500, text=str(request.url)), "unavailable"),
        (failing(httpx.ConnectError("refused")), "unavailable"),
        (failing(httpx.ReadTimeout("too late")), "unclear"),
        (failing(httpx.RemoteProtocolError(f"illegal header line: POST /services/{KEY}")), "unclear"),
    ],
)
def test_no_delivery_tells_it_and_no_log(answer: Answer, outcome: str, caplog: pytest.LogCaptureFixture) -> None:
    channel = WebhookChannel(URL, "", allow_loopback=False)
    channel._http = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=False)
    delivery = channel.send("key", {"title": "x"})
    assert delivery.outcome == outcome
    assert KEY not in f"{delivery} {caplog.text} {channel!r}"


@pytest.mark.parametrize(
    "url",
    [
        f"http://hooks.example.com/{KEY}",
        f"https://hooks.example.com:{KEY}/",
        f"https://[{KEY}/",
        f"https://hooks.example.com/\x00{KEY}",
    ],
    ids=["http", "no port", "no host", "no address"],
)
def test_an_address_that_is_refused_is_not_quoted(url: str, caplog: pytest.LogCaptureFixture) -> None:
    delivery: Any = WebhookChannel(url, "", allow_loopback=False).send("key", {"title": "x"})
    assert delivery.outcome == "refused"
    assert KEY.lower() not in f"{delivery} {caplog.text}".lower()
