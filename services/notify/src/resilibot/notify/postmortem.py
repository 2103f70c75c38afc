"""postmortem: the incident as a document in which every sentence names the events it rests on. Pure.

Secrets that the log may still hold are redacted in it. Names stay sealed, so that a person who is forgotten is so in
the documents too: whoever shows it reveals them with escape(), since what a person wrote is no Markdown.
Same log, same bytes. check() refuses a sentence without an event of this log, and one with a figure that the events
it names do not hold.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.narrate import narrate_recorded
from resilibot.contracts.personal import TOKEN
from resilibot.runtime.redact import Redactor

CITED = re.compile(r"\[((?:[0-9A-HJKMNP-TV-Z]{26})(?:, [0-9A-HJKMNP-TV-Z]{26})*)\]$")
FIGURE = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w])")
BARE_LINK = re.compile(r"(?i)\b(?:(https?|ftp)(:)(?=//)|(www)(\.))")  # what renderers make a link without being asked
TEXT_CHARS = 400
SECRETS = Redactor(emails=False)
# told elsewhere or of no use to a reader afterwards
SILENT = (e.NotificationStartedV1, e.NotificationSentV1, e.NotificationFailedV1, e.PostmortemWrittenV1)


class PostmortemRefused(Exception):
    """A sentence that the log does not bear out; nothing is written."""

    code = "postmortem_refused"


def write(incident_id: str, events: Sequence[RecordedEvent]) -> str:
    """Markdown. Raises PostmortemRefused."""
    case = fold(incident_id, events)
    text = "\n".join(_document(case, events)) + "\n"
    check(text, events)
    return text


def check(text: str, events: Sequence[RecordedEvent]) -> None:
    """Every line but headings cites events of this log and holds only their figures. Raises PostmortemRefused."""
    by_id = {event.id: event for event in events}
    figures_of = cache(lambda identifier: _figures(by_id[identifier]))
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        cited = CITED.search(line)
        if not cited:
            raise PostmortemRefused(f"no event is named: {line[:120]}")
        ids = cited[1].split(", ")
        unknown = [identifier for identifier in ids if identifier not in by_id]
        if unknown:
            raise PostmortemRefused(f"unknown event {unknown[0]}: {line[:120]}")
        known = frozenset[float]().union(*map(figures_of, ids))
        for figure in FIGURE.findall(_unescape(line[: cited.start()])):
            if float(figure) not in known:
                raise PostmortemRefused(f"{figure} stands in none of the named events: {line[:120]}")


def _document(case: IncidentCase, events: Sequence[RecordedEvent]) -> Iterable[str]:
    opened = _first(events, e.IncidentOpenedV1)
    yield f"# Postmortem: {escape(_short(case.title))}"
    yield "\n## Summary\n"
    if opened:
        yield _line(f"{case.severity} incident on {case.resource.name if case.resource else 'unknown'}", [opened])
    yield from _duration(events)
    yield "\n## Cause\n"
    yield from _cause(events)
    yield "\n## What was done\n"
    yield from _deeds(events)
    yield "\n## Recovery\n"
    yield from _recovery(events)
    yield "\n## Ruled out, and not seen\n"
    yield from _ruled_out(events)
    yield "\n## Follow-ups\n"
    yield from _follow_ups(events)
    yield "\n## Timeline\n"
    for event in events:
        if not isinstance(event.readable, SILENT):
            yield _line(f"{_time(event.envelope.recorded_at)} {narrate_recorded(event)}", [event])


def _duration(events: Sequence[RecordedEvent]) -> Iterable[str]:
    opened, resolved = _first(events, e.IncidentOpenedV1), _last(events, e.IncidentResolvedV1)
    if opened and resolved:
        begun, ended = opened.envelope.recorded_at, resolved.envelope.recorded_at
        yield _line(f"Opened at {_time(begun)} and resolved at {_time(ended)} UTC", [opened, resolved])


def _cause(events: Sequence[RecordedEvent]) -> Iterable[str]:
    confirmed = _last(events, e.RootCauseConfirmedV1)
    if confirmed:
        yield _line(narrate_recorded(confirmed), [confirmed])
    held = _held(events)
    if held is None:
        yield from _absent(events, "No diagnosis was reached before the service recovered")
        return
    recorded, diagnosis = held
    yield _line(f"{diagnosis.outcome}, confidence {diagnosis.confidence:g}: {diagnosis.summary}", [recorded])
    for finding in (diagnosis.leading.support if diagnosis.leading else []) or diagnosis.findings:
        evidence = ", ".join(c.evidence_id for c in finding.citations)
        yield _line(f"{finding.text} (evidence {evidence})", [recorded])


def _deeds(events: Sequence[RecordedEvent]) -> Iterable[str]:
    told = (e.ApprovalGrantedV1, e.ApprovalDeniedV1, e.ActionStartedV1, e.ActionSucceededV1)
    failed = (e.ActionFailedV1, e.ActionOutcomeUnknownV1, e.IncidentEscalatedV1, e.ApprovalExpiredV1)
    deeds = [event for event in events if isinstance(event.readable, told + failed)]
    for event in deeds:
        yield _line(narrate_recorded(event), [event])
    if not deeds:
        yield from _absent(events, "No action was taken and none was asked for")


def _recovery(events: Sequence[RecordedEvent]) -> Iterable[str]:
    recorded = _last(events, e.IncidentResolvedV1)
    if recorded is None:
        yield from _absent(events, "The service has not been seen to recover")
        return
    resolved = recorded.event
    assert isinstance(resolved, e.IncidentResolvedV1)  # noqa: S101  picked by type above
    yield _line(resolved.summary, [recorded])
    for finding in resolved.findings:
        evidence = ", ".join(c.evidence_id for c in finding.citations)
        yield _line(f"{finding.text} (evidence {evidence})", [recorded])


def _ruled_out(events: Sequence[RecordedEvent]) -> Iterable[str]:
    held = _held(events)
    if held is None:
        yield from _absent(events, "Nothing was weighed")
        return
    recorded, diagnosis = held
    lines = 0
    for hypothesis in diagnosis.hypotheses:
        for finding in hypothesis.refutation if hypothesis.verdict != "leading" else ():
            yield _line(f"{hypothesis.cause} at {hypothesis.component}: {finding.text}", [recorded])
            lines += 1
    for gap in diagnosis.gaps:
        yield _line(f"Not seen: {gap.kind} from {gap.source} ({gap.reason}): {gap.detail}", [recorded])
        lines += 1
    if not lines:
        yield _line("Nothing else was weighed, and no source was missing", [recorded])


def _held(events: Sequence[RecordedEvent]) -> tuple[RecordedEvent, e.DiagnosisReachedV1] | None:
    """The diagnosis that the incident is told by: the first sure one (later ones saw the remedy), else the first."""
    told = [(event, event.readable) for event in events if isinstance(event.readable, e.DiagnosisReachedV1)]
    sure = [one for one in told if one[1].outcome != "inconclusive"]
    return next(iter(sure or told), None)


def _follow_ups(events: Sequence[RecordedEvent]) -> Iterable[str]:
    held, acted = _held(events), _last(events, e.ActionSucceededV1)
    lines = 0
    if acted and held and held[1].outcome == "conclusive":
        yield _line("Find out why the cause could arise: the action only took away its effect", [held[0], acted])
        lines += 1
    if held and held[1].outcome == "no_fault":
        yield _line("Review the alarm: it fired though no fault was found", [held[0]])
        lines += 1
    if held and held[1].gaps:
        yield _line("Close the gaps in what could be seen", [held[0]])
        lines += 1
    if not lines:
        yield from _absent(events, "None follow from the log")


def _absent(events: Sequence[RecordedEvent], sentence: str) -> Iterable[str]:
    """What did not happen rests on the whole log: its first and last event are named."""
    yield _line(sentence, [events[0], events[-1]])


def _line(sentence: str, events: Sequence[RecordedEvent]) -> str:
    ids = ", ".join(dict.fromkeys(event.id for event in events))
    return f"- {escape(_short(sentence))}. [{ids}]"


def escape(text: str) -> str:
    """One line of plain Markdown text: no markup, no links (bare addresses included), no control characters."""
    escaped = re.sub(r"([\\`*_{}\[\]<>#|!@])", r"\\\1", _plain(text))
    return BARE_LINK.sub(lambda m: f"{m[1] or m[3]}\\{m[2] or m[4]}", escaped)


def _short(text: str) -> str:
    plain = _plain(SECRETS.text(text)).strip()
    if len(TOKEN.sub("", plain)) > TEXT_CHARS:  # cut between words: half a figure would be another figure
        plain = plain[:TEXT_CHARS].rpartition(" ")[0] + " …"
    return plain.rstrip(".")


def _plain(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " for c in text)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _time(at: datetime) -> str:
    """With its date: a postmortem is read long after, and an incident may last over midnight."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _figures(event: RecordedEvent) -> set[float]:
    """Every figure that stands in the event's data or sentence, and the parts of its time; not ids and hashes."""
    text = json.dumps(event.envelope.data, ensure_ascii=False) + " " + narrate_recorded(event)
    time = _time(event.envelope.recorded_at).replace(":", " ")
    return {float(figure) for figure in FIGURE.findall(f"{text} {time}")}


def _first(events: Sequence[RecordedEvent], kind: type[DomainEvent]) -> RecordedEvent | None:
    return next((event for event in events if isinstance(event.readable, kind)), None)


def _last(events: Sequence[RecordedEvent], kind: type[DomainEvent]) -> RecordedEvent | None:
    return next((event for event in reversed(events) if isinstance(event.readable, kind)), None)
