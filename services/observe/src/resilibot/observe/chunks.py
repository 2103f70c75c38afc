"""chunks: a runbook as the pieces that an encoder reads. Pure.

Its title stands in front of each, since a section alone ("Mitigation") does not say what it mitigates. Only the first
ones are encoded: what a runbook is about stands at its beginning, what to do is like what others do.
"""

import re

from resilibot.observe.words import spaced

CHARS = 1000
FIRST = 3
_HEADING = re.compile(r"#{1,6} ")
_FENCE = re.compile(r"\s*(```|~~~)")


def sections(text: str) -> list[str]:
    """The text split before each Markdown heading; a # in a fenced block is a comment and no heading."""
    found: list[list[str]] = [[]]
    is_fenced = False
    for line in text.splitlines():
        if _FENCE.match(line):
            is_fenced = not is_fenced
        if _HEADING.match(line) and not is_fenced:
            found.append([])
        found[-1].append(line)
    return [section for lines in found if (section := "\n".join(lines).strip())]


def chunks(title: str, text: str) -> list[str]:
    """At most FIRST pieces of at most CHARS characters and the title; a runbook without text is its title."""
    pieces: list[str] = []
    for section in sections(text):
        pieces += [section[start : start + CHARS] for start in range(0, len(section), CHARS)]
        if len(pieces) >= FIRST:
            break
    return [f"{spaced(title)}. {piece}" for piece in pieces[:FIRST] or [""]]
