"""reply: a question answered from read models, each statement with the event that it rests on. Pure.

Nothing is answered that the record does not hold: then it is said that it is not in the record, with what was
understood. Titles, sentences and causes are quoted, each within its line: whoever shows them escapes them for the
medium.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from resilibot.contracts.case import OVER
from resilibot.contracts.evidence import SimilarIncidentContent
from resilibot.contracts.similar import Remembered, past_of, similar
from resilibot.projections.ask import MAX_CHARS, Question, chosen, named
from resilibot.projections.lexicon import EXAMPLES, Kind

LISTED = 10  # incidents in a list
TOLD = 3  # incidents that one question is answered for
LINES = 12  # of one incident
LINE_CHARS = 400

Found = Literal["answered", "not_in_record", "not_understood"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """One incident: its case and its timeline, as the read models hold them."""

    case: Mapping[str, Any]
    timeline: Sequence[Mapping[str, Any]]

    def entries(self, *types: str) -> list[Mapping[str, Any]]:
        """Lines of these event types; an event that could not be read here is none of them."""
        unread = set(self.case["unknown_events"])
        return [
            line for line in self.timeline if line["type"] not in unread and line["type"].partition(".")[0] in types
        ]


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
        found += [one.incident_id for row in about for one in _alike(row, asked)]
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
    lines = [_headline(row) for row in fitting[:LISTED]] + ([f"and {more} more"] if more > 0 else [])
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
        parts = list(tell(record, question) if tell else _similar(row, rows, records))
        for part in parts[:LINES]:
            answer.citations += [_cite(part.incident_id or row["incident_id"], *cited) for cited in part.cites]
            answer.found = "answered" if part.is_answer else answer.found
        left = [f"  and {len(parts) - LINES} more"] if len(parts) > LINES else []
        told.append("\n".join([_headline(row), *(f"  {_in_a_line(part.text)}" for part in parts[:LINES]), *left]))
    more = len(fitting) - TOLD
    if more > 0:
        told.append(f"{more} more incident{'' if more == 1 else 's'} fit: name one by its id, or a time.")
    answer.text = "\n".join(told) or "Not in the record: what fits is not shown yet."
    answer.citations = [one for n, one in enumerate(answer.citations) if one not in answer.citations[:n]]
    return answer


@dataclass(frozen=True)
class Part:
    """One statement; `cites`: timeline lines, with the evidence in them or None. `is_answer` False: nothing found."""

    text: str
    cites: tuple[tuple[Mapping[str, Any], str | None], ...] = ()
    is_answer: bool = True
    incident_id: str | None = None  # of another incident than the one in hand


def _nothing(text: str) -> Part:
    return Part(f"Not in the record: {text}.", is_answer=False)


def _when(record: Record, question: Question) -> Iterator[Part]:
    case = record.case
    first = record.entries("IncidentOpened")
    if first:
        yield Part(f"opened {_time(first[0]['at'])}", ((first[0], None),))
    looks = record.entries("EvidenceGathered")
    if case["rounds"] and looks:
        yield Part(f"the trouble began {_time(case['rounds'][0]['onset'])}", ((looks[0], None),))
    for line in record.entries("IncidentReopened", "IncidentResolved", "IncidentClosed", "IncidentMerged"):
        word = line["type"].partition(".")[0].removeprefix("Incident").lower()
        yield Part(f"{word} {_time(line['at'])}", ((line, None),))
    ends = record.entries("IncidentResolved")
    if case["duration_s"] is not None and ends:
        yield Part(f"it lasted {_lasting(case['duration_s'])}, to its last resolution", ((ends[-1], None),))
    elif case["status"] not in OVER:
        yield Part("it is not over", ((record.timeline[-1], None),))


def _why(record: Record, question: Question) -> Iterator[Part]:
    case, told = record.case, record.entries("DiagnosisReached")
    if case["merged_into"]:
        yield Part(
            f"it is part of incident {case['merged_into']}: ask about that one", _lines(record, "IncidentMerged")
        )
    if not case["diagnoses"] or len(told) < len(case["diagnoses"]):
        yield _nothing("no diagnosis was reached")
        return
    diagnosis, line = case["diagnoses"][-1], told[len(case["diagnoses"]) - 1]
    leading = next((h for h in diagnosis["hypotheses"] if h["verdict"] == "leading"), None)
    how = f"{diagnosis['outcome']}, confidence {diagnosis['confidence']:.2f}"
    if diagnosis["outcome"] == "inconclusive":
        yield Part(f"Not in the record: the cause is not known ({how}): {diagnosis['summary']}", ((line, None),), False)
        return
    yield Part(f"{diagnosis['summary']} ({how})", ((line, None),))
    for finding in [*(leading["support"] if leading else ()), *diagnosis["findings"]]:
        ids = [citation["evidence_id"] for citation in finding["citations"]]
        cites = tuple((place, item) for item in ids if (place := _line_of(record, item)) is not None)
        if cites:
            yield Part(f"- {finding['text']} [{', '.join(item or '' for _, item in cites)}]", cites)


def _approved(record: Record, question: Question) -> Iterator[Part]:
    asked = record.entries(
        "ApprovalRequested", "ApprovalGranted", "ApprovalDenied", "ApprovalExpired", "ApprovalRevoked"
    )
    yield from _sentences(asked, question) or [_nothing("nobody was asked for an approval")]


def _done(record: Record, question: Question) -> Iterator[Part]:
    acted = record.entries(
        "ActionStarted", "ActionSucceeded", "ActionFailed", "ActionOutcomeUnknown", "ActionRolledBack"
    )
    if acted:
        resolved = record.entries("IncidentResolved")
        yield from _sentences([*acted, *resolved], question) or [_nothing("nothing was done in that time")]
        return
    yield _nothing("no action was started")
    for line in record.entries("NoRemedyFound")[-1:]:
        yield Part(line["sentence"], ((line, None),))


def _changed(record: Record, question: Question) -> Iterator[Part]:
    found = False
    for gathered, line in _looks(record):
        for item in gathered["items"]:
            if item["kind"] == "change":
                found = True
                yield Part(f"{item['summary']} [{item['id']}]", ((line, item["id"]),))
    if not found:
        yield _nothing("no change was found when it was looked at")
        gaps = [gap for gathered, _ in _looks(record) for gap in gathered["gaps"] if gap["kind"] == "change"]
        if gaps:
            yield Part(f"changes could not all be seen: {gaps[0]['detail']}", is_answer=False)


def _status(record: Record, question: Question) -> Iterator[Part]:
    case = record.case
    ends = record.entries("IncidentResolved", "IncidentClosed", "IncidentMerged")
    if case["status"] in OVER and ends:
        yield Part(f"It is over: {ends[-1]['sentence']}, {_time(ends[-1]['at'])}", ((ends[-1], None),))
        return
    last = record.timeline[-1]
    escalated = ", escalated to a person" if case["escalated"] else ""
    yield Part(f"It is not over: {case['status']}{escalated}", ((last, None),))
    yield Part(f"last: {last['sentence']}, {_time(last['at'])}", ((last, None),))


def _similar(row: Row, rows: Sequence[Row], records: Mapping[str, Record]) -> Iterator[Part]:
    found = _alike(row, rows)
    titles = {one["incident_id"]: one for one in rows}
    if not found:
        yield _nothing("no earlier incident is like it")
    for one in found:
        end = f"{one.remedy or 'nothing was done'}, {'resolved' if one.resolved else 'no recovery was seen'}"
        alike = "; ".join(one.alike)
        text = f"{_headline(titles[one.incident_id])}: {one.cause or 'no cause found'}; {end}. Alike: {alike}"
        record = records.get(one.incident_id)
        cites = tuple((line, None) for line in _opened(record)) if record else ()
        yield Part(f"{one.score:.2f} {text}", cites, incident_id=one.incident_id)


def _alike(row: Row, rows: Iterable[Row]) -> list[SimilarIncidentContent]:
    """Of what opened before it, as observe compares them; the cause that was found is compared too.

    Nothing is known of a row that an older build wrote, until a rebuild.
    """
    if not row.get("remembered"):
        return []
    mine = Remembered.model_validate(row["remembered"]).likeness
    return similar(
        mine, datetime.fromisoformat(row["opened_at"]), past_of(rows), [row["incident_id"], *row["children"]]
    )


PARTS: Mapping[Kind, Callable[[Record, Question], Iterator[Part]]] = {
    Kind.WHEN: _when,
    Kind.WHY: _why,
    Kind.APPROVED: _approved,
    Kind.CHANGED: _changed,
    Kind.DONE: _done,
    Kind.STATUS: _status,
}


def _sentences(lines: Iterable[Mapping[str, Any]], question: Question) -> list[Part]:
    """The lines in the time that was asked about, in order."""
    span = question.span
    kept = [line for line in lines if span is None or span.holds(datetime.fromisoformat(line["at"]))]
    kept.sort(key=lambda line: line["version"])
    return [Part(f"{_time(line['at'])} {line['sentence']}", ((line, None),)) for line in kept]


def _looks(record: Record) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each evidence round with its line; the case may be a few events behind the timeline."""
    return list(zip(record.case["rounds"], record.entries("EvidenceGathered"), strict=False))


def _line_of(record: Record, evidence_id: str) -> Mapping[str, Any] | None:
    """The line of the round that recorded this evidence."""
    return next((line for look, line in _looks(record) if any(i["id"] == evidence_id for i in look["items"])), None)


def _lines(record: Record, kind: str) -> tuple[tuple[Mapping[str, Any], str | None], ...]:
    return tuple((line, None) for line in record.entries(kind)[-1:])


def _opened(record: Record) -> list[Mapping[str, Any]]:
    return record.entries("IncidentOpened")[:1]


def _opening(row: Row, records: Mapping[str, Record]) -> list[dict[str, Any]]:
    record = records.get(row["incident_id"])
    return [_cite(row["incident_id"], line, None) for line in _opened(record)] if record else []


def _cite(incident_id: str, line: Mapping[str, Any], evidence_id: str | None) -> dict[str, Any]:
    return {
        "incident_id": incident_id,
        "version": line["version"],
        "event_id": line["id"],
        "evidence_id": evidence_id,
    }


def _headline(row: Row) -> str:
    escalated = ", escalated" if row["escalated"] else ""
    title = _in_a_line(row["title"])
    state = f"{row['severity']}, {row['status']}{escalated}"
    return f"{row['incident_id']} {title} ({state}, opened {_time(row['opened_at'])})"


def _in_a_line(text: str) -> str:
    """A line break in a text from outside would begin a line that looks like one of ours."""
    return " ".join(text.split())[:LINE_CHARS]


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _lasting(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
