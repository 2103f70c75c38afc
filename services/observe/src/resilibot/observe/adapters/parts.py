"""parts: an answer that takes several calls: what fails of it is a gap, the rest stands."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import SourceFailed

Client = Callable[[], Any]  # makes the client when something is asked for the first time


@dataclass
class Parts:
    gaps: list[SourceFailed] = field(default_factory=list)

    def ask(self, question: str, call: Callable[..., dict[str, Any]], **arguments: Any) -> dict[str, Any]:
        """The answer, or {} and a gap."""
        try:
            with asking(question):
                return call(**arguments)
        except SourceFailed as failed:
            self.gaps.append(failed)
            return {}
