"""upcasts: old event versions read as new ones. Stored bytes and hashes never change; only what is read from them.

A step turns the data of one version into that of the next: `dict -> dict`, pure, on a copy of what was parsed. The
result of the last step is validated by the newest class, so consumers know one version of each event only. A released
class stays in the registry, since its schema stays published; nobody emits or folds it any more.
"""

import copy
import re
from collections.abc import Callable
from typing import Any

Step = Callable[[dict[str, Any]], dict[str, Any]]

_WIRE_TYPE = re.compile(r"^(?P<word>[A-Z][A-Za-z]+)\.v(?P<version>[1-9][0-9]*)$")


class Upcasts:
    """Steps by the wire type that they start from: `IncidentOpened.v1` leads to `IncidentOpened.v2`."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}

    def step(self, wire_type: str) -> Callable[[Step], Step]:
        """Decorator: the step from this version to the next. Raises ValueError: no wire type, or it has one."""
        successor(wire_type)

        def register(step: Step) -> Step:
            if wire_type in self.steps:
                raise ValueError(f"{wire_type} has a step already")
            self.steps[wire_type] = step
            return step

        return register

    def newest(self, wire_type: str) -> str:
        """The version that data of this one is read as."""
        while wire_type in self.steps:
            wire_type = successor(wire_type)
        return wire_type

    def upcast(self, wire_type: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Newest wire type and data in its form; `data` itself is left as it is."""
        if wire_type not in self.steps:
            return wire_type, data
        data = copy.deepcopy(data)
        while wire_type in self.steps:
            data = self.steps[wire_type](data)
            wire_type = successor(wire_type)
        return wire_type, data

    def read_as(self, wire_type: str) -> list[str]:
        """This wire type and all older ones that are read as it: what a consumer of it subscribes to."""
        return [wire_type, *sorted(older for older in self.steps if self.newest(older) == wire_type)]


def successor(wire_type: str) -> str:
    """The next version's wire type. Raises ValueError."""
    match = _WIRE_TYPE.match(wire_type)
    if match is None:
        raise ValueError(f"{wire_type!r} is no wire type")
    return f"{match['word']}.v{int(match['version']) + 1}"


UPCASTS = Upcasts()  # production's steps; one function each, below this line
