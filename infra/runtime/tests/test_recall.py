"""A recalled stream is the stored one, read once; what does not continue it is read anew."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.event_store.recall import Recall
from tests.support.event_store_contract import EVENTS, append_of

STREAM = "incident#01JD9Z3K6Q8V7W2X4Y5Z6A7B8C"


class Counting(InMemoryEventStore):
    """Counts the events that were read from it."""

    read = 0

    def load(self, stream: str, **bounds: Any) -> Stream:
        loaded = super().load(stream, **bounds)
        self.read += len(loaded.events)
        return loaded


@given(st.lists(st.tuples(st.integers(0, 12), st.none() | st.integers(0, 12)), max_size=8))
def test_any_part_is_what_the_store_has(parts: list[tuple[int, int | None]]) -> None:
    store = Counting()
    recalling = Recall(store, kept=15)
    for after, upto in parts:
        end = store.load(STREAM)
        store.append([append_of(end, EVENTS[:2])])
        assert (
            recalling.load(STREAM, after=after, upto=upto).events == store.load(STREAM, after=after, upto=upto).events
        )


def test_only_what_is_new_is_read() -> None:
    store = Counting()
    recalling = Recall(store)
    store.append([append_of(Stream(STREAM), EVENTS[:9])])
    recalling.load(STREAM)
    recalling.load(STREAM, upto=4)
    store.append([append_of(recalling.load(STREAM), EVENTS[:1])])
    assert recalling.load(STREAM).version == 10
    assert store.read == 10


def test_no_more_than_so_many_events_are_kept() -> None:
    store = Counting()
    recalling = Recall(store, kept=5)
    for name in ("target#a", "target#b"):
        store.append([append_of(Stream(name), EVENTS[:3])])
        recalling.load(name)
    recalling.load("target#a")
    assert store.read == 9, "the first had to go"


@pytest.mark.feature(141)
def test_a_tail_that_does_not_continue_what_is_known_is_not_joined_to_it() -> None:
    store = Counting()
    recalling = Recall(store)
    store.append([append_of(Stream(STREAM), EVENTS[:3])])
    recalling.load(STREAM)
    rewritten = Counting()
    rewritten.append([append_of(Stream(STREAM), [*EVENTS[1:4], EVENTS[0]])])
    store.__dict__.update(rewritten.__dict__)
    assert recalling.load(STREAM).events == rewritten.load(STREAM).events
