"""strict_json: JSON by RFC 8259 as every sender means it alike, or a refusal that says why. Pure.

json.loads alone is too kind: it takes NaN, makes inf of 1e400, lets the last of two equal keys win, keeps lone
surrogates that fail on encoding later, and ends deep nesting in a RecursionError. Two readers of such a text may
understand two things, and one of them decides whether an alarm rings.
"""

import json
import math
from typing import Any, NoReturn

MAX_BYTES = 1_048_576  # 1 MiB
MAX_DEPTH = 100
MAX_DIGITS = 308  # of an integer: more than any double holds


class NotStrictJson(ValueError):
    """The text is not taken; the message says what is wrong with it, never more than 300 characters of it."""

    code = "not_strict_json"


def parse(raw: bytes | str, max_bytes: int = MAX_BYTES) -> Any:
    """The value of a JSON text.

    raw: UTF-8 (a byte order mark is skipped, RFC 8259 section 8.1), or text that was decoded already.
    Raises NotStrictJson: larger than max_bytes, not UTF-8, not JSON, NaN or Infinity, a number beyond a double, one
    key twice with different values, nested deeper than MAX_DEPTH, a lone surrogate.
    """
    text = _decoded(raw, max_bytes)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
    except RecursionError:
        raise NotStrictJson(f"nested deeper than {MAX_DEPTH}") from None
    except NotStrictJson:
        raise
    except ValueError as error:
        raise NotStrictJson(f"not JSON ({error})"[:300]) from None
    _check(value)
    return value


def _decoded(raw: bytes | str, max_bytes: int) -> str:
    if len(raw) > max_bytes:
        raise NotStrictJson(f"more than {max_bytes} bytes")
    try:
        if isinstance(raw, bytes):
            return raw.decode("utf-8-sig")
        if len(raw.encode("utf-8")) > max_bytes:
            raise NotStrictJson(f"more than {max_bytes} bytes")
    except UnicodeError as error:
        raise NotStrictJson(
            f"not UTF-8 ({error.reason if isinstance(error, UnicodeDecodeError) else 'lone surrogate'})"
        ) from error
    return raw.removeprefix("\ufeff")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    first: dict[str, Any] = {}
    for key, value in pairs:
        if key in first and not _same(first[key], value):
            raise NotStrictJson(f"the key {key[:80]!a} stands there twice, with different values")
        first[key] = value
    return found


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: True is not 1, and 1 is not 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _no_constant(name: str) -> NoReturn:
    raise NotStrictJson(f"{name} is no JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise NotStrictJson(f"an integer of {len(digits)} digits")
    return int(digits)


def _check(value: Any) -> None:
    """Depth, finite numbers and encodable text, without recursion."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                for key in item:
                    _check_text(key)
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif isinstance(item, str):
                _check_text(item)
            elif isinstance(item, float) and not math.isfinite(item):
                raise NotStrictJson("a number beyond the range of a double")
        if not below:
            return
        level = below
    raise NotStrictJson(f"nested deeper than {MAX_DEPTH}")


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotStrictJson(f"a lone surrogate in {text[:80]!a}") from None
