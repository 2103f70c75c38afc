"""answering: what a question needs is read from the read models, within bounds, and answered by pure code."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from resilibot.contracts.envelope import stream_id
from resilibot.projections.ask import Question, Vocabulary, parse, vocabulary
from resilibot.projections.ports import Ports
from resilibot.projections.reader import read
from resilibot.projections.reply import reply, wanted
from resilibot.projections.statements import Record, Row

PAGE = 100
PAGES = 5  # of incidents, newest first: what is older is said to be not looked at


def answer(ports: Ports, text: str) -> dict[str, Any]:
    """The reply to a question, names as people may read them. Raises ReadModelError."""
    now = ports.clock.now()
    newest, cursor = ports.models.newest_incidents(PAGE, None)
    rows, is_all = (newest, True) if cursor is None else _rows(ports, parse(text, now, Vocabulary()))
    known = vocabulary([*newest, *rows])
    by_rules = parse(text, now, known)
    reading = read(ports.reader, text, by_rules, [*newest, *rows], known, now)
    question = reading.question
    if cursor is not None and question.span != by_rules.span:
        rows, is_all = _rows(ports, question)
    if question.incident_id and all(row["incident_id"] != question.incident_id for row in rows):
        named = ports.models.get("incidents", stream_id("incident", question.incident_id))
        rows += [named] if named else []
    unread = None if is_all or _reaches_back(question, rows) else _not_looked_at(rows)
    records = {}
    for incident_id in wanted(question, rows):
        stream = stream_id("incident", incident_id)
        case, timeline = ports.models.get("cases", stream), ports.models.get("timelines", stream)
        if case is not None and timeline is not None:
            records[incident_id] = Record(case, timeline)
    found = replace(reply(question, rows, records, unread), read_by=reading.read_by, fell_back=reading.fell_back)
    told: dict[str, Any] = ports.reveal({"question": text, **asdict(found)})
    return told


def _rows(ports: Ports, question: Question) -> tuple[list[Row], bool]:
    """The newest incidents that the time asked about leaves, and whether there are no others."""
    rows: list[Row] = []
    cursor: str | None = None
    for _ in range(PAGES):
        page, cursor = ports.models.newest_incidents(PAGE, cursor, question.span.until if question.span else None)
        rows += page
        if cursor is None:
            return rows, True
        if _reaches_back(question, rows):
            break
    return rows, False


def _reaches_back(question: Question, rows: Sequence[Row]) -> bool:
    """Whatever opened since the time asked about is there. What went on then may have opened long before."""
    since = question.span.since if question.span else None
    is_enough = question.is_of_all and not question.is_open_then and since is not None and bool(rows)
    return is_enough and since is not None and _opened_at(rows[-1]) < since


def _not_looked_at(rows: Sequence[Row]) -> str:
    return f"only the newest {len(rows)} incidents were looked at, back to {_opened_at(rows[-1]):%Y-%m-%d %H:%M} UTC"


def _opened_at(row: Row) -> datetime:
    return datetime.fromisoformat(row["opened_at"])
