"""redaction: how many seeded secrets are found, and how much of what is clean is taken for one.

    python -m tests.evals.redaction [--each 300] [--clean 20000] [--texts DIR ...]

Recall is counted by kind, apart for lines in which nothing says what the value is (`hard`). False positives are clean
lines that changed. With --texts the strings of all JSON and text files of a folder are redacted too, and what was
replaced is counted by kind: nobody says which of these were secrets, so that is a figure to be read, not a score.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resilibot.runtime.redact import Redactor
from resilibot.runtime.secret_forms import TAG
from tests.support.seeded_secrets import clean, is_readable, planted

TUNED_ON, HELD_OUT = 1, 101
KEY = b"evaluation"


@dataclass
class Recall:
    """Counts by kind: drawn and found."""

    drawn: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    @property
    def total(self) -> float:
        return sum(self.found.values()) / sum(self.drawn.values())


def recall(seed: int, each: int, *, hard: bool = False) -> Recall:
    redactor, counted = Redactor(lambda: KEY), Recall()
    for one in planted(seed, each):
        if one.is_hard is not hard:
            continue
        counted.drawn[one.kind] += 1
        if is_readable(one.secret, redactor.text(one.line)):
            counted.missed.append(f"{one.kind}: {one.line}")
        else:
            counted.found[one.kind] += 1
    return counted


def false_positives(seed: int, count: int) -> list[tuple[str, str]]:
    """Clean lines that changed, with what became of them."""
    redactor = Redactor(lambda: KEY)
    return [(line, shown) for line in clean(seed, count) if (shown := redactor.text(line)) != line]


def strings_in(folder: Path) -> Iterator[str]:
    """The strings of every JSON file, and the lines of every other text file."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        try:
            yield from _leaves(json.loads(text))
        except (ValueError, RecursionError):
            yield from text.splitlines()


def _leaves(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for part in data.values() if isinstance(data, dict) else data:
            yield from _leaves(part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=HELD_OUT, help="patterns were written looking at seed 1")
    parser.add_argument("--each", type=int, default=300, help="lines of each kind")
    parser.add_argument("--clean", type=int, default=20_000, help="clean lines")
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="folders of texts")
    parser.add_argument("--show", type=int, default=0, help="so many misses and false positives")
    given = parser.parse_args()
    for hard in (False, True):
        counted = recall(given.seed, given.each, hard=hard)
        print(f"\n{'hard: nothing says what it is' if hard else 'recall'}: {counted.total:.4f}")
        for kind, drawn in counted.drawn.items():
            print(f"  {kind:14} {counted.found[kind]:5} of {drawn}")
        for line in counted.missed[: given.show]:
            print("  missed", line[:200])
    started = time.process_time()
    wrong = false_positives(given.seed, given.clean)
    took = time.process_time() - started
    print(f"\nfalse positives: {len(wrong)} of {given.clean} clean lines; {1e6 * took / given.clean:.0f} us a line")
    for line, shown in wrong[: given.show]:
        print(f"  {line[:200]}\n  {shown[:200]}")
    for folder in given.texts:
        _tell(folder, given.show)


def _tell(folder: Path, show: int) -> None:
    redactor, seen, changed = Redactor(lambda: KEY), 0, 0
    kinds: Counter[str] = Counter()
    for text in strings_in(folder):
        shown = redactor.text(text)
        seen += 1
        if shown != text:
            changed += 1
            kinds.update(match[1] for match in TAG.finditer(shown))
            if show > 0:
                show -= 1
                print("  ", [shown[max(0, m.start() - 40) : m.end() + 10] for m in re.finditer(TAG, shown)][:3])
    print(f"{folder.name}: {changed} of {seen} texts changed: {dict(kinds.most_common())}")


if __name__ == "__main__":
    main()
