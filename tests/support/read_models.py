"""Read models and a rebuild's tables in memory, with the rules of the real ones: never back, all or none."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from resilibot.projections.ports import Job, Progress, ReadModelBehind
from resilibot.projections.tables import FIRST, MODELS
from resilibot.runtime.event_store.port import EventStore, Head


class Database:
    """States by (model, table version, stream). Thread-safe; `fail_next` makes one save lose a race."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, int, str], tuple[int, Any]] = {}
        self.live: dict[str, int] = dict(FIRST)
        self.lock = threading.Lock()
        self.fail_next = False
        self.saves = 0


class MemoryReadModels:
    def __init__(self, database: Database, names: Callable[[], Mapping[str, int]] | None = None) -> None:
        self.database = database
        self._names = names or (lambda: database.live)

    def version(self, stream: str) -> int:
        return self.versions([stream]).get(stream, 0)

    def versions(self, streams: Sequence[str]) -> dict[str, int]:
        names, found = self._names(), {}
        for stream in streams:
            models = [model for model in MODELS.get(stream.partition("#")[0], ()) if model in names]
            if models:
                found[stream] = min(self.database.items.get((m, names[m], stream), (0, None))[0] for m in models)
        return found

    def save(self, stream: str, states: Mapping[str, Any], version: int) -> None:
        names, database = self._names(), self.database
        places = {model: (model, names[model], stream) for model in states if model in names}
        with database.lock:
            if database.fail_next or any(database.items.get(p, (0,))[0] > version for p in places.values()):
                database.fail_next = False
                raise ReadModelBehind(stream)
            database.saves += 1
            database.items.update({place: (version, states[model]) for model, place in places.items()})

    def get(self, model: str, stream: str) -> Any | None:
        return self.database.items.get((model, self._names()[model], stream), (0, None))[1]

    def newest_incidents(
        self, limit: int, cursor: str | None, opened_by: datetime | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        version = self._names()["incidents"]
        rows = [state for (m, v, _), (_, state) in self.database.items.items() if (m, v) == ("incidents", version)]
        known = [row for row in rows if opened_by is None or datetime.fromisoformat(row["opened_at"]) <= opened_by]
        return sorted(known, key=lambda row: str(row["opened_at"]), reverse=True)[:limit], None

    def states(self, stream: str) -> dict[str, Any]:
        """All that is shown of a stream."""
        models = MODELS[stream.partition("#")[0]]
        return {model: self.get(model, stream) for model in models}


class MemoryRebuild:
    """RebuildTables. The record of job and progress outlives a Rebuild object, as a table outlives a process."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._job: Job | None = None
        self._progress: dict[int, Progress] = {}

    def live(self) -> dict[str, int]:
        return dict(self.database.live)

    def job(self) -> Job | None:
        return self._job

    def begin(self, job: Job) -> None:
        assert self._job is None
        self._job = job

    def models(self, job: Job) -> MemoryReadModels:
        return MemoryReadModels(self.database, lambda: job.targets)

    def progress(self, segment: int) -> Progress:
        return self._progress.get(segment, Progress(segment))

    def record(self, progress: Progress) -> None:
        self._progress[progress.segment] = progress

    def switch(self, job: Job) -> None:
        assert self._job == job
        assert not job.is_switched
        self.database.live = {**self.database.live, **job.targets}
        self._job = Job(job.targets, job.segments, is_switched=True)

    def end(self, job: Job) -> None:
        self._job = None
        self._progress.clear()


class MemoryHeads:
    """HeadPages over any store: segments by a checksum of the name, pages in the order of names."""

    def __init__(self, store: EventStore, page_size: int = 100) -> None:
        self._store = store
        self._page_size = page_size

    def page(self, segment: int, segments: int, after: str | None, limit: int = 100) -> tuple[list[Head], str | None]:
        size = min(limit, self._page_size)
        own = [h for h in self._store.heads() if sum(h.stream.encode()) % segments == segment]
        rest = sorted((h for h in own if after is None or h.stream > after), key=lambda head: head.stream)
        return rest[:size], rest[size - 1].stream if len(rest) > size else None

    def count(self) -> int:
        return len(list(self._store.heads()))
