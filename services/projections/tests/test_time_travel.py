"""`?at=`: any read model at any version or moment equals a fold cut there."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts.canonical import canonical
from resilibot.projections.project import fold_view
from resilibot.projections.time_travel import NotAPlaceInTime, place, states_at
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append
from tests.support.story import NOON, SHOWN, recorded
from tests.support.synthetic import append_synthetic, bodies, stream_of

pytestmark = pytest.mark.feature(201)
STORE = InMemoryEventStore()
LOGS = {stream: recorded(stream, events) for stream, events in SHOWN.items()}
for name, log in LOGS.items():
    STORE.append([Append(name, 0, tuple(log))])
LONG = append_synthetic(STORE, 1, 200)
LOGS[LONG] = list(STORE.load(LONG).events)


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(sorted(LOGS)), st.integers(1, 200))
def test_at_a_version_equals_a_fold_cut_there(stream: str, version: int) -> None:
    cut = [event for event in LOGS[stream] if event.version <= version]
    assert canonical(states_at(STORE, stream, version)) == canonical(fold_view(stream, cut).states())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(LOGS)), st.integers(0, 210_000))
def test_at_a_moment_equals_a_fold_of_what_was_recorded_by_then(stream: str, after_ms: int) -> None:
    moment = NOON + timedelta(milliseconds=after_ms)
    cut = [event for event in LOGS[stream] if event.envelope.recorded_at <= moment]
    expected: Any = fold_view(stream, cut).states() if cut else None
    assert canonical(states_at(STORE, stream, moment)) == canonical(expected)


def test_before_the_first_event_there_is_nothing() -> None:
    assert states_at(STORE, LONG, 0) is None
    assert states_at(STORE, LONG, NOON) is None
    assert states_at(STORE, "incident#unknown", 3) is None


@pytest.mark.parametrize("text", ["yesterday", "", "-1", "1.5", "2026-11-24T12:00:00", "²"])
def test_what_is_no_place_in_time_is_refused(text: str) -> None:
    with pytest.raises(NotAPlaceInTime, match="at: "):
        place(text)


def test_a_place_is_a_version_or_a_moment() -> None:
    assert place("7") == 7
    assert place("2026-11-24T13:00:00+01:00") == NOON


def test_synthetic_streams_are_canonical_and_their_own() -> None:
    """The generator's shortcut writes what the envelope itself would write."""
    events = STORE.load(LONG).events
    assert [event.envelope.body() for event in events] == [event.body for event in events] == list(bodies(1, 200))
    assert len({event.id for event in events}) == 200
    assert {event.stream for event in events} == {stream_of(1)}
