"""Whom the door turned away is told; a flood is told as a number."""

import pytest

from resilibot.contracts.envelope import Actor
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.port import StoreUnavailable
from resilibot.runtime.http.refusals import FIRST, KINDS, STRANGER, Refusal, Refusals
from resilibot.runtime.testing import NOON


class Told:
    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.clock = ManualClock(NOON)
        self.is_down = False
        self.door = Refusals(self._tell, self.clock)

    def _tell(self, refusals: object) -> None:
        if self.is_down:
            raise StoreUnavailable("no answer")
        self.refusals += refusals  # type: ignore[operator]

    def minute(self) -> None:
        self.clock.advance(61)
        self.door.flush()


def test_the_first_is_told_at_once_and_the_others_when_the_minute_is_over() -> None:
    told = Told()
    for _ in range(1000):
        told.clock.advance(0.01)
        told.door.note("unauthenticated", "GET /incidents", 401)
    assert [one.count for one in told.refusals] == [1]
    told.minute()
    assert [one.count for one in told.refusals] == [1, 999]
    counted = told.refusals[1]
    assert (counted.caller, counted.route, counted.status) == (STRANGER, "GET /incidents", 401)
    assert counted.first_at < counted.last_at
    told.minute()
    assert len(told.refusals) == 2, "a quiet minute says nothing"


def test_like_ones_are_counted_apart_by_reason_route_and_caller() -> None:
    told = Told()
    ann = Actor(kind="person", id="ann@example.org")
    for caller in (STRANGER, ann):
        told.door.note("forbidden", "POST /erasures", 403, caller)
    told.door.note("malformed", "POST /erasures", 422, ann)
    assert [(one.reason, one.caller) for one in told.refusals] == [
        ("forbidden", STRANGER),
        ("forbidden", ann),
        ("malformed", ann),
    ]


def test_a_flood_of_all_kinds_stays_bounded_and_no_refusal_is_uncounted() -> None:
    told = Told()
    for number in range(10_000):
        told.door.note("rate_limited", f"route {number % 500}", 429, Actor(kind="system", id=f"caller {number % 700}"))
    told.minute()
    assert sum(one.count for one in told.refusals) == 10_000
    assert len(told.refusals) <= FIRST + KINDS + 1
    assert max(told.refusals, key=lambda one: one.count).route == "unknown"


def test_what_cannot_be_written_does_not_stop_the_door() -> None:
    told = Told()
    told.is_down = True
    told.door.note("malformed", "POST /incidents", 422)
    told.is_down = False
    told.door.note("malformed", "POST /incidents", 422)
    told.door.close()
    assert [one.count for one in told.refusals] == [1]


@pytest.mark.parametrize("seconds", [0, 59])
def test_within_a_minute_nothing_is_told_twice(seconds: int) -> None:
    told = Told()
    told.door.note("malformed", "POST /incidents", 422)
    told.clock.advance(seconds)
    told.door.note("malformed", "POST /incidents", 422)
    told.door.flush()
    assert len(told.refusals) == 1
