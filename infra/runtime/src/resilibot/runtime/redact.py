"""redact: secrets and personal data in text from outside become typed tags, before anything is stored, sent or logged.

    password=hunter2 for AKIA................   ->   password=[password:9c41] for [aws-key:3f2a]

The four digits are a MAC by a key of the incident, so that equal values stay comparable within it, and nobody without
the key can try values against them. Without a key the tag is only typed: [aws-key]. First the structure (JSON by its
keys, also JSON in a string, and key=value), then patterns. Pure, bounded in time, never raises, and twice is as once.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

JSON_CHARS = 200_000  # a longer text is read by its patterns alone
DEPTH = 60
TOO_DEEP = "[nested too deep to be shown]"
CONTEXT = 64  # characters before a value in which the word stands that says what it is
SHORTEST = 32  # so short a text is worth a look whether there can be anything in it
SHORT = 6  # a value after "key: " in prose is longer than this, and no plain word
LONGEST = 4096  # so much of a value is looked at; of a secret one also what goes on behind it is replaced
AGAIN = 4  # what a replacement uncovers is looked at again, so often at most

KINDS = (
    "api-key",
    "aws-key",
    "aws-secret",
    "basic",
    "bearer",
    "card",
    "cookie",
    "email",
    "github-token",
    "jwt",
    "pagerduty-key",
    "password",
    "private-key",
    "secret",
    "slack-token",
    "token",
)
Found = tuple[tuple[int, int] | None, str, int]  # what is replaced, by which kind, and where the scan goes on
TAG = re.compile(rf"\[({'|'.join(KINDS)})(?::[0-9a-f]{{4}})?\]")

# One scan over the text: at each place the first of these that fits. Each begins where no word goes on, each
# repetition is bounded or possessive, so that no text makes it go back over what it has read.
_KEPT = rf"(?P<keep>{TAG.pattern}|enc:v1:[0-9a-f]{{32}}:[A-Za-z0-9+/]*+={{0,2}})"  # a tag, or a sealed name (personal)
_PRIVATE = r"""(?P<private>-----BEGIN[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
      (?:(?s:.)*?-----END[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----|(?s:.)*))"""
_PEM = r"(?P<pem>^[ \t]*(?P<pem_value>[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{6})?)[ \t]*$)"  # a line of a cut key
_FORMED = r"""
      (?P<jwt>eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+){1,3})
    | (?P<aws_key>(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9]))
    | (?P<slack>xox[abceoprs]-[A-Za-z0-9-]{10,}+|xapp-[A-Za-z0-9-]{20,}+
      |hooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]{20,}+)
    | (?P<github>gh[opsur]_[A-Za-z0-9]{36,}+|github_pat_\w{22,}+)
    | (?P<api_key>
        sk-(?=[\w-]{0,200}\d)(?=[\w-]{0,200}[A-Z])[\w-]{20,}+          # OpenAI, Anthropic
      | [prs]k_(?:live|test)_[A-Za-z0-9]{16,}+ | whsec_[A-Za-z0-9+/]{24,}+={0,2}  # Stripe
      | AIza[\w-]{35}(?![\w-]) | ya29\.[\w-]{20,}+ | GOCSPX-[\w-]{20,}+       # Google
      | SG\.[\w-]{16,}+\.[\w-]{16,}+ | npm_[A-Za-z0-9]{36}(?!\w) | pypi-[\w-]{50,}+
      | glpat-[\w-]{20,}+ | hv[bsr]\.[\w-]{24,}+ | do[opr]_v1_[0-9a-f]{64} | SK[0-9a-f]{32}(?!\w)
      )
    | (?P<pagerduty>pd[a-z]{2}\+[\w+-]{16,}+ | (?i:pagerduty)[ '":=_a-z()-]{1,30}
        (?P<pagerduty_value>[A-Za-z0-9+_-]{20}|[0-9a-f]{32})(?![\w+-]))
    | (?P<bearer>(?i:bearer)[ ]{1,3}(?P<bearer_value>(?=[\w.~+/-]{0,64}\d)[\w.~+/-]{8,}+=*+))
    | (?P<basic>(?i:basic)[ ]{1,3}(?P<basic_value>[A-Za-z0-9+/]{8,}+={0,2}))"""
_URL = r"""(?P<url>[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/?\#"'<>:@]{0,128}:(?P<url_value>[^\s/?\#"'<>]{1,256})@)"""
_CARD = r"""(?P<card>(?:\d{13,19}|\d{4}(?P<sep>[ -])\d{4}(?P=sep)\d{4}(?P=sep)\d{4}
      |\d{4}[ -]\d{6}[ -]\d{5})(?![\w-]))"""
_EMAIL = r"(?P<email>[A-Za-z0-9][\w.%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?!\.?[\w-]))"
_LONG = r"(?P<long>(?<![/+=:])[A-Za-z0-9/+]{40}(?![\w/+=]))"
_FLAG = (
    rf"""(?<![\w-])--(?P<flag>[A-Za-z][\w-]{{1,60}}+)[ ]{{1,3}}(?P<flag_value>[^\s"'`]{{1,{LONGEST}}}+)"""  # --pwd x
)
_KEY = r"""(?<!\w)(?P<key>[A-Za-z_][\w.-]{1,120}+)(?P<close>\\{0,3}["']|\])?
      (?P<gap>[ \t]{0,40}+(?:=>|:=|=|:)[ \t]{0,40}+)"""


@cache
def _scan(has_forms: bool = True, has_runs: bool = True, has_at: bool = True) -> re.Pattern[str]:
    """The scan without what cannot fit: a third of the time, in a text in which only a word says what follows it."""
    within = [_FORMED] * has_forms + [_URL] * has_at + [_CARD] * has_runs + [_EMAIL] * has_at + [_LONG] * has_runs
    parts = [_KEPT, *[_PRIVATE] * has_forms, *[_PEM] * has_runs]
    parts += [rf"(?<![A-Za-z0-9_-])(?:{'|'.join(within)})"] if within else []
    return re.compile("|".join([*parts, _FLAG, _KEY]), re.VERBOSE | re.MULTILINE | re.ASCII)


# What a text must hold, in lower case, for the formed ones, and for a key or flag that says something; or a run.
_FORM_HINTS: tuple[str, ...] = (
    *("akia", "asia", "abia", "acca", "eyj", "-----begin", "bearer", "basic", "xox", "xapp-", "slack", "pagerduty"),
    *("pat_", "sk-", "_live_", "_test_", "whsec_", "aiza", "ya29.", "gocspx-", "sg.", "npm_", "pypi-", "glpat-"),
    *("_v1_", "hvs.", "hvb.", "hvr.", "gho_", "ghp_", "ghs_", "ghu_", "ghr_"),
)
_KEY_HINTS = ("pass", "pwd", "secret", "token", "authorization", "cookie", "credential", "jwt", "key", "amz")
_FORM_RUNS = (re.compile(r"pd[a-z]{2}\+"), re.compile(r"SK[0-9a-f]{32}"))
_RUNS = (re.compile(r"[A-Za-z0-9/+]{40}"), re.compile(r"\d{4}[ -]?\d{4,6}[ -]?\d{4}", re.ASCII))
# Shorter than all that has a form, and no key, flag, URL or address; or a word, shorter than a key id.
_NOTHING = re.compile(r"(?:[^:=@-]|-(?!-)){0,12}|[A-Za-z/]{0,19}")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:?\d\d)?")
_WHOLE: dict[str, str] = {
    "private": "private-key",
    "pem": "private-key",
    "jwt": "jwt",
    "aws_key": "aws-key",
    "slack": "slack-token",
    "github": "github-token",
    "api_key": "api-key",
    "pagerduty": "pagerduty-key",
    "bearer": "bearer",
    "basic": "basic",
    "url": "password",
    "card": "card",
    "email": "email",
    "long": "aws-secret",
    "flag": "secret",
}
_GROUPS = {"gap": "key", "flag_value": "flag"}  # by the group that ends an alternative, where that is another
_INNER = ("pem", "pagerduty", "bearer", "basic", "url", "flag")  # of these only the part named so_value is the secret
_ALONE = ("jwt", "aws_key", "slack", "github", "api_key", "private")  # told by themselves, whatever stands around them

_QUOTE = re.compile(r"""\\{0,3}["']""")
_BARE = re.compile(rf"""[^\s"'`&,;)}}<>\\]{{1,{LONGEST}}}+""")
_ON = re.compile(r"""[^\s"'`&,;)}<>\\]*+""")
_HEADER = re.compile(r"""(?i:(?P<scheme>basic|bearer|digest|token|apikey|negotiate|aws4-hmac-sha256)[ ]{1,3})?"""
                     rf"""(?P<value>[^\s"'`,;<>\\]{{1,{LONGEST}}}+)""")  # fmt: skip
_SCHEMES = {"basic": "basic", "bearer": "bearer"}
_ROUTING = re.compile(r"[0-9a-f]{32}|(?=[^\d]*\d)(?=[^A-Z]*[A-Z])[A-Za-z0-9+_-]{20}")
_COOKIES = re.compile(rf"""(?:="[^"\r\n\\]{{0,{LONGEST}}}+"(?=[;\r\n]|$)|[^"'`\r\n\\]){{1,{LONGEST}}}+""")
_PLACEHOLDER = re.compile(
    r"(?i:null|none|nil|true|false|undefined|redacted|hidden|masked|removed|yes|no|\*+|x{3,}|\.{3,}|-+"
    r"|\$\{[\w.:-]*\}?|\{\{.*|%[sdv]|<[^<>]*>?|\[[a-z_ -]*\]?|\([a-z_ -]*\)?|arn:aws[\w-]*:.*)|\$[A-Z_][A-Z0-9_]*"
)
_LONG_CONTEXT = re.compile(r"(?i)secret|(?<!arn:)aws|access.?key|credential|AKIA|ASIA|password|token|api.?key")
_NO_TLD = frozenset(  # units of systemd, and names that end within a network
    {"cluster", "device", "internal", "lan", "local", "mount", "scope", "service", "slice", "socket", "svc", "target"}
)

_WORD = re.compile(r"\w+")
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
_NUMBER, _LISTED = (int, float), (list, tuple)  # made once: a metric has many points
_NAMES, _VALUES = ("name", "key", "parametername"), ("value", "parametervalue")


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
        """JSON data of the same shape. What is no string changes only under a key that says it is secret."""
        return self._value(value, "", 0)

    def _text(self, text: str, depth: int) -> str:
        if len(text) <= SHORTEST and (_NOTHING.fullmatch(text) or _STAMP.fullmatch(text)):
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
            return self._tag(kind, str(value)) if kind else value
        if depth > DEPTH:
            return TOO_DEEP
        if isinstance(value, _LISTED):
            return [self._value(part, kind, depth + 1) for part in value]
        if isinstance(value, Mapping):
            return self._mapping(value, kind, depth)
        return value

    def _mapping(self, value: Mapping[Any, Any], kind: str, depth: int) -> dict[Any, Any]:
        named = _named(value)
        found: dict[Any, Any] = {}
        for key, part in value.items():
            shown = self._text(key, depth) if isinstance(key, str) else key
            while shown in found:  # two keys that only their secrets told apart
                shown = f"{shown}'"
            found[shown] = self._value(part, _kind_under(str(shown), part, kind, named), depth + 1)
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
        scan = _scan_for(text)
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
        name = _name(match)
        inner = f"{name}_value" if name in _INNER and match[f"{name}_value"] else name
        value, kind = match[inner], _WHOLE.get(name, "")
        if name == "flag":
            kind = kind_of(match["flag"])
            kind = kind and _kind_of_value(value, kind)
        is_secret = bool(kind) and _CHECKS.get(name, _any)(value, before) and (name != "email" or self._emails)
        if is_secret:
            return match.span(inner), kind, match.end(inner)
        return None, "", match.end() if name in ("keep", "email", "card", "long") else _past_word(match)

    def _secret(self, value: str, kind: str, depth: int) -> str:
        """A value whose key says what it is. One that seems to be none is a text like any other."""
        header = _HEADER.fullmatch(value)
        start = header.start("value") if header else 0
        if not _may_be(value[start:]):
            return self._text(value, depth)
        kind = _SCHEMES.get((header["scheme"] or "").lower(), kind) if header else kind
        return value[:start] + self._tag(_kind_of_value(value[start:], kind), value[start:])

    def _tag(self, kind: str, value: str) -> str:
        if not self._is_asked:
            self._key, self._is_asked = self._find_key(), True
        if self._key is None:
            return f"[{kind}]"
        if kind == "card":
            value = "".join(c for c in value if c.isdigit())
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"[{kind}:{digest[:4]}]"


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


def _scan_for(text: str) -> re.Pattern[str] | None:
    """Most lines hold nothing that any of the patterns needs; to see that costs a third of the scan."""
    if len(text) <= SHORTEST and _STAMP.fullmatch(text):
        return None
    lowered = text.lower()
    has_forms = _holds(lowered, _FORM_HINTS) or any(run.search(text) for run in _FORM_RUNS)
    has_runs = any(run.search(text) for run in _RUNS)
    has_at = "@" in text
    if has_forms or has_runs or has_at or _holds(lowered, _KEY_HINTS):
        return _scan(has_forms, has_runs, has_at)
    return None


def _holds(lowered: str, hints: tuple[str, ...]) -> bool:
    return any(map(lowered.__contains__, hints))


def _name(match: re.Match[str]) -> str:
    """Of the alternative that fits."""
    last = match.lastgroup or ""
    return _GROUPS.get(last, last)


def _keyed(match: re.Match[str], text: str) -> Found:
    """The value after a key that says it is secret: as in JSON, in a header, in a query, in a file of settings."""
    key, at = match["key"], match.end()
    kind, past = kind_of(key), match.end("close") if match["close"] is not None else match.end("key")
    is_in_path = match["gap"] == ":" and text[max(0, match.start() - 1) : match.start()] == ":"  # an ARN
    if is_in_path or (not kind and not _is_routing(key)):
        return None, "", past
    span, kind = _value_span(text, at, key, kind)
    value = text[slice(*span)]
    if not kind:
        return (span, "pagerduty-key", span[1]) if _ROUTING.fullmatch(value) else (None, "", past)
    is_said = match["gap"].strip() != ":" or match["close"] is not None or _stands_alone(text, match.start(), span[1])
    if not _may_be(value) or not (is_said or _is_no_word(value)):
        return None, "", at
    return span, _kind_of_value(value, kind), span[1]


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


@lru_cache(4096)
def _is_routing(key: str) -> bool:
    words = _WORDS.findall(key.lower())
    return len(words) > 1 and words[-1] == "key" and words[-2] in _PAGERDUTY_KEYS


def _may_be(value: str) -> bool:
    """A value at all: no placeholder, and none that is redacted already."""
    return bool(value.strip()) and not TAG.search(value) and not _PLACEHOLDER.fullmatch(value)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """A line of its own, as in a file of settings: nothing before the key, nothing after the value."""
    before = text[max(0, start - 80) : start].rpartition("\n")[2]
    after = text[end : end + 80].partition("\n")[0]
    return not before.strip(" \t-") and not after.strip(" \t\"'\r")


def _is_no_word(value: str) -> bool:
    return len(value) > SHORT and not value.strip(".,:!?").isalpha()


def _kind_of_value(value: str, kind: str) -> str:
    """The kind of a value that a pattern knows as a whole: then its tag is the same wherever it stands."""
    match = _scan().match(value)
    if match is None or match.end() != len(value):
        return kind
    name = _name(match)
    if name == "long" and _is_mixed(value):
        return "aws-secret"
    return _WHOLE[name] if name in _ALONE else kind


def _kind_under(key: str, part: Any, kind: str, named: str) -> str:
    """What stands under a key of an object. `kind`: of the object itself; `named`: what its name says of its value."""
    if named and key.lower() in _VALUES:
        return kind or named
    if kind:
        return "" if key.lower().endswith(("name", "arn", "ref")) else kind
    if _is_routing(key) and isinstance(part, str) and _ROUTING.fullmatch(part):
        return "pagerduty-key"
    return kind_of(key)


def _named(value: Mapping[Any, Any]) -> str:
    """{"name": "DB_PASSWORD", "value": ...}: what the name says of the value."""
    for key, part in value.items():
        if isinstance(part, str) and str(key).lower() in _NAMES and (kind := kind_of(part)):
            return kind
    return ""


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


def _any(value: str, before: str) -> bool:
    return True


def _is_secret_key(value: str, before: str) -> bool:
    """40 characters as AWS makes them, no hash (of one case) and no path, near a word that says what they are."""
    return _is_mixed(value) and value.count("/") < 6 and _LONG_CONTEXT.search(before[-CONTEXT:]) is not None


def _is_mixed(value: str, before: str = "") -> bool:
    return any(c.isupper() for c in value) and any(c.islower() for c in value) and any(c.isdigit() for c in value)


def _is_basic(value: str, before: str) -> bool:
    """User and password: base64 of a text with a colon."""
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _is_value(value: str, before: str) -> bool:
    return _may_be(value)


def _is_pagerduty(value: str, before: str) -> bool:
    return any(c.isdigit() for c in value)


def _is_email(value: str, before: str) -> bool:
    """And no repository, unit or host: traces name databases user@host."""
    domain = value.rpartition("@")[2].lower()
    is_host = domain.rpartition(".")[2] in _NO_TLD or domain.endswith(".amazonaws.com")
    return not is_host and not value.startswith("git@")


def _is_card(value: str, before: str) -> bool:
    """Luhn, and the first digits and lengths that cards have: a number alone passes Luhn one time in ten."""
    digits = [int(c) for c in value if c.isdigit()]
    number = "".join(map(str, digits))
    if not _CARD_NUMBER.fullmatch(number):
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


_CARD_NUMBER = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d)\d{12}"
    r"|35(?:2[89]|[3-8]\d)\d{12}"
)
_CHECKS: Mapping[str, Callable[[str, str], bool]] = {
    "long": _is_secret_key,
    "pem": _is_mixed,
    "basic": _is_basic,
    "url": _is_value,
    "flag": _is_value,
    "pagerduty": _is_pagerduty,
    "email": _is_email,
    "card": _is_card,
}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two equal keys only the last would be looked at, and the text of the first kept: that is no JSON then."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
