"""log_evidence: what the workload logs since the onset and did not log before."""

from dataclasses import replace
from datetime import datetime, timedelta

from resilibot.contracts.evidence import Window
from resilibot.observe.inquiry import Inquiry
from resilibot.observe.itemise import Found
from resilibot.observe.patterns import mine

LINE_CHARS = 20_000  # of a log line that are read; what is kept of it is far shorter
RUN_UP_S = 60  # log lines before the onset, to compare with


def log_patterns(inquiry: Inquiry, onset: datetime) -> Found:
    source, now = inquiry.ports.logs, inquiry.look.now
    group = inquiry.settings.log_group.format(service=inquiry.service_for("log group"))
    fresh = inquiry.look.since or onset
    start = fresh - timedelta(seconds=RUN_UP_S)
    read = source.read(group, start, now, inquiry.settings.log_lines)
    redact = inquiry.redactor.text
    lines = tuple(replace(line, message=redact(line.message[:LINE_CHARS])) for line in read.lines)
    content = mine(replace(read, lines=lines), group, fresh, start, now)
    errors = sum(p.count for p in content.patterns if p.level == "ERROR")
    summary = (
        f"{group}: {content.lines} lines, {len(content.patterns)} new or surging patterns, {errors} errors in them"
    )
    return Found("log", source.name, [(content, read.query, summary)], Window(start=start, end=now))
