"""runbook_search: the runbook whose words fit the signal best, or none. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from resilibot.contracts.evidence import RunbookContent
from resilibot.observe.ports import Runbook

TITLE_WEIGHT = 3
THRESHOLD = 1.0  # below it, no runbook is better than the least bad one
PASSAGE_CHARS = 1500
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_STOP = frozenset({"the", "a", "an", "is", "in", "of", "to", "and", "or", "for", "on", "this", "that", "it", "with"})


@dataclass(frozen=True)
class Match:
    runbook: Runbook
    content: RunbookContent


def words(text: str) -> list[str]:
    """Lower-case words, camel case and punctuation split, a plural s stripped."""
    found = [word.lower() for word in _WORD.findall(text)]
    return [w[:-1] if len(w) > 3 and w.endswith("s") else w for w in found if w not in _STOP]


def best(query: str, runbooks: Sequence[Runbook]) -> Match | None:
    """The best runbook by summed inverse document frequency, titles counting more; None below THRESHOLD."""
    wanted = set(words(query))
    if not wanted or not runbooks:
        return None
    bags = [(r, set(words(_title(r))), set(words(r.text))) for r in runbooks]
    frequency = {w: sum(w in body or w in title for _, title, body in bags) for w in wanted}

    def weight(word: str) -> float:
        return math.log(1 + len(bags) / (1 + frequency[word]))

    scored = []
    for runbook, title, body in bags:
        score = sum(weight(w) * (TITLE_WEIGHT if w in title else 1) for w in wanted if w in title or w in body)
        scored.append((score / len(wanted) ** 0.5, runbook.key, runbook))
    score, _, runbook = max(scored, key=lambda s: (s[0], s[1]))
    if score < THRESHOLD:
        return None
    content = RunbookContent(
        key=runbook.key,
        version_id=runbook.version_id,
        title=_title(runbook),
        passage=_passage(runbook, wanted),
        score=round(score, 3),
    )
    return Match(runbook, content)


def _title(runbook: Runbook) -> str:
    first = next((line for line in runbook.text.splitlines() if line.strip()), runbook.key)
    return first.lstrip("# ").strip()[:200]


def _passage(runbook: Runbook, wanted: set[str]) -> str:
    """The section that shares most words with the signal."""
    sections = re.split(r"(?m)^(?=#{1,4} )", runbook.text)
    return max(sections, key=lambda s: (len(wanted & set(words(s))), len(s))).strip()[:PASSAGE_CHARS]
