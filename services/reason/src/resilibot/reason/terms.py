"""terms: what a text names, in words that are safe to repeat: names, classes, codes; never a sentence. Pure.

Texts are untrusted: only single tokens of narrow alphabets are taken, few, and those without a space of their own.
"""

import re
from collections.abc import Iterable

MOST = 4
LONGEST = 80
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b([A-Z][A-Za-z]{2,50}(?:Error|Exception|Exceeded|Denied|BackOff|Expired\w{0,6}|Violation))\b",
        r"\b(ExpiredToken|AccessDenied|OOMKilled|StatusCheckFailed_\w{4,8}|E(?!RROR|XCEPTION|VENT|XIT|MPTY|XPIRED|NABLED)[A-Z]{4,14})\b",
        r"\b([Ee]xit (?:code|status) \d{1,3})\b",
        r"(?<![\w.:/-])([45]\d\d)(?= [A-Z][a-z]+)",
        r"\b(?:HTTP|status|code)[ :=]{1,3}([45]\d\d)\b",
        r"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD) \S{1,100} ([45]\d\d)\b",
        r"\b(?:[Uu]pstream|[Dd]ownstream|[Dd]ependency|Unavailable:) (?!request|connect|service|server|host|response)"
        r"([a-z][\w-]{2,40}) (?:timed|failed|did|is|returned|unavailable|closed|refused)",
        r"https?://(?![\d.]+[:/])([\w-]{1,60}(?:\.[\w-]{1,60}){1,6})",
        r"[\"'`](?![0-9a-f]+[\"'`]|\w+://)([A-Za-z/][\w.:/@-]{2,79})[\"'`]",
        r"\b([A-Z][A-Z0-9]{2,20}(?:_[A-Z0-9]{1,20}){1,4})\b",
        r"\b([\w-]{1,60}(?:\.[\w-]{1,60}){0,2}\.svc(?:\.cluster\.local)?)\b",
        r"\bdev (\w{3,20})\b",
        r"\b(?:version[= ]|revision[= ]|release )(v?\d{1,4}(?:\.\d{1,4}){1,3})\b",
    )
)


def terms(texts: Iterable[str], beside: str = "") -> list[str]:
    """At most MOST of them, classes and codes first, without those that `beside` says already."""
    found: dict[str, None] = {}
    known = beside.lower()
    told = list(dict.fromkeys(texts))
    for pattern in _PATTERNS:
        for text in told:
            for match in pattern.finditer(text):
                term = match.group(1)
                if len(term) <= LONGEST and term.lower() not in known:
                    found[term] = None
    return list(found)[:MOST]
