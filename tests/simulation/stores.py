"""stores: what lasts, as each process sees it: one store below, at which a call may fail or be overtaken."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from resilibot.contracts.envelope import RecordedEvent
from resilibot.projections.ports import ReadModelBehind, ReadModelUnavailable
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append, Head, StoreUnavailable, Stream, Timer
from tests.simulation.process import Process


@dataclass(frozen=True)
class Written:
    """One append that the store took, in the order of all appends; `now` is the writer's clock."""

    service: str
    now: datetime
    appends: tuple[Append, ...]


@dataclass
class Journal:
    """Kept beside the store by the simulation: what was written, and what a writer was told is written."""

    written: list[Written] = field(default_factory=list)
    acknowledged: list[RecordedEvent] = field(default_factory=list)


@dataclass
class SimStore:
    """The event store as one process sees it."""

    inner: InMemoryEventStore
    process: Process
    journal: Journal

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        self.process.overtaken(f"load {stream.partition('#')[0]}")
        return self.inner.load(stream, after=after, upto=upto)

    def append(self, appends: Sequence[Append], timers: Sequence[Timer] = ()) -> None:
        events = [event for append in appends for event in append.events]
        what = "+".join(event.type.partition(".")[0] for event in events)
        now = self.process.now()
        self.process.boundary(f"before append {what}")
        if self.process.adversary.strikes("unavailable", f"append {what}"):
            raise StoreUnavailable("throttled")
        self.inner.append(appends, timers)
        self.journal.written.append(Written(self.process.name, now, tuple(appends)))
        self.process.boundary(f"after append {what}")
        if self.process.adversary.strikes("lost_answer", f"append {what}"):
            raise StoreUnavailable("the answer was lost")
        self.journal.acknowledged += events

    def heads(self) -> Iterator[Head]:
        return self.inner.heads()


@dataclass
class SimTimers:
    """The timer table; the store's own transactions write to the same one."""

    timers: dict[str, Timer]

    def schedule(self, timers: Sequence[Timer]) -> None:
        for timer in timers:
            self.timers.setdefault(timer.id, timer)

    def due(self, now: datetime, limit: int = 50) -> list[Timer]:
        due = [timer for timer in self.timers.values() if timer.due_at <= now]
        return sorted(due, key=lambda timer: (timer.due_at, timer.id))[:limit]

    def done(self, timer: Timer) -> None:
        self.timers.pop(timer.id, None)


@dataclass
class SimReadModels:
    """Versioned states. `kept` is shared by all processes."""

    process: Process
    kept: dict[str, tuple[int, Mapping[str, Any]]]

    def version(self, stream: str) -> int:
        return self.kept.get(stream, (0, {}))[0]

    def versions(self, streams: Sequence[str]) -> dict[str, int]:
        return {stream: self.version(stream) for stream in streams}

    def save(self, stream: str, states: Mapping[str, Any], version: int) -> None:
        self.process.boundary("before save")
        if self.process.adversary.strikes("unavailable", "save"):
            raise ReadModelUnavailable(stream)
        if self.version(stream) > version:
            raise ReadModelBehind(f"{stream} is beyond {version}")
        self.kept[stream] = (version, states)
        self.process.boundary("after save")

    def get(self, model: str, stream: str) -> Any | None:
        return self.kept.get(stream, (0, {}))[1].get(model)

    def newest_incidents(
        self, limit: int, cursor: str | None, opened_by: datetime | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        rows = [states["incidents"] for _, states in self.kept.values() if "incidents" in states]
        return sorted(rows, key=lambda row: row["opened_at"], reverse=True)[:limit], None
