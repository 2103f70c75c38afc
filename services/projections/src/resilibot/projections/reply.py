"""reply: a question answered from read models, each statement with the event that it rests on. Pure.

Nothing is answered that the record does not hold: then it is said that it is not in the record, with what was
understood. Titles, sentences and causes are quoted, each within its line: whoever shows them escapes them for the
medium.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from resilibot.projections.ask import MAX_CHARS, Question, chosen, named
from resilibot.projections.lexicon import EXAMPLES, Kind
from resilibot.projections.statements import (
    PARTS,
    Record,
    Row,
    alike,
    headline,
    in_a_line,
    opened,
    tell_alike,
)

LISTED = 10  # incidents in a list
TOLD = 3  # incidents that one question is answered for
LINES = 12  # of one incident

Found = Literal["answered", "not_in_record", "not_understood"]


@dataclass
class Reply:
    """`citations` name events of incident streams, and evidence in them; `bound` says what was not looked at.

    `read_by` is the model that read the question, `fell_back` why one that should have did not.
    """

    found: Found
    kind: Kind | None
    understood: str
    text: str
    citations: list[dict[str, Any]] = field(default_factory=list)
    bound: str | None = None
    read_by: str | None = None
    fell_back: str | None = None


def wanted(question: Question, rows: Iterable[Row]) -> list[str]:
    """The incidents whose records the reply needs."""
    if question.kind is None or _is_about_nothing_known(question):
        return []
    asked = list(rows)
    about = chosen(question, asked)[: LISTED if question.is_of_all else TOLD]
    found = [row["incident_id"] for row in about]
    if question.kind is Kind.SIMILAR:
        found += [one.incident_id for row in about for one in alike(row, asked)]
    return list(dict.fromkeys(found))


def reply(question: Question, rows: Sequence[Row], records: Mapping[str, Record], unread: str | None = None) -> Reply:
    """`records` of what is `wanted`; `unread`: what of the past was not looked at, None when all was."""
    if question.kind is None:
        return Reply("not_understood", None, question.understood(), _kinds(question))
    answer = Reply("not_in_record", question.kind, question.understood(), "", bound=unread)
    if _is_about_nothing_known(question):
        answer.text = f"Not in the record: nothing there is called {named(question.unplaced)}."
        return answer
    fitting = chosen(question, rows)
    if question.kind is Kind.COUNT:
        return _count(answer, fitting, records)
    if not fitting:
        answer.text = "Not in the record: no incident fits."
        return answer
    if question.kind is Kind.LIST:
        return _list(answer, fitting, records)
    return _each(answer, question, fitting, rows, records)


def _is_about_nothing_known(question: Question) -> bool:
    """It names something, and nothing that the record knows: an answer about another thing would be a wrong one."""
    return bool(question.unplaced) and not question.has_subject


def _kinds(question: Question) -> str:
    why = f"the question is longer than {MAX_CHARS} characters" if question.is_too_long else "no kind of it is known"
    examples = [f"  {kind}: {example}" for kind, example in EXAMPLES.items()]
    return "\n".join([f"I do not know how to answer that: {why}. What can be asked:", *examples])


def _count(answer: Reply, fitting: Sequence[Row], records: Mapping[str, Record]) -> Reply:
    number = len(fitting)
    answer.found = "answered"
    at_least = "at least " if answer.bound else ""
    shown = f", of which the newest {LISTED} are cited" if number > LISTED else ""
    answer.text = f"{at_least}{number} incident{'' if number == 1 else 's'}{shown}."
    for row in fitting[:LISTED]:
        answer.citations += _opening(row, records)
    return answer


def _list(answer: Reply, fitting: Sequence[Row], records: Mapping[str, Record]) -> Reply:
    answer.found = "answered"
    more = len(fitting) - LISTED
    lines = [headline(row) for row in fitting[:LISTED]] + ([f"and {more} more"] if more > 0 else [])
    answer.text = "\n".join(lines)
    for row in fitting[:LISTED]:
        answer.citations += _opening(row, records)
    return answer


def _each(
    answer: Reply, question: Question, fitting: Sequence[Row], rows: Sequence[Row], records: Mapping[str, Record]
) -> Reply:
    """One paragraph per incident; answered when at least one of them has something to say."""
    told = []
    for row in fitting[:TOLD]:
        record = records.get(row["incident_id"])
        if record is None:
            continue  # not shown yet
        tell = PARTS.get(question.kind) if question.kind else None
        parts = list(tell(record, question) if tell else tell_alike(row, rows, records))
        for part in parts[:LINES]:
            answer.citations += [_cite(part.incident_id or row["incident_id"], *cited) for cited in part.cites]
            answer.found = "answered" if part.is_answer else answer.found
        left = [f"  and {len(parts) - LINES} more"] if len(parts) > LINES else []
        told.append("\n".join([headline(row), *(f"  {in_a_line(part.text)}" for part in parts[:LINES]), *left]))
    more = len(fitting) - TOLD
    if more > 0:
        told.append(f"{more} more incident{'' if more == 1 else 's'} fit: name one by its id, or a time.")
    answer.text = "\n".join(told) or "Not in the record: what fits is not shown yet."
    answer.citations = [one for n, one in enumerate(answer.citations) if one not in answer.citations[:n]]
    return answer


def _opening(row: Row, records: Mapping[str, Record]) -> list[dict[str, Any]]:
    record = records.get(row["incident_id"])
    return [_cite(row["incident_id"], line, None) for line in opened(record)] if record else []


def _cite(incident_id: str, line: Mapping[str, Any], evidence_id: str | None) -> dict[str, Any]:
    return {
        "incident_id": incident_id,
        "version": line["version"],
        "event_id": line["id"],
        "evidence_id": evidence_id,
    }
