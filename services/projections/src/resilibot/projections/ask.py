"""ask: a question in plain words, read as one of a defined set of kinds with filters. Pure and deterministic.

The whole text is accounted for: an expression of time, a service or other words of the record, a status, a severity,
the words of a kind, and small words without meaning of their own. What is left over is named (`unplaced`), never
ignored. A mistyped service or key word is read as the nearest one, and told (`corrected`). A question is data: nothing
in it is done, it only chooses what is shown.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from resilibot.contracts.case import OVER
from resilibot.projections.lexicon import (
    ALL_STATUSES,
    KEY_WORDS,
    KINDS,
    LEXICON,
    NEGATIONS,
    NEWEST,
    OPEN_WORDS,
    SEVERITIES,
    STATUSES,
    Kind,
)
from resilibot.projections.moments import Span, find_span

MAX_CHARS = 500
NAMED = 8  # of words that are not understood; the others are counted


@dataclass(frozen=True)
class Question:
    """What was understood. `kind` None: no known kind. Without any filter, one incident is the newest."""

    kind: Kind | None
    incident_id: str | None = None
    services: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    is_escalated: bool = False
    is_open_then: bool = False  # open at some time of the span, whatever became of it since
    span: Span | None = None
    is_newest: bool = False
    corrected: tuple[tuple[str, str], ...] = ()
    unplaced: tuple[str, ...] = ()
    left_to_model: tuple[str, ...] = ()  # what the rules did not place, where a model read it
    is_too_long: bool = False

    @property
    def has_subject(self) -> bool:
        return bool(self.incident_id or self.services or self.words)

    @property
    def is_of_all(self) -> bool:
        """Asked of every incident that fits, not of one."""
        return self.kind in OF_ALL

    def understood(self) -> str:
        """One line for whoever asked."""
        parts = [str(self.kind) if self.kind else "no kind of question that is known"]
        parts += [f"incident {self.incident_id}"] if self.incident_id else []
        parts += [f"service {name}" for name in self.services]
        parts += [f"about {', '.join(self.words)}"] if self.words else []
        parts += [f"status {', '.join(self.statuses)}"] if self.statuses else []
        parts += [f"severity {', '.join(self.severities)}"] if self.severities else []
        parts += ["escalated"] if self.is_escalated else []
        parts += ["open then"] if self.is_open_then else []
        parts += [self.span.say()] if self.span else []
        parts += ["the newest only"] if self.is_newest else []
        parts += [f"{said} read as {read}" for said, read in self.corrected]
        parts += [f"left to the model: {named(self.left_to_model)}"] if self.left_to_model else []
        parts += [f"not understood: {named(self.unplaced)}"] if self.unplaced else []
        return "; ".join(parts)


def named(words: Sequence[str]) -> str:
    """So many that a person reads them; none is left out in silence."""
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Vocabulary:
    """What the record can be asked about: its services, and every word of its incidents."""

    services: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


def vocabulary(rows: Iterable[Mapping[str, Any]]) -> Vocabulary:
    services: set[str] = set()
    words: set[str] = set()
    for row in rows:
        services |= {row["service"].lower()} if row["service"] else set()
        words |= words_of(row)
    return Vocabulary(frozenset(services), frozenset(words))


def words_of(row: Mapping[str, Any]) -> set[str]:
    """The words that an incident can be found by: of its title, service, alarms, resource, cause and component."""
    kept = row.get("remembered") or {}
    likeness = kept.get("likeness") or {}
    texts = [row["title"], row["service"], kept.get("cause"), kept.get("component")]
    texts += [text for kind in ("signals", "resource") for text in likeness.get(kind, ())]
    return {word for text in texts if text for word in _words(text.lower())}


def tokens_of(text: str) -> list[str]:
    """The words of a question, as they are compared."""
    return _TOKEN.findall(text.lower())


def parse(text: str, now: datetime, known: Vocabulary) -> Question:
    """Never raises: what is not understood is part of the answer."""
    if len(text) > MAX_CHARS:
        return Question(None, is_too_long=True)
    lowered = _SHORT_NOT.sub(r"\1 not", text.lower().replace("\u2019", "'"))
    span, rest = find_span(" ".join(lowered.split()), now)
    incident_id, rest = _incident_id(rest)
    services, rest = _services(rest, known.services)
    tokens, corrected = _corrected(_TOKEN.findall(rest), known)
    services += [read for _, read in corrected if read in known.services]
    said = " ".join(tokens)
    kind = next((kind for kind, pattern in KINDS if pattern.search(said)), None)
    left = [token for token in tokens if token not in LEXICON and token not in known.services]
    words = [token for token in left if token in known.words]
    negated = {token for before, token in _followed(tokens) if before in NEGATIONS}
    told = [_filter(STATUSES[token], ALL_STATUSES, token in negated) for token in tokens if token in STATUSES]
    statuses = [] if kind in ASKED_OF_STATUS else [status for found in told for status in found]
    is_open_then = kind in OF_ALL and span is not None and _was_open(tokens, negated)
    severe = [_filter((token,), SEVERITIES, token in negated) for token in tokens if token in SEVERITIES]
    left += [NOT_ESCALATED] if "escalated" in negated else []
    return Question(
        kind=kind,
        incident_id=incident_id,
        services=_once(services),
        words=_once(words),
        statuses=() if is_open_then else _once(statuses),
        severities=_once(severity.upper() for found in severe for severity in found),
        is_escalated="escalated" in tokens and "escalated" not in negated,
        is_open_then=is_open_then,
        span=span,
        is_newest=any(token in NEWEST for token in tokens),
        corrected=tuple(corrected),
        unplaced=_once(token for token in left if token not in known.words),
    )


def chosen(question: Question, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The incidents that the question is about, newest first. A merged one is part of another, but by its own id."""
    found = [row for row in rows if _fits(question, row)]
    found.sort(key=lambda row: (str(row["opened_at"]), row["incident_id"]), reverse=True)
    is_bare = not (question.has_subject or question.span or question.statuses or question.severities)
    wants_one = question.is_newest or (is_bare and not question.is_of_all and not question.is_escalated)
    return found[:1] if wants_one else found


def _fits(question: Question, row: Mapping[str, Any]) -> bool:
    if question.incident_id is not None and row["incident_id"] != question.incident_id:
        return False
    if question.incident_id is None and row["merged_into"]:
        return False
    if question.services and str(row["service"]).lower() not in question.services:
        return False
    if question.words and not set(question.words) <= words_of(row):
        return False
    if question.statuses and row["status"] not in question.statuses:
        return False
    if question.severities and row["severity"] not in question.severities:
        return False
    return (row["escalated"] or not question.is_escalated) and _is_then(question, row)


def _is_then(question: Question, row: Mapping[str, Any]) -> bool:
    """Opened in the span; where one incident is asked about, or what was open then, going on in it."""
    span = question.span
    if span is None:
        return True
    opened = datetime.fromisoformat(row["opened_at"])
    if question.is_of_all and not question.is_open_then:
        return span.holds(opened)
    is_over = row["status"] in OVER
    ended = datetime.fromisoformat(row["resolved_at"] or row["updated_at"]) if is_over else None
    return span.meets(opened, ended)


def _was_open(tokens: Sequence[str], negated: Iterable[str]) -> bool:
    """ "Were open" is of then; "are open", and every other status, is of now."""
    told = {token for token in tokens if token in STATUSES}
    is_past = any(token in ("was", "were") for token in tokens)
    return is_past and bool(told) and told <= set(OPEN_WORDS) - set(negated) and "still" not in tokens


def _followed(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Each word with the one after it, and with the one after that where "yet", "been" and the like stand between."""
    skipped = [token for token in tokens if token not in BETWEEN]
    return list(pairwise(skipped))


def _filter(wanted: Sequence[str], of: Sequence[str], is_negated: bool) -> tuple[str, ...]:
    return tuple(one for one in of if (one in wanted) is not is_negated)


NOT_ESCALATED = "not escalated"  # no filter says that: it is named as not understood
BETWEEN = ("yet", "been", "be", "already", "currently", "really")
OF_ALL = (Kind.LIST, Kind.COUNT)
ASKED_OF_STATUS = (Kind.WHEN, Kind.STATUS, Kind.APPROVED, Kind.DONE)  # "when was it resolved" is no filter

_SHORT_NOT = re.compile(r"\b(is|are|was|were|has|have|had|do|does|did)n't\b")
_TOKEN = re.compile(r"[^\W_](?:[\w./:=@-]*[^\W_])?")
_ID = re.compile(r"(?<!\w)[0-9a-hjkmnp-tv-z]{26}(?!\w)")


def _words(text: str) -> set[str]:
    """The tokens of a text, and the parts of those that are put together."""
    tokens = _TOKEN.findall(text)
    return {*tokens, *(part for token in tokens for part in re.split(r"[\W_]+", token) if part)}


def _incident_id(text: str) -> tuple[str | None, str]:
    match = _ID.search(text)
    return (match[0].upper(), f"{text[: match.start()]} {text[match.end() :]}") if match else (None, text)


def _services(text: str, known: Iterable[str]) -> tuple[list[str], str]:
    """Services named as they are, the longest first; their names are no other words then."""
    found = []
    for service in sorted(known, key=lambda name: (-len(name), name)):
        pattern = re.compile(rf"(?<![\w-]){re.escape(service)}(?![\w-])")
        if service not in LEXICON and pattern.search(text):
            found.append(service)
            text = pattern.sub(" ", text)
    return found, text


def _corrected(tokens: Sequence[str], known: Vocabulary) -> tuple[list[str], list[tuple[str, str]]]:
    """Tokens, a mistyped one replaced by the service or key word that it is nearest to."""
    read, told = [], []
    for token in tokens:
        is_known = token in LEXICON or token in known.words or token in known.services
        near = None if is_known else _nearest(token, known.services) or _nearest(token, KEY_WORDS)
        told += [(token, near)] if near else []
        read.append(near or token)
    return read, told


def _nearest(token: str, known: Iterable[str]) -> str | None:
    """A word one slip away, or two for a long one; of two that are equally near, none."""
    most = 0 if len(token) < 4 else 1 if len(token) < 8 else 2
    near = sorted((slips, word) for word in known if (slips := _slips(token, word, most)) <= most and most)
    is_clear = len(near) == 1 or (len(near) > 1 and near[0][0] < near[1][0])
    return near[0][1] if is_clear else None


def _slips(one: str, other: str, most: int) -> int:
    """Letters left out, added, changed or swapped with their neighbour; `most` + 1 for more than `most`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
