"""A rebuild while events flow, killed at any step and resumed: what is shown equals the store, byte for byte."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts.canonical import canonical
from resilibot.projections.ports import Ports, Progress, RebuildUnderWay
from resilibot.projections.project import Projector
from resilibot.projections.rebuild import Rebuild, Report, rebuilt
from resilibot.projections.tables import FIRST
from resilibot.projections.views import IncidentView, View, empty_view
from resilibot.runtime.bus.message import encode
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append, ChainBroken, Stream
from tests.support.read_models import Database, MemoryHeads, MemoryReadModels, MemoryRebuild
from tests.support.story import SHOWN, STREAMS, recorded
from tests.support.synthetic import append_synthetic, next_append, stream_of

pytestmark = [pytest.mark.feature(142), pytest.mark.feature(208)]


class Killed(BaseException):
    """kill -9: nothing of ours may catch it."""


@dataclass
class World:
    """A store, live read models and a rebuild's tables; `publish` delivers what was appended to a live projector."""

    store: InMemoryEventStore
    database: Database
    tables: MemoryRebuild
    projector: Projector

    @classmethod
    def with_incidents(cls, count: int, length: int = 12) -> "World":
        store, database = InMemoryEventStore(), Database()
        world = cls(store, database, MemoryRebuild(database), Projector(Ports(store, MemoryReadModels(database))))
        for number in range(count):
            world.publish(append_synthetic(store, number, length))
        return world

    def publish(self, stream: str) -> None:
        last = self.store.load(stream).events[-1:]
        records = [{"messageId": event.id, "body": encode(event), "attributes": {}} for event in last]
        assert self.projector.handle({"Records": records}) == {"batchItemFailures": []}

    def append(self, number: int) -> None:
        stream = self.store.load(stream_of(number))
        self.store.append([next_append(stream, number)])

    def rebuild(self, **changes: Any) -> Rebuild:
        made = Rebuild(self.store, MemoryHeads(self.store, page_size=2), self.tables, settle=lambda: None)
        return replace(made, **changes)

    def assert_shown_is_stored(self) -> None:
        live = MemoryReadModels(self.database)
        for head in self.store.heads():
            assert canonical(live.states(head.stream)) == canonical(rebuilt(self.store, head.stream)), head.stream


def test_every_model_is_rebuilt_into_new_tables_and_equals_the_live_one() -> None:
    world = World.with_incidents(0)
    for stream, events in SHOWN.items():
        world.store.append([Append(stream, 0, tuple(recorded(stream, events)))])
        world.publish(stream)
    before = {stream: canonical(MemoryReadModels(world.database).states(stream)) for stream in SHOWN}
    report = world.rebuild().run()
    assert set(world.database.live.values()) == {2}
    assert {stream: canonical(MemoryReadModels(world.database).states(stream)) for stream in SHOWN} == before
    assert (report.streams, report.events) == (len(SHOWN), sum(map(len, SHOWN.values())))


def test_one_model_alone_moves_and_the_projector_goes_on_over_both_versions() -> None:
    world = World.with_incidents(3)
    world.rebuild().run(["timelines"])
    assert world.database.live == {**FIRST, "timelines": 2}
    world.append(1)
    world.publish(stream_of(1))
    world.assert_shown_is_stored()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 6),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=12),
    st.integers(0, 14),
)
def test_live_events_and_a_kill_at_any_step_change_nothing_in_the_end(
    incidents: int, segments: int, live: list[tuple[int, bool]], killed_at: int
) -> None:
    """`live`: incidents that move while it runs, and whether the projector hears of it before the end."""
    world = World.with_incidents(incidents)
    waiting, late, steps = list(live), set[int](), iter(range(1000))

    def step(progress: Progress | None = None) -> None:
        if waiting:
            number, is_heard = waiting.pop()
            if number < incidents:
                world.append(number)
                if is_heard:
                    world.publish(stream_of(number))
                else:
                    late.add(number)
        if next(steps) == killed_at:
            raise Killed

    report: Report | None = None
    while report is None:
        try:
            report = world.rebuild(told=step, settle=step).run(segments=segments)
        except Killed:
            continue
    for number in late:
        world.publish(stream_of(number))
    world.assert_shown_is_stored()
    assert world.tables.job() is None
    assert set(world.database.live.values()) == {2}


def test_a_killed_rebuild_goes_on_where_it_was() -> None:
    world = World.with_incidents(10)

    def die(progress: Progress) -> None:
        if progress.streams >= 6:
            raise Killed

    with pytest.raises(Killed):
        world.rebuild(told=die).run(segments=1)
    assert set(world.database.live.values()) == {1}, "readers never see a half-built model"
    report = world.rebuild().run()
    assert report.resumed
    assert (report.streams, report.folded_now) == (10, 4)
    world.assert_shown_is_stored()


def test_what_moves_between_the_comparison_and_the_switch_is_shown_too() -> None:
    """The projector still writes to the old tables then, and no later message follows."""
    world = World.with_incidents(3)

    def settle() -> None:
        world.append(2)

    report = world.rebuild(settle=settle).run()
    assert report.behind[-1] == 1
    world.assert_shown_is_stored()


def test_a_new_column_appears_for_old_incidents_at_the_switch() -> None:
    @dataclass(frozen=True)
    class WithColumn:
        view: IncidentView

        @property
        def version(self) -> int:
            return self.view.version

        def apply(self, events: Any) -> "WithColumn":
            return WithColumn(self.view.apply(events))

        def states(self) -> dict[str, Any]:
            states = self.view.states()
            return states | {"incidents": states["incidents"] | {"rounds": len(self.view.case.rounds)}}

    def with_column(stream: str) -> Any:
        view = empty_view(stream)
        return WithColumn(view) if isinstance(view, IncidentView) else view

    world = World.with_incidents(4)
    seen: list[list[bool]] = []

    def read(_: Any = None) -> None:
        rows, _cursor = MemoryReadModels(world.database).newest_incidents(10, None)
        seen.append(["rounds" in row for row in rows])

    columns: Callable[[str], View | None] = with_column
    world.rebuild(view_of=columns, told=read, settle=read).run()
    assert seen == [[False] * 4] * (len(seen) - 1) + [[True] * 4], "none, or all: never some"


def test_another_rebuild_that_is_not_finished_is_named() -> None:
    world = World.with_incidents(3)

    def die(progress: Progress) -> None:
        raise Killed

    with pytest.raises(Killed):
        world.rebuild(told=die).run(["cases"])
    with pytest.raises(RebuildUnderWay, match="cases"):
        world.rebuild().run(["signals"])


class Tampered(InMemoryEventStore):
    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        if stream == stream_of(1):
            raise ChainBroken(f"{stream}:3", "altered")
        return super().load(stream, after=after, upto=upto)


def test_a_broken_chain_ends_the_rebuild_before_the_switch() -> None:
    world = World.with_incidents(3)
    tampered = Tampered()
    tampered.__dict__.update(world.store.__dict__)
    with pytest.raises(ChainBroken, match=f"{stream_of(1)}:3"):
        world.rebuild(store=tampered).run()
    assert set(world.database.live.values()) == {1}


def test_a_stream_that_nothing_shows_is_passed_over() -> None:
    world = World.with_incidents(1)
    log = recorded("watch#cpu", STREAMS["control#erasure"])
    world.store.append([Append("watch#cpu", 0, tuple(log))])
    world.publish("watch#cpu")
    report = world.rebuild().run()
    assert (report.streams, report.events, set(report.behind)) == (2, 12, {0})
