"""The next entry of the global log, the places it gives, and the order of streams: pure."""

from collections.abc import Mapping
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from resilibot.contracts.canonical import GENESIS
from resilibot.runtime.event_store.log_entries import Entry, LogState, Ref, next_entry
from resilibot.runtime.event_store.port import Head
from resilibot.runtime.sequencer import versions_of
from resilibot.runtime.testing import NOON

STREAMS = ("incident#a", "incident#b", "signal#c")


def head(stream: str, version: int, seconds: float) -> Head:
    return Head(stream, version, GENESIS, 1, "incident", NOON + timedelta(seconds=seconds))


def test_an_entry_begins_after_the_log_and_after_each_cursor() -> None:
    entry = next_entry(LogState(7, {"incident#a": 2}), {"incident#a": 4, "incident#b": 1})
    assert entry == Entry(8, (Ref("incident#a", 3, 4), Ref("incident#b", 1, 1)))
    assert entry is not None
    assert entry.last == 10
    assert list(entry.places()) == [(8, "incident#a", 3), (9, "incident#a", 4), (10, "incident#b", 1)]


def test_nothing_new_gives_no_entry() -> None:
    assert next_entry(LogState(7, {"incident#a": 4}), {"incident#a": 4}) is None
    assert next_entry(LogState(7, {"incident#a": 4}), {"incident#a": 3}) is None
    assert next_entry(LogState(0, {}), {}) is None


def test_the_stream_that_moved_first_comes_first_and_an_old_head_takes_nothing_back() -> None:
    heads = [head("incident#b", 3, 5), head("incident#a", 1, 9), head("incident#b", 2, 1), head("signal#c", 1, 3)]
    assert list(versions_of(heads).items()) == [("incident#b", 3), ("signal#c", 1), ("incident#a", 1)]


@given(st.lists(st.dictionaries(st.sampled_from(STREAMS), st.integers(1, 30), min_size=1), max_size=20))
def test_any_hints_give_each_event_one_position_without_gap_in_stream_order(hints: list[Mapping[str, int]]) -> None:
    state, places = LogState(0, {}), []
    for versions in hints:
        entry = next_entry(state, versions)
        if entry is not None:
            places += list(entry.places())
            state = LogState(entry.last, {**state.done, **{ref.stream: ref.hi for ref in entry.refs}})
    newest = {stream: max((h[stream] for h in hints if stream in h), default=0) for stream in STREAMS}
    assert [position for position, _, _ in places] == list(range(1, sum(newest.values()) + 1))
    for stream in STREAMS:
        assert [v for _, s, v in places if s == stream] == list(range(1, newest[stream] + 1))
