"""secret_forms: what secrets look like: patterns, what a text must hold for one of them to fit, and checks. Pure.

A pattern names the kind of what it finds; a check then refuses what only looks so.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from functools import cache

CONTEXT = 64  # characters before a value in which the word stands that says what it is
SHORTEST = 32  # so short a text is worth a look whether there can be anything in it
LONGEST = 4096  # so much of a value is looked at; of a secret one also what goes on behind it is replaced

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
_LT = r"&(?:amp;)?(?i:lt|\#0{0,6}60|\#x0{0,6}3c);|\\(?i:u003c)|%3[Cc]"  # "<" as it is escaped here and there
_GT = r"&(?:amp;)?(?i:gt|\#0{0,6}62|\#x0{0,6}3e);|\\(?i:u003e)|%3[Ee]"
_ENDS = rf"(?:(?:<|{_LT})(?:/|%2[Ff])|\]\]>)"
_TEXT = rf"(?:(?!{_LT}|\]\]>)[^<\r\n]){{1,{LONGEST}}}+"
# <password>x</password>, escaped or not; without its end only where the text was cut off: "login <user> <password>"
_XML = rf"""(?:<|{_LT})(?P<xml>[A-Za-z_][\w.:-]{{1,60}}+)(?:\s[^<>&]{{0,200}}+)?(?:>|{_GT})
      (?:\s{{0,80}}+<!\[CDATA\[)?
      (?:(?=[A-Za-z0-9](?:{_TEXT})?\Z)|\s{{0,80}}+(?={_TEXT}(?:\s{{0,80}}+{_ENDS}|(?!{_LT})[^<\r\n])))
      (?P<xml_value>{_TEXT})"""
# <add key="Password" value="x"/>, <entry key="password">x</entry>
_NAMED = rf"""(?<![\w-])(?i:name|key)=\\{{0,3}}["'](?P<named>[A-Za-z_][\w.:-]{{1,80}}+)\\{{0,3}}["']
      (?:\s{{1,40}}+(?i:value)=\\{{0,3}}["']|\s{{0,40}}+>)(?P<named_value>[^"'<>\r\n\\]{{1,{LONGEST}}}+)"""
_KEY = r"""(?<!\w)(?P<key>[A-Za-z_][\w.-]{1,120}+)(?P<close>\\{0,3}["']|\])?
      (?P<gap>[ \t]{0,40}+(?:=>|:=|=|:)[ \t]{0,40}+)"""


@cache
def scan(has_forms: bool = True, has_runs: bool = True, has_at: bool = True) -> re.Pattern[str]:
    """The scan without what cannot fit: a third of the time, in a text in which only a word says what follows it."""
    within = [_FORMED] * has_forms + [_URL] * has_at + [_CARD] * has_runs + [_EMAIL] * has_at + [_LONG] * has_runs
    parts = [_KEPT, *[_PRIVATE] * has_forms, *[_PEM] * has_runs]
    parts += [rf"(?<![A-Za-z0-9_-])(?:{'|'.join(within)})"] if within else []
    return re.compile("|".join([*parts, _FLAG, _XML, _NAMED, _KEY]), re.VERBOSE | re.MULTILINE | re.ASCII)


# What a text must hold, in lower case, for the formed ones, and for a key or flag that says something; or a run.
_FORM_HINTS: tuple[str, ...] = (
    *("akia", "asia", "abia", "acca", "eyj", "-----begin", "bearer", "basic", "xox", "xapp-", "slack", "pagerduty"),
    *("pat_", "sk-", "_live_", "_test_", "whsec_", "aiza", "ya29.", "gocspx-", "sg.", "npm_", "pypi-", "glpat-"),
    *("_v1_", "hvs.", "hvb.", "hvr.", "gho_", "ghp_", "ghs_", "ghu_", "ghr_"),
)
_KEY_HINTS = ("pass", "pwd", "secret", "token", "authorization", "cookie", "credential", "jwt", "key", "amz")
_FORM_RUNS = (re.compile(r"pd[a-z]{2}\+"), re.compile(r"SK[0-9a-f]{32}"))
_RUNS = (re.compile(r"[A-Za-z0-9/+]{40}"), re.compile(r"\d{4}[ -]?\d{4,6}[ -]?\d{4}", re.ASCII))
# Shorter than all that has a form, and no key, flag, element, URL or address; or a word, shorter than a key id.
_NOTHING = re.compile(r"(?:[^:=@<&-]|-(?!-)){0,12}|[A-Za-z/]{0,19}")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:?\d\d)?")
WHOLE: dict[str, str] = {
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
    "xml": "secret",
    "named": "secret",
}
# By the group that ends an alternative, where that is another; and of which only the part named so_value is the secret
_GROUPS = {"gap": "key", "flag_value": "flag", "xml_value": "xml", "named_value": "named"}
INNER = ("pem", "pagerduty", "bearer", "basic", "url", "flag", "xml", "named")
_ALONE = ("jwt", "aws_key", "slack", "github", "api_key", "private")  # told by themselves, whatever stands around them
_ALONE_IN = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_FORMED})", re.VERBOSE | re.ASCII)
ROUTING = re.compile(r"[0-9a-f]{32}|(?=[^\d]*\d)(?=[^A-Z]*[A-Z])[A-Za-z0-9+_-]{20}")
_PLACEHOLDER = re.compile(
    r"(?i:null|none|nil|true|false|undefined|redacted|hidden|masked|removed|yes|no|\*+|x{3,}|\.{3,}|-+"
    r"|\$\{[\w.:-]*\}?|\{\{.*|%[sdv]|<[^<>]*>?|\[[a-z_ -]*\]?|\([a-z_ -]*\)?|arn:aws[\w-]*:.*)|\$[A-Z_][A-Z0-9_]*"
)
_LONG_CONTEXT = re.compile(r"(?i)secret|(?<!arn:)aws|access.?key|credential|AKIA|ASIA|password|token|api.?key")
_NO_TLD = frozenset(  # units of systemd, and names that end within a network
    {"cluster", "device", "internal", "lan", "local", "mount", "scope", "service", "slice", "socket", "svc", "target"}
)


def is_nothing(text: str) -> bool:
    """A name, a word or a time: too short for whatever has a form, and it says nothing of itself."""
    return len(text) <= SHORTEST and bool(_NOTHING.fullmatch(text) or _STAMP.fullmatch(text))


def scan_for(text: str) -> re.Pattern[str] | None:
    """Most lines hold nothing that any of the patterns needs; to see that costs a third of the scan."""
    lowered = text.lower()
    has_forms = _holds(lowered, _FORM_HINTS) or any(run.search(text) for run in _FORM_RUNS)
    has_runs = any(run.search(text) for run in _RUNS)
    has_at = "@" in text
    if has_forms or has_runs or has_at or _holds(lowered, _KEY_HINTS):
        return scan(has_forms, has_runs, has_at)
    return None


def _holds(lowered: str, hints: tuple[str, ...]) -> bool:
    return any(map(lowered.__contains__, hints))


def name_of(match: re.Match[str]) -> str:
    """Of the alternative that fits."""
    last = match.lastgroup or ""
    return _GROUPS.get(last, last)


def formed_in(text: str, start: int, end: int) -> re.Match[str] | None:
    """The first value within a part of a text that is told by itself: a key may be made of one."""
    return next((found for found in _ALONE_IN.finditer(text, start, end) if found.lastgroup in _ALONE), None)


def is_card_number(value: int) -> bool:
    return 10**13 < value < 10**16 and _is_card(str(value), "")


def kind_of_value(value: str, kind: str) -> str:
    """The kind of a value that a pattern knows as a whole: then its tag is the same wherever it stands."""
    match = scan().match(value)
    if match is None or match.end() != len(value):
        return kind
    name = name_of(match)
    if name == "long" and _is_mixed(value):
        return "aws-secret"
    return WHOLE[name] if name in _ALONE else kind


def may_be(value: str) -> bool:
    """A value at all: no placeholder, and none that is redacted already."""
    return bool(value.strip()) and not TAG.search(value) and not _PLACEHOLDER.fullmatch(value.rstrip("]),.;"))


def anything(value: str, before: str) -> bool:
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
    return may_be(value)


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
CHECKS: Mapping[str, Callable[[str, str], bool]] = {
    "long": _is_secret_key,
    "pem": _is_mixed,
    "basic": _is_basic,
    "url": _is_value,
    "flag": _is_value,
    "xml": _is_value,
    "named": _is_value,
    "pagerduty": _is_pagerduty,
    "email": _is_email,
    "card": _is_card,
}
