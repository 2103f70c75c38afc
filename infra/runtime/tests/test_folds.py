"""Folding on from the last case gives what folding from the beginning gives, whatever is asked in between."""

from dataclasses import replace

from resilibot.contracts.case import fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.folds import KEEP, Folds
from resilibot.runtime.testing import INCIDENT, given
from tests.support.story import INCIDENT_EVENTS

STREAM = f"incident#{INCIDENT}"
EVENTS = tuple(given(*INCIDENT_EVENTS))


def cut(version: int, events: tuple[RecordedEvent, ...] = EVENTS) -> Stream:
    return Stream(STREAM, events[:version], version, events[version - 1].hash)


def test_every_cut_in_any_order_equals_a_fold_from_the_beginning() -> None:
    folds = Folds()
    for version in (3, 5, 4, len(EVENTS), 1, len(EVENTS)):
        assert folds.fold(cut(version)) == fold(INCIDENT, EVENTS[:version])


def test_another_history_under_the_same_name_is_folded_anew() -> None:
    folds = Folds()
    folds.fold(cut(5))
    other = tuple(given(INCIDENT_EVENTS[0], *INCIDENT_EVENTS[2:8]))
    assert folds.fold(cut(6, other)) == fold(INCIDENT, other[:6])


def test_only_so_many_are_kept() -> None:
    folds = Folds()
    for number in range(KEEP + 5):
        folds.fold(replace(cut(1), id=f"incident#{number}"))
    assert len(folds._cases) == KEEP
