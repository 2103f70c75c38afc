"""rebuild: every read model from nothing but the store, into new tables, while the live ones go on (blue/green).

Segments of the list of streams are folded side by side, stream by stream, so memory holds one stream per segment.
After each page the segment's place is recorded: a rebuild that was killed goes on from there. Then each stream's
version is compared with HEAD until none is behind, the names are switched in one write, and once every reader must
know the new names what was appended meanwhile is folded too. Live messages overlap all this harmlessly: a state only
ever replaces an earlier one. A stream whose chain is broken ends the rebuild before the switch.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from resilibot.projections.ports import Job, Progress, ReadModelBehind, ReadModels, RebuildTables, RebuildUnderWay
from resilibot.projections.tables import FIRST
from resilibot.projections.views import View, empty_view
from resilibot.runtime.event_store.head_pages import HeadPages
from resilibot.runtime.event_store.port import EventStore

PASSES = 5  # comparing passes before the switch: each is as short as the one before let new events come


@dataclass(frozen=True)
class Report:
    """What a rebuild did: all streams and events of the job (this process and those before it), and by how many
    streams each comparing pass, the last one after the switch, found the new tables behind HEAD."""

    targets: Mapping[str, int]
    resumed: bool
    streams: int
    events: int
    folded_now: int  # streams folded by this process
    behind: Sequence[int]


@dataclass(frozen=True)
class Rebuild:
    """`settle()` waits until every reader must have seen a switch; `told` hears of progress, from any thread."""

    store: EventStore
    heads: HeadPages
    tables: RebuildTables
    settle: Callable[[], None]
    told: Callable[[Progress], None] = lambda _: None
    view_of: Callable[[str], View | None] = empty_view

    def run(self, models: Sequence[str] = (), segments: int = 4) -> Report:
        """Rebuild `models` (all when empty), or go on with the rebuild of the same models that is under way.

        Raises RebuildUnderWay, StoreError (ChainBroken names the place), ReadModelError. It may be run again.
        """
        wanted = set(models or FIRST)
        job = self.tables.job()
        resumed = job is not None
        if job is None:
            live = self.tables.live()
            job = Job({model: live[model] + 1 for model in sorted(wanted)}, segments)
            self.tables.begin(job)
        elif set(job.targets) != wanted:
            raise RebuildUnderWay(f"a rebuild of {', '.join(sorted(job.targets))} is not finished")
        target = self.tables.models(job)
        before = [self.tables.progress(segment) for segment in range(job.segments)]
        with ThreadPoolExecutor(job.segments) as pool:
            after = list(pool.map(lambda progress: self._segment(target, job, progress), before))
        behind: list[int] = []
        if not job.is_switched:
            while not behind or (behind[-1] and len(behind) < PASSES):
                behind.append(self._catch_up(target))
            self.tables.switch(job)
        self.settle()
        behind.append(self._catch_up(target))
        self.tables.end(job)
        return Report(
            targets=job.targets,
            resumed=resumed,
            streams=sum(progress.streams for progress in after),
            events=sum(progress.events for progress in after),
            folded_now=sum(progress.streams for progress in after) - sum(progress.streams for progress in before),
            behind=behind,
        )

    def _segment(self, target: ReadModels, job: Job, progress: Progress) -> Progress:
        self.told(progress)
        while not progress.is_done:
            heads, after = self.heads.page(progress.segment, job.segments, progress.after)
            events = sum(self.fold_into(target, head.stream) for head in heads)
            progress = replace(
                progress,
                after=after,
                is_done=after is None,
                streams=progress.streams + len(heads),
                events=progress.events + events,
            )
            self.tables.record(progress)
            self.told(progress)
        return progress

    def _catch_up(self, target: ReadModels) -> int:
        """Fold again each stream whose HEAD is beyond the new tables. Returns how many there were."""
        behind, after = 0, None
        while True:
            heads, after = self.heads.page(0, 1, after)
            shown = target.versions([head.stream for head in heads])
            for head in heads:
                if shown.get(head.stream, head.version) < head.version:
                    behind += 1
                    self.fold_into(target, head.stream)
            if after is None:
                return behind

    def fold_into(self, target: ReadModels, stream: str) -> int:
        """Fold one stream to its end and save it. Returns the number of its events."""
        view = self.view_of(stream)
        if view is None:
            return 0
        events = self.store.load(stream).events
        if not events:
            return 0
        view = view.apply(events)
        try:
            target.save(stream, view.states(), view.version)
        except ReadModelBehind:  # a live message was applied meanwhile: the new tables are further than this
            return len(events)
        return len(events)


def rebuilt(store: EventStore, stream: str) -> dict[str, Any]:
    """The states of one shown stream from nothing but the store."""
    view = empty_view(stream)
    assert view is not None  # noqa: S101  the caller names a stream that is shown
    return view.apply(store.load(stream).events).states()
