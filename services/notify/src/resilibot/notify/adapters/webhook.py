"""webhook: one signed POST (Standard Webhooks); the address is checked before each call, no redirect is followed.

Of the address only the host is ever told: its path or query may be the secret that lets one post there.
"""

import ipaddress
import json
import logging
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from standardwebhooks.webhooks import Webhook

from resilibot.notify.ports import Delivery

TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class UnsafeTarget(Exception):
    """The address is not one that a notification may go to."""

    code = "unsafe_target"


def check_target(url: str, allow_loopback: bool) -> None:
    """https to public addresses only; loopback, also by http, when allowed. Raises UnsafeTarget."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError:  # its text quotes what stands there
        raise UnsafeTarget("the address is none: host or port cannot be read") from None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnsafeTarget(f"{host}: does not resolve") from error
    addresses = {ipaddress.ip_address(str(entry[4][0])) for entry in found}
    if allow_loopback and all(address.is_loopback for address in addresses):
        return
    if parts.scheme != "https":
        raise UnsafeTarget(f"{host}: https is needed")
    if not all(address.is_global for address in addresses):
        raise UnsafeTarget(f"{host}: resolves to an address that is not public")


class WebhookChannel:
    """Posts JSON; webhook-id is the idempotency key."""

    name = "webhook"

    def __init__(self, url: str, secret: str, allow_loopback: bool) -> None:
        self._url = url
        self._signer = Webhook(secret) if secret else None
        self._allow_loopback = allow_loopback
        logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it tells each address in full
        self._http = httpx.Client(timeout=httpx.Timeout(10, connect=3), follow_redirects=False, trust_env=False)

    def send(self, key: str, message: Mapping[str, Any]) -> Delivery:
        try:
            check_target(self._url, self._allow_loopback)
        except UnsafeTarget as unsafe:
            return Delivery("refused", detail=str(unsafe))
        body = json.dumps(message, ensure_ascii=False)
        try:
            answer = self._http.post(self._url, content=body.encode(), headers=self._headers(key, body))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Delivery("unavailable", detail=f"no connection: {error}")
        except httpx.HTTPError as error:  # its text may quote what the other side said
            return Delivery("unclear", detail=type(error).__name__)
        except httpx.InvalidURL:
            return Delivery("refused", detail="the address is none that a client takes")
        return _delivery(answer)

    def _headers(self, key: str, body: str) -> dict[str, str]:
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": key,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._signer:
            headers["webhook-signature"] = self._signer.sign(key, now, body)
        return headers


def _delivery(answer: httpx.Response) -> Delivery:
    if answer.is_success:
        remote_id = answer.headers.get("x-message-id")
        return Delivery("delivered", answer.status_code, remote_id)
    outcome = "unavailable" if answer.status_code in TRY_AGAIN else "refused"
    return Delivery(outcome, answer.status_code, detail=f"HTTP {answer.status_code}")  # type: ignore[arg-type]
