"""secret_names: what the name of a field or a flag says of the value that stands under it. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from resilibot.runtime.secret_forms import ROUTING

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_LAST = {
    "authorization": "secret",
    "cookie": "cookie",
    "cookies": "cookie",
    "credential": "secret",
    "credentials": "secret",
    "jwt": "jwt",
    "passcode": "password",
    "passphrase": "password",
    "passwd": "password",
    "password": "password",
    "passwords": "password",
    "pwd": "password",
    "secret": "secret",
    "secrets": "secret",
    "token": "token",
}
_GLUED = ("password", "passwd", "secret", "token", "apikey", "secretkey", "privatekey", "accesskey")
_BEFORE_KEY = frozenset(
    {"access", "account", "admin", "api", "app", "application", "auth", "consumer", "encryption", "hmac", "license"}
    | {"master", "private", "secret", "shared", "signing", "ssh", "subscription"}
)
_PAGERDUTY_KEYS = frozenset({"integration", "routing", "service"})  # routing keys of queues are called so too
_HARMLESS = frozenset(  # tokens that let nobody in
    {"bos", "cancellation", "client", "continuation", "end", "eos", "fencing", "idempotency", "marker", "max", "min"}
    | {"next", "num", "pad", "page", "pagination", "prompt", "request", "resume", "start", "stop", "sync", "total"}
    | {"unexpected"}
)
_NAMES, _VALUES = ("name", "key", "parametername"), ("value", "parametervalue")


@lru_cache(4096)
def kind_of(key: str) -> str:
    """What a field of this name holds, if its name says that it is secret; "" for any other."""
    words = [word.lower() for word in _WORDS.findall(key[-80:]) if not word.isdigit()]
    if not words:
        return ""
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "token" and before in _HARMLESS:
        return ""
    if last in _LAST:
        return _LAST[last]
    if last == "key" and (before in _BEFORE_KEY or before.endswith(("api", "secret", "private"))):
        return "secret"
    if last in ("signature", "sig") and "amz" in words:
        return "token"
    return next((_LAST.get(word, "secret") for word in _GLUED if last.endswith(word)), "")


@lru_cache(4096)
def is_routing(key: str) -> bool:
    words = _WORDS.findall(key.lower())
    return len(words) > 1 and words[-1] == "key" and words[-2] in _PAGERDUTY_KEYS


def kind_under(key: str, part: Any, kind: str, named: str) -> str:
    """What stands under a key of an object. `kind`: of the object itself; `named`: what its name says of its value."""
    if named and key.lower() in _VALUES:
        return kind or named
    if kind:
        return "" if key.lower().endswith(("name", "arn", "ref")) else kind
    if is_routing(key) and isinstance(part, str) and ROUTING.fullmatch(part):
        return "pagerduty-key"
    return kind_of(key)


def kind_named(value: Mapping[Any, Any]) -> str:
    """{"name": "DB_PASSWORD", "value": ...}: what the name says of the value."""
    for key, part in value.items():
        if isinstance(part, str) and str(key).lower() in _NAMES and (kind := kind_of(part)):
            return kind
    return ""
