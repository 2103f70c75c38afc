"""statements: what the record of one incident says to a question of a kind, each with the lines it rests on. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resilibot.contracts.case import OVER
from resilibot.contracts.evidence import SimilarIncidentContent
from resilibot.contracts.similar import Remembered, past_of, similar
from resilibot.projections.ask import Question
from resilibot.projections.lexicon import Kind

LINE_CHARS = 400

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


@dataclass(frozen=True)
class Part:
    """One statement; `cites`: timeline lines, with the evidence in them or None. `is_answer` False: nothing found."""

    text: str
    cites: tuple[tuple[Mapping[str, Any], str | None], ...] = ()
    is_answer: bool = True
    incident_id: str | None = None  # of another incident than the one in hand


def _nothing(text: str) -> Part:
    return Part(f"Not in the record: {text}.", is_answer=False)


TURNS = ("IncidentReopened", "IncidentResolved", "IncidentClosed", "IncidentMerged", "IncidentUnmerged")


def _when(record: Record, question: Question) -> Iterator[Part]:
    case = record.case
    first = record.entries("IncidentOpened")
    if first:
        yield Part(f"opened {_time(first[0]['at'])}", ((first[0], None),))
    looks = record.entries("EvidenceGathered")
    if case["rounds"] and looks:
        yield Part(f"the trouble began {_time(case['rounds'][0]['onset'])}", ((looks[0], None),))
    for line in record.entries(*TURNS):
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
    when = " in that time" if asked else ""  # it was, at another
    yield from _sentences(asked, question) or [_nothing(f"nobody was asked for an approval{when}")]


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


def tell_alike(row: Row, rows: Sequence[Row], records: Mapping[str, Record]) -> Iterator[Part]:
    found = alike(row, rows)
    titles = {one["incident_id"]: one for one in rows}
    if not found:
        yield _nothing("no earlier incident is like it")
    for one in found:
        end = f"{one.remedy or 'nothing was done'}, {'resolved' if one.resolved else 'no recovery was seen'}"
        both = "; ".join(one.alike)
        text = f"{headline(titles[one.incident_id])}: {one.cause or 'no cause found'}; {end}. Alike: {both}"
        record = records.get(one.incident_id)
        cites = tuple((line, None) for line in opened(record)) if record else ()
        yield Part(f"{one.score:.2f} {text}", cites, incident_id=one.incident_id)


def alike(row: Row, rows: Iterable[Row]) -> list[SimilarIncidentContent]:
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


def opened(record: Record) -> list[Mapping[str, Any]]:
    return record.entries("IncidentOpened")[:1]


def headline(row: Row) -> str:
    escalated = ", escalated" if row["escalated"] else ""
    title = in_a_line(row["title"])
    state = f"{row['severity']}, {row['status']}{escalated}"
    return f"{row['incident_id']} {title} ({state}, opened {_time(row['opened_at'])})"


def in_a_line(text: str) -> str:
    """A line break in a text from outside would begin a line that looks like one of ours."""
    return " ".join(text.split())[:LINE_CHARS]


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _lasting(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
