"""fields: reading what somebody else wrote: a required field is there or named, an optional one never breaks. Pure.

A path is dotted: "detail.state.value". A number in it is an index.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from resilibot.ingest.sources.errors import MalformedSignal

REASON = 2048  # characters of a reason, as the contract has it
INVISIBLE = frozenset(  # fillers and variation selectors that are no category of their own
    (0x034F, 0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10))
) | frozenset(range(0xE0100, 0xE01F0))
NEXT_DAY = timedelta(days=1)


def at(data: Any, path: str) -> Any:
    """What stands at a path; None where there is nothing."""
    for part in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def text(data: Any, path: str, place: str = "") -> str:
    """Required text, at least one visible character. Raises MalformedSignal naming the field."""
    value = at(data, path)
    if not isinstance(value, str) or not clean(value):
        raise MalformedSignal(f"{place}{path}: missing, or no text")
    return value


def mapping(data: Any, path: str, place: str = "") -> dict[str, Any]:
    """A required object. Raises MalformedSignal naming the field."""
    value = at(data, path)
    if not isinstance(value, dict):
        raise MalformedSignal(f"{place}{path}: an object is needed, not {type(value).__name__}")
    return value


def one_of(data: Any, path: str, known: Mapping[str, Any], place: str = "") -> Any:
    """The meaning of a required word. Raises MalformedSignal naming the field and the words there are."""
    word = text(data, path, place)
    if word not in known:
        raise MalformedSignal(f"{place}{path}: {word[:40]!a} is none of {', '.join(known)}")
    return known[word]


def words(data: Any, *paths: str) -> str:
    """The first of the paths that holds text or a number, cleaned; "" if none does."""
    for path in paths:
        value = at(data, path)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and (found := clean(str(value))):
            return found
    return ""


def objects(data: Any, path: str) -> list[dict[str, Any]]:
    """The objects of an optional list; whatever else is in it is left out."""
    value = at(data, path)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def pairs(value: Any) -> dict[str, str]:
    """Labels: {"a": "b"}, [{"key": "a", "value": "b"}], [["a", "b"]], ["a:b"] or "a:b, c"; what is nested is not."""
    if isinstance(value, str):
        value = value.split(",")
    found: dict[str, str] = {}
    if isinstance(value, Mapping):
        found = {str(key): str(item) for key, item in value.items() if isinstance(item, str | int | float)}
    elif isinstance(value, list):
        for item in value:
            key, _, of = _pair(item)
            if key:
                found[key] = of
    return {key: of for raw, of in found.items() if (key := clean(raw, 128))}


def _pair(item: Any) -> tuple[str, str, str]:
    if isinstance(item, str):
        return item.strip().partition(":")
    if isinstance(item, list) and len(item) == 2:
        return str(item[0]), ":", str(item[1]) if isinstance(item[1], str | int | float) else ""
    lowered = {str(key).lower(): value for key, value in item.items()} if isinstance(item, Mapping) else {}
    key, value = lowered.get("key", lowered.get("name")), lowered.get("value")
    if isinstance(value, Mapping):  # OpenTelemetry: {"stringValue": "x"}
        value = next(iter(value.values()), "")
    return (
        (str(key), ":", str(value)) if isinstance(key, str) and isinstance(value, str | int | float) else ("", "", "")
    )


def clean(value: str, limit: int = 512) -> str:
    """One line without control, escape, direction and invisible characters, at most `limit` characters."""
    value = value[: 4 * limit]
    if not (value.isascii() and value.isprintable()):
        value = "".join(_kept(character) for character in value)
    return " ".join(value.split())[:limit]


def clean_lines(value: str, limit: int = REASON) -> str:
    """Like clean, but lines stay lines."""
    return "\n".join(line for raw in value[: 4 * limit].splitlines() if (line := clean(raw, limit)))[:limit]


def _kept(character: str) -> str:
    if character.isascii():
        return character if " " <= character < "\x7f" else " "
    if ord(character) in INVISIBLE:
        return ""
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category[0] == "C" else character  # Cf (direction, zero width), Cs, Co, Cn


def moment(value: Any, otherwise: datetime) -> datetime:
    """A time in whatever form: RFC 3339, CloudWatch's +0000, RFC 5322, seconds or milliseconds since 1970.

    An alarm is not lost because its stamp is odd: what cannot be a time of something that happened (before 2000, or
    later than a day after `otherwise`, the time of arrival) gives `otherwise`.
    """
    try:
        found = _epoch(float(value)) if _is_number(value) else _written(value)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return otherwise
    return found if found.year >= 2000 and found <= otherwise + NEXT_DAY else otherwise


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.replace(".", "", 1).isdigit()
    return isinstance(value, int | float) and not isinstance(value, bool)


def _epoch(value: float) -> datetime:
    return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)


def _written(value: Any) -> datetime:
    if not isinstance(value, str):
        raise TypeError("no time")
    text = value.strip()
    try:
        return datetime.fromisoformat(_fraction_cut(text.removesuffix(" UTC")))
    except ValueError:
        return parsedate_to_datetime(text)


def _fraction_cut(text: str) -> str:
    """Nanoseconds to microseconds: Python 3.11 refuses more than six digits."""
    head, dot, tail = text.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}" if dot else text
