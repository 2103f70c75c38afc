"""Rates: who is over is held back until its turn, keeps its turn, and holds nobody else up."""

from datetime import timedelta

from resilibot.ingest.rate import LONGEST_S, Rates
from resilibot.runtime.testing import NOON


def test_a_burst_goes_through_and_what_is_above_gets_its_turns_at_the_rate() -> None:
    rates = Rates(rate_per_s=2, burst=3)
    waits = [rates.wait_s("cloudwatch/1", f"m{n}", NOON) for n in range(6)]
    assert waits == [0, 0, 0, 0.5, 1.0, 1.5]


def test_a_message_that_was_held_back_is_taken_when_it_returns_however_many_came_since() -> None:
    rates = Rates(rate_per_s=1, burst=1)
    assert [rates.wait_s("a", f"m{n}", NOON) for n in range(3)] == [0, 1, 2]
    later = NOON + timedelta(seconds=1)
    assert rates.wait_s("a", "new", later) == 2
    assert rates.wait_s("a", "m1", later) == 0
    assert rates.wait_s("a", "m2", later) == 1  # it came back too early, and keeps its turn


def test_one_source_does_not_hold_up_another() -> None:
    rates = Rates(rate_per_s=1, burst=1)
    assert [rates.wait_s("a", f"m{n}", NOON) for n in range(3)] == [0, 1, 2]
    assert rates.wait_s("b", "m9", NOON) == 0


def test_a_bucket_fills_again_and_no_further_than_its_burst() -> None:
    rates = Rates(rate_per_s=1, burst=2)
    for number in range(2):
        rates.wait_s("a", f"m{number}", NOON)
    later = NOON + timedelta(hours=1)
    assert [rates.wait_s("a", f"n{n}", later) for n in range(3)] == [0, 0, 1]


def test_no_wait_is_longer_than_a_queue_can_hide_a_message() -> None:
    rates = Rates(rate_per_s=0.0001, burst=1)
    rates.wait_s("a", "m1", NOON)
    assert rates.wait_s("a", "m2", NOON) == LONGEST_S
