"""Folding on from the last fold gives what folding from the beginning gives, whatever is asked in between."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import reduce
from random import Random

import pytest

from resilibot.contracts.case import IncidentCase, empty_case, evolve, fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append, ChainBroken, Stream
from resilibot.runtime.folds import KEPT_CASES, Folds, case_folds
from resilibot.runtime.testing import INCIDENT, given
from tests.support.event_store_contract import append_of
from tests.support.story import INCIDENT_EVENTS

STREAM = f"incident#{INCIDENT}"
EVENTS = tuple(given(*INCIDENT_EVENTS))
ALL = len(EVENTS)


def cut(version: int, events: tuple[RecordedEvent, ...] = EVENTS, *, after: int = 0) -> Stream:
    """Events `after` + 1 to `version`: whole, or an end."""
    return Stream.of(STREAM, events[after:version])


class Counting(InMemoryEventStore):
    """Holds EVENTS up to some version. Counts the events that it gave."""

    def __init__(self, version: int = 0) -> None:
        super().__init__()
        self.given = 0
        self.grow(0, version)

    def grow(self, after: int, version: int) -> None:
        if version > after:
            self.append([Append(STREAM, after, EVENTS[after:version])])

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        loaded = super().load(stream, after=after, upto=upto)
        self.given += len(loaded.events)
        return loaded


def texts(kept: int, store: InMemoryEventStore) -> Folds[str]:
    """Folds that are as large as their stream is long."""
    return Folds(lambda key: "", lambda text, events: text + "." * len(events), kept, store, size=len)


def test_every_cut_in_any_order_equals_a_fold_from_the_beginning() -> None:
    cases = case_folds()
    for version in (3, 5, 4, ALL, 0, 1, ALL):
        assert cases.fold(cut(version)) == fold(INCIDENT, EVENTS[:version])


@pytest.mark.parametrize("after", range(ALL))
def test_an_end_of_any_length_equals_the_whole(after: int) -> None:
    store = Counting(ALL)
    for known in range(ALL + 1):
        cases = case_folds(store)
        cases.fold(cut(known))
        assert cases.fold(cut(ALL, after=after)) == fold(INCIDENT, EVENTS)
    assert case_folds(store).fold(cut(ALL - 1, after=min(after, ALL - 2))) == fold(INCIDENT, EVENTS[:-1]), "no further"


def test_another_history_under_the_same_name_is_folded_anew() -> None:
    cases = case_folds()
    cases.fold(cut(5))
    other = tuple(given(INCIDENT_EVENTS[0], *INCIDENT_EVENTS[2:8]))
    assert cases.fold(cut(6, other)) == fold(INCIDENT, other[:6])
    restored = Counting()
    restored.append([Append(STREAM, 0, other)])
    cases = case_folds(restored)
    cases.fold(cut(5))
    assert cases.end(STREAM) == Stream.of(STREAM, other[-1:])
    assert cases.fold(cases.end(STREAM)) == fold(INCIDENT, other)


def test_an_end_that_the_store_knows_nothing_of_is_never_another_historys_fold() -> None:
    other = tuple(given(INCIDENT_EVENTS[0], *INCIDENT_EVENTS[2:8]))
    for store in (Counting(ALL), Counting(4)):
        with pytest.raises(ChainBroken):
            case_folds(store).fold(cut(6, other, after=5))


def _played(folds: Folds[IncidentCase], seed: int) -> None:
    """Whatever is asked, of whole streams, ends and last ends, with little room: always the fold of just that."""
    chance = Random(seed)
    for _ in range(60):
        version, name = chance.randint(1, ALL), f"incident#{chance.randint(1, 3)}"
        after = chance.randint(0, version - 1)
        match chance.choice(("whole", "end", "now", "last", "others")):
            case "whole":
                asked = cut(version)
            case "end":
                asked = cut(version, after=after)
            case "now":
                asked = folds.end(STREAM)
            case "last":
                asked = folds.last_end(STREAM)
            case _:
                folds.fold(replace(cut(1), id=name))
                continue
        assert folds.fold(asked) == fold(INCIDENT, EVENTS[: asked.version])
    assert folds.end(STREAM).version == ALL


def test_any_order_of_questions_gives_plain_folds_also_of_two_threads() -> None:
    store = Counting(ALL)
    folds = Folds(empty_case, lambda case, events: reduce(evolve, events, case), 2, store)
    with ThreadPoolExecutor(2) as threads:
        for played in [threads.submit(_played, folds, seed) for seed in range(12)]:
            played.result()


def test_of_a_stream_the_last_event_is_kept_and_each_is_read_once() -> None:
    store = Counting()
    cases = case_folds(store)
    for before, version in ((0, 4), (4, 4), (4, 7), (7, ALL)):
        store.grow(before, version)
        end = cases.end(STREAM)
        assert end == Stream.of(STREAM, EVENTS[version - 1 : version])
        assert cases.fold(end) == fold(INCIDENT, EVENTS[:version])
        assert store.given == version


def test_what_was_seen_last_is_told_without_reading() -> None:
    store = Counting(4)
    cases = case_folds(store)
    cases.last_end(STREAM)
    store.grow(4, 6)
    assert (cases.last_end(STREAM).version, store.given) == (4, 4)
    assert cases.fold(cut(6, after=4)) == fold(INCIDENT, EVENTS[:6])
    assert (cases.last_end(STREAM).version, store.given) == (6, 4)


def test_of_the_streams_used_last_only_so_many_are_kept_and_another_is_read_again() -> None:
    store = Counting(ALL)
    cases = case_folds(store)
    end = cases.end(STREAM)
    for number in range(KEPT_CASES - 1):
        cases.fold(replace(cut(1), id=f"incident#{number}"))
    cases.fold(end)
    assert (store.given, len(cases._known)) == (ALL, KEPT_CASES), "it was used, and is kept"
    for number in range(KEPT_CASES):
        cases.fold(replace(cut(1), id=f"incident#{number}"))
    assert len(cases._known) == KEPT_CASES
    assert cases.fold(end) == fold(INCIDENT, EVENTS), "the end alone does not tell it"
    assert store.given == 2 * ALL


def test_what_is_kept_is_counted_by_its_size_and_the_last_one_stays() -> None:
    store = InMemoryEventStore()
    folds = texts(5, store)

    def grow(name: str, *lengths: int) -> list[int]:
        for length in lengths:
            store.append([append_of(store.load(name), INCIDENT_EVENTS[:length])])
            folds.end(name)
        return [len(known.fold) for known in folds._known.values()]

    assert grow("a#1", 2) == [2]
    assert grow("a#2", 1, 2) == [2, 3]
    assert grow("a#3", 1) == [3, 1]
    assert grow("a#2", 1) == [1, 4]
    assert grow("a#4", 9) == [9]
    assert grow("a#5", 5) == [5]
    assert folds.fold(folds.end("a#2")) == "...."
