"""Equal questions at the same time are asked once; later ones are asked anew."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from resilibot.observe.ports import SourceFailed
from resilibot.observe.single_flight import SingleFlight


def test_a_storm_of_equal_questions_is_asked_once_and_the_next_one_anew() -> None:
    flights: SingleFlight[int] = SingleFlight()
    begun, release, asked = threading.Event(), threading.Event(), []

    def find() -> int:
        asked.append(1)
        begun.set()
        release.wait(5)
        return len(asked)

    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(flights.ask, "orders", find)
        begun.wait(5)
        others = [pool.submit(flights.ask, "orders", find) for _ in range(5)]
        assert flights.ask("billing", lambda: 7) == 7
        threading.Event().wait(0.1)  # time for the others to join
        release.set()
        assert [future.result() for future in (first, *others)] == [1] * 6
    assert flights.ask("orders", find) == 2


def test_a_failure_is_everybodys_and_is_not_kept() -> None:
    flights: SingleFlight[int] = SingleFlight()

    def fail() -> int:
        raise SourceFailed("no_data", "no host")

    with pytest.raises(SourceFailed, match="no host"):
        flights.ask("orders", fail)
    assert flights.ask("orders", lambda: 3) == 3
