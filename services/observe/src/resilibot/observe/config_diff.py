"""config_diff: what differs between two recorded configurations, told without what may be a secret. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

SECRET = re.compile(r"environment|secret|password|token|credential|key|userdata|command|authorization", re.IGNORECASE)
NOISE = re.compile(
    r"(?:^|\.)(?:events|revisionId|lastModified|(?!runtime$)[^.]*(?:time|at|date)|[^.]*count)$", re.IGNORECASE
)
WIDE = 80  # characters of a value that is told
MOST = 6  # differences told
DEEP = 4


def differences(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """Path, value before, value after. What may hold a secret, and what is long, is told by its path alone."""
    return sorted(_compare("", before, after, 0))[:MOST]


def _compare(path: str, before: Any, after: Any, depth: int) -> Iterator[tuple[str, str, str]]:
    if before == after or NOISE.search(path):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and depth < DEEP:
        for key in before.keys() | after.keys():
            yield from _compare(f"{path}.{key}".lstrip("."), before.get(key), after.get(key), depth + 1)
        return
    yield path, _shown(path, before), _shown(path, after)


def _shown(path: str, value: Any) -> str:
    if value is None:
        return "none"
    if SECRET.search(path) or not isinstance(value, str | int | float | bool) or len(str(value)) > WIDE:
        return "(not shown)"
    return str(value)
