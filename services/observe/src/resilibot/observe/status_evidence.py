"""status_evidence: what the service's managed hosts answer when asked, and what AWS says of the signal's resources."""

from collections.abc import Sequence

from resilibot.contracts.evidence import LogContent, LogPattern, Window
from resilibot.observe.inquiry import Inquiry
from resilibot.observe.itemise import Found
from resilibot.observe.odd import readable
from resilibot.observe.ports import SourceFailed, StateEvent, StateSource

EVENTS = 30  # of one resource, the latest ones


def host_status(inquiry: Inquiry) -> Found:
    source = inquiry.ports.hosts
    service = inquiry.service_for("host can be asked")
    unit = inquiry.settings.unit.format(service=service)
    found = Found("status", source.name)
    for read in source.status(service, unit):
        word = {True: "answers", False: "does not answer", None: "gave no report"}[read.status.responds]
        if read.status.responds is None:
            inquiry.gap("status", found.source, "no_data", f"{read.status.component}: {unit} gave no health report")
        found.contents.append((read.status, read.query, f"{read.status.component} is {read.status.state} and {word}"))
    return found


def states(inquiry: Inquiry, source: StateSource) -> Found:
    """One source about all resources that concern it: none, and it is not asked. Its events are logs beside."""
    start, now = inquiry.changes_since, inquiry.look.now
    found = Found("status", source.name, is_answer=False)
    for subject in inquiry.subjects_of(source.kinds):
        try:
            with readable(source.name):
                read = source.state(subject, start, now)
        except SourceFailed as failed:
            inquiry.gap("status", source.name, failed.reason, failed.detail)
            continue
        found.is_answer = True
        for gap in read.gaps:
            inquiry.gap("status", source.name, gap.reason, gap.detail)
        for one in read.states:
            told = "; ".join(map(str, one.status.detail.get("reasons", [])))
            summary = f"{one.status.kind} {one.status.component} is {one.status.state}" + (f": {told}" if told else "")
            found.contents.append((one.status, one.query, summary))
        if read.events:
            content = _as_log(f"{source.name} events of {subject.name}", read.events)
            summary = f"{content.group}: {content.lines}, the last {content.patterns[-1].template}"
            window = Window(start=start, end=now)
            inquiry.beside.append(Found("log", source.name, [(content, read.events[0].query, summary)], window))
    return found


def _as_log(group: str, events: Sequence[StateEvent]) -> LogContent:
    """A resource's own record in the form of a log: each event with its own time, none of them an error by level."""
    latest = sorted(events, key=lambda event: (event.at, event.message))[-EVENTS:]
    patterns = [
        LogPattern(
            template=event.message[:500],
            level="INFO",
            count=1,
            baseline_count=0,
            component=event.component,
            first_at=event.at,
            sample=event.message[:1000],
        )
        for event in latest
    ]
    truncated = len(latest) < len(events)
    return LogContent(group=group, lines=len(latest), baseline_lines=0, truncated=truncated, patterns=patterns)
