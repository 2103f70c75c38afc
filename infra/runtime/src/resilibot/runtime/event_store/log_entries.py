"""log_entries: entries of a global log: which events come next, and which position each has. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from resilibot.contracts.envelope import RecordedEvent


@dataclass(frozen=True)
class Ref:
    """Events `lo .. hi` of one stream."""

    stream: str
    lo: int
    hi: int


@dataclass(frozen=True)
class Entry:
    """Refs in their order; the first event of the first ref has `position`."""

    position: int
    refs: tuple[Ref, ...]

    @property
    def last(self) -> int:
        return self.position - 1 + sum(ref.hi - ref.lo + 1 for ref in self.refs)

    def places(self) -> Iterable[tuple[int, str, int]]:
        """(position, stream, version) of each event."""
        position = self.position
        for ref in self.refs:
            for version in range(ref.lo, ref.hi + 1):
                yield position, ref.stream, version
                position += 1


@dataclass(frozen=True)
class LogState:
    """`last` position given (0: none), and the last version sequenced by stream (absent: none)."""

    last: int
    done: Mapping[str, int]


@dataclass(frozen=True)
class Sequenced:
    position: int
    event: RecordedEvent


def next_entry(state: LogState, versions: Mapping[str, int]) -> Entry | None:
    """The entry after `state` that brings each stream up to its version, in the order given; None: nothing is new."""
    refs = tuple(
        Ref(stream, state.done.get(stream, 0) + 1, version)
        for stream, version in versions.items()
        if version > state.done.get(stream, 0)
    )
    return Entry(state.last + 1, refs) if refs else None


def entry_of(item: Mapping[str, Any]) -> Entry:
    """An entry as it lies in the table."""
    refs = (ref["M"] for ref in item["refs"]["L"])
    return Entry(
        int(item["position"]["N"]), tuple(Ref(r["stream"]["S"], int(r["lo"]["N"]), int(r["hi"]["N"])) for r in refs)
    )
