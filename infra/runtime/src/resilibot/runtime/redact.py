"""redact: secrets and personal data in text from outside become typed tags, before anything is stored, sent or logged.

    password=hunter2 for AKIA................   ->   password=[password:9c41] for [aws-key:3f2a]

The four digits are a MAC by a key of the incident, so that equal values stay comparable within it, and nobody without
the key can try values against them. Without a key the tag is only typed: [aws-key]. First the structure (JSON by its
keys, also JSON in a string, and key=value), then patterns. Pure, bounded in time, never raises, and twice is as once.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resilibot.runtime.secret_forms import (
    CHECKS,
    CONTEXT,
    INNER,
    LONGEST,
    ROUTING,
    WHOLE,
    anything,
    formed_in,
    is_card_number,
    is_nothing,
    kind_of_value,
    may_be,
    name_of,
    scan_for,
)
from resilibot.runtime.secret_names import is_routing, kind_named, kind_of, kind_under

JSON_CHARS = 200_000  # a longer text is read by its patterns alone
DEPTH = 60
TOO_DEEP = "[nested too deep to be shown]"
SHORT = 6  # a value after "key: " in prose is longer than this, and no plain word
AGAIN = 4  # what a replacement uncovers is looked at again, so often at most

Found = tuple[tuple[int, int] | None, str, int]  # what is replaced, by which kind, and where the scan goes on

_QUOTE = re.compile(r"""\\{0,3}["']""")
_BARE = re.compile(rf"""[^\s"'`&,;)}}<>\\]{{1,{LONGEST}}}+""")
_ON = re.compile(r"""[^\s"'`&,;)}<>\\]*+""")
_HEADER = re.compile(r"""(?i:(?P<scheme>basic|bearer|digest|token|apikey|negotiate|aws4-hmac-sha256)[ ]{1,3})?"""
                     rf"""(?P<value>[^\s"'`,;<>\\]{{1,{LONGEST}}}+)""")  # fmt: skip
_SCHEMES = {"basic": "basic", "bearer": "bearer"}
_COOKIES = re.compile(rf"""(?:="[^"\r\n\\]{{0,{LONGEST}}}+"(?=[;\r\n]|$)|[^"'`\r\n\\]){{1,{LONGEST}}}+""")
_WORD = re.compile(r"\w+")
_NUMBER, _LISTED = (int, float), (list, tuple)  # made once: a metric has many points


class Redactor:
    """Redacts with one key. `key` is asked for when the first value is found, once; None: tags without digits."""

    def __init__(self, key: Callable[[], bytes | None] = lambda: None, *, emails: bool = True) -> None:
        self._find_key = key
        self._key: bytes | None = None
        self._is_asked = False
        self._emails = emails

    def text(self, text: str) -> str:
        """The text with every secret in it replaced; the very same object when there is none."""
        return self._text(text, 0)

    def value(self, value: Any) -> Any:
        """JSON data of the same shape. A number changes only as a card's, or under a key that says it is secret."""
        return self._value(value, "", 0)

    def _text(self, text: str, depth: int) -> str:
        if is_nothing(text):
            return text  # nine of ten texts of evidence: names, words and the times of its many points
        for _ in range(AGAIN):
            found = self._structured(text, depth)
            if found is None:
                found = self._scanned(text)
            if found == text:
                return text
            text = found
        return text

    def _value(self, value: Any, kind: str, depth: int) -> Any:
        if isinstance(value, str):
            return self._secret(value, kind, depth) if kind else self._text(value, depth)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, _NUMBER):
            if not kind and isinstance(value, int) and is_card_number(value):
                kind = "card"
            return self._tag(kind, str(value)) if kind else value
        if depth > DEPTH:
            return TOO_DEEP
        if isinstance(value, _LISTED):
            return [self._value(part, kind, depth + 1) for part in value]
        if isinstance(value, Mapping):
            return self._mapping(value, kind, depth)
        return value

    def _mapping(self, value: Mapping[Any, Any], kind: str, depth: int) -> dict[Any, Any]:
        named = kind_named(value)
        found: dict[Any, Any] = {}
        for key, part in value.items():
            shown = self._text(key, depth) if isinstance(key, str) else key
            while shown in found:  # two keys that only their secrets told apart
                shown = f"{shown}'"
            found[shown] = self._value(part, kind_under(str(shown), part, kind, named), depth + 1)
        return found

    def _structured(self, text: str, depth: int) -> str | None:
        """A text that is JSON, or ends in it; None when it is not, or goes too deep to be read so."""
        start = _json_start(text)
        if start is None or depth > DEPTH:
            return None
        try:
            data, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return None
        found = self._value(data, "", depth + 1)
        middle = text[start:end] if found == data else _dumped(found, text)
        return self._scanned(text[:start]) + middle + self._scanned(text[end:])

    def _scanned(self, text: str) -> str:
        scan = scan_for(text)
        return text if scan is None else "".join(self._pieces(text, scan))

    def _pieces(self, text: str, scan: re.Pattern[str]) -> Iterator[str]:
        done, at, before = 0, 0, ""
        while (match := scan.search(text, at)) is not None:
            if match.lastgroup == "gap":
                span, kind, at = _keyed(match, text)
            else:
                context = before + text[max(done, match.start() - CONTEXT) : match.start()]
                span, kind, at = self._matched(match, context)
            if span is not None:
                if span[1] - span[0] >= LONGEST:
                    span = (span[0], _ON.match(text, span[1]).end())  # type: ignore[union-attr]  # it fits nothing too
                    at = max(at, span[1])
                replaced = text[done : span[0]] + self._tag(kind, text[slice(*span)])
                yield replaced
                before, done = replaced[-CONTEXT:], span[1]
        yield text[done:]

    def _matched(self, match: re.Match[str], before: str) -> Found:
        name = name_of(match)
        inner = f"{name}_value" if name in INNER and match[f"{name}_value"] else name
        value, kind = match[inner], WHOLE.get(name, "")
        if name in ("flag", "xml", "named"):
            kind = kind_of(match[name])
            kind = kind and kind_of_value(value, kind)
        is_secret = bool(kind) and CHECKS.get(name, anything)(value, before) and (name != "email" or self._emails)
        if is_secret:
            return match.span(inner), kind, match.end(inner)
        return None, "", match.end() if name in ("keep", "email", "card", "long") else _past_word(match)

    def _secret(self, value: str, kind: str, depth: int) -> str:
        """A value whose key says what it is. One that seems to be none is a text like any other."""
        header = _HEADER.fullmatch(value)
        start = header.start("value") if header else 0
        if not may_be(value[start:]):
            return self._text(value, depth)
        kind = _SCHEMES.get((header["scheme"] or "").lower(), kind) if header else kind
        return value[:start] + self._tag(kind_of_value(value[start:], kind), value[start:])

    def _tag(self, kind: str, value: str) -> str:
        if not self._is_asked:
            self._key, self._is_asked = self._find_key(), True
        if self._key is None:
            return f"[{kind}]"
        if kind == "card":
            value = "".join(c for c in value if c.isdigit())
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"[{kind}:{digest[:4]}]"


def _keyed(match: re.Match[str], text: str) -> Found:
    """The value after a key that says it is secret: as in JSON, in a header, in a query, in a file of settings.

    Or what is secret in the key itself, behind a dot.
    """
    key, at = match["key"], match.end()
    if "." in key and (formed := formed_in(text, *match.span("key"))) is not None:
        return formed.span(), WHOLE[name_of(formed)], formed.end()
    kind, past = kind_of(key), match.end("close") if match["close"] is not None else match.end("key")
    is_in_path = match["gap"] == ":" and text[max(0, match.start() - 1) : match.start()] == ":"  # an ARN
    if is_in_path or (not kind and not is_routing(key)):
        return None, "", past
    span, kind = _value_span(text, at, key, kind)
    value = text[slice(*span)]
    if not kind:
        return (span, "pagerduty-key", span[1]) if ROUTING.fullmatch(value) else (None, "", past)
    is_said = match["gap"].strip() != ":" or match["close"] is not None or _stands_alone(text, match.start(), span[1])
    if not may_be(value) or not (is_said or _is_no_word(value)):
        return None, "", at
    return span, kind_of_value(value, kind), span[1]


def _value_span(text: str, at: int, key: str, kind: str) -> tuple[tuple[int, int], str]:
    if quote := _QUOTE.match(text, at):
        start, end = quote.end(), _quote_ends(text, quote)
        header = _HEADER.fullmatch(text, start, end)
    elif kind == "cookie" and (cookies := _COOKIES.match(text, at)):
        return cookies.span(), kind
    else:
        bare = _BARE.match(text, at)
        start, end = bare.span() if bare else (at, at)
        header = _HEADER.match(text, at) if key.lower().endswith("authorization") else None
    if header and header["scheme"]:
        return header.span("value"), _SCHEMES.get(header["scheme"].lower(), kind)
    return (start, end), kind


def _quote_ends(text: str, quote: re.Match[str]) -> int:
    """Where the value behind an opening quote ends: at the same quote, or one that is escaped otherwise, on its line.

    Where neither comes, the text was cut off within the value: then all of the line is of it.
    """
    start, last = quote.end(), quote.end() + LONGEST
    line = text.find("\n", start, last)
    last = line if line >= 0 else min(last, len(text))
    ends = (text.find(mark, start, last) for mark in (quote[0], quote[0][-1]))
    return next((end for end in ends if end >= 0), last)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """A line of its own, as in a file of settings: nothing before the key, nothing after the value."""
    before = text[max(0, start - 80) : start].rpartition("\n")[2]
    after = text[end : end + 80].partition("\n")[0]
    return not before.strip(" \t-") and not after.strip(" \t\"'\r")


def _is_no_word(value: str) -> bool:
    return len(value) > SHORT and not value.strip(".,:!?").isalpha()


def _past_word(match: re.Match[str]) -> int:
    """Behind the first word of what was no secret after all: something else may begin within it."""
    word = _WORD.match(match.string, match.start())
    return word.end() if word else match.start() + 1


def _json_start(text: str) -> int | None:
    if len(text) > JSON_CHARS:
        return None
    start = text.find("{")
    if text[:1] == "[" or text.lstrip()[:1] == "[":
        start = text.find("[")
    return start if start >= 0 and '"' in text else None


def _dumped(data: Any, like: str) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(", ", ": ") if '": ' in like else (",", ":"))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two equal keys only the last would be looked at, and the text of the first kept: that is no JSON then."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
