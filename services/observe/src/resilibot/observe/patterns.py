"""patterns: log lines that differ in numbers and ids only, counted before and after the onset. Pure.

Only new and surging templates are kept: raw lines are many, and what was there before explains nothing.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from resilibot.contracts.evidence import LogContent, LogPattern
from resilibot.observe.ports import LogLine, LogRead
from resilibot.runtime.secret_forms import TAG

KEEP = 10
SURGE = 3.0  # times the rate before
SAMPLE_CHARS = 400
TEMPLATE_CHARS = 300

_MASKS = (
    (TAG, r"[\1]"),  # lines that differ in what was redacted are of one template
    (re.compile(r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\b(?:i|r|req|id)-[0-9a-z]{4,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?<![A-Za-z])\d+(?:\.\d+)?"), "<n>"),
)
_LEVEL = re.compile(r"\b(ERROR|CRITICAL|FATAL|SEVERE|WARN(?:ING)?|INFO|DEBUG)\b")

Level = Literal["ERROR", "WARN", "INFO", "OTHER"]


def template(message: str) -> str:
    """The line with everything variable masked; the first line of a multi-line message."""
    line = message.strip().splitlines()[0] if message.strip() else ""
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    return line[:TEMPLATE_CHARS]


def level(message: str) -> Level:
    found = _LEVEL.search(message[:300])
    if not found:
        return "ERROR" if "Traceback" in message or "Exception" in message else "OTHER"
    word = found[1]
    if word in ("ERROR", "CRITICAL", "FATAL", "SEVERE"):
        return "ERROR"
    if word.startswith("WARN"):
        return "WARN"
    return "INFO" if word == "INFO" else "OTHER"


def mine(read: LogRead, group: str, onset: datetime, start: datetime, end: datetime) -> LogContent:
    """Templates new or surging since `onset`, most frequent first; rates are compared per second of each window."""
    before = [line for line in read.lines if line.at < onset]
    after = [line for line in read.lines if line.at >= onset]
    counts_before = Counter(template(line.message) for line in before)
    ratio = max((end - onset).total_seconds(), 1) / max((onset - start).total_seconds(), 1)
    groups: dict[str, list[LogLine]] = {}
    for line in after:
        groups.setdefault(template(line.message), []).append(line)
    patterns = [
        _pattern(text, lines, counts_before[text])
        for text, lines in groups.items()
        if len(lines) > SURGE * counts_before[text] * ratio
    ]
    order = {"ERROR": 0, "WARN": 1, "INFO": 2, "OTHER": 3}
    patterns.sort(key=lambda p: (order[p.level], -p.count, p.template))
    return LogContent(
        group=group,
        lines=len(after),
        baseline_lines=len(before),
        truncated=read.is_truncated,
        patterns=patterns[:KEEP],
    )


def _pattern(text: str, lines: Sequence[LogLine], baseline_count: int) -> LogPattern:
    streams = {line.stream for line in lines}
    return LogPattern(
        template=text,
        level=level(lines[0].message),
        count=len(lines),
        baseline_count=baseline_count,
        component=streams.pop() if len(streams) == 1 else None,
        first_at=min(line.at for line in lines),
        sample=lines[0].message[:SAMPLE_CHARS],
    )
