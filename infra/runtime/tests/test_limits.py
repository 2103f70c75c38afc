"""Token buckets: a burst, then the lasting rate; nobody pays for another; memory does not grow."""

import threading

import pytest

from resilibot.runtime.http.limits import TokenBuckets

pytestmark = pytest.mark.feature(83)


class Hands:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_served_and_then_it_is_said_how_long_to_wait() -> None:
    clock = Hands()
    buckets = TokenBuckets(2, 3, clock=clock)
    assert [buckets.take("ann") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now += 0.5
    assert [buckets.take("ann"), buckets.take("ann")] == [0, 0.5]
    clock.now += 60
    assert [buckets.take("ann") for _ in range(4)] == [0, 0, 0, 0.5], "never more than the burst"


def test_a_refused_request_costs_nothing_and_nobody_pays_for_another() -> None:
    clock = Hands()
    buckets = TokenBuckets(1, 1, clock=clock)
    buckets.take("noisy")
    assert all(buckets.take("noisy") for _ in range(1000))
    assert buckets.take("quiet") == 0
    clock.now += 1
    assert buckets.take("noisy") == 0


def test_memory_is_bounded_whoever_asks() -> None:
    buckets = TokenBuckets(1, 1, most=10, clock=Hands())
    for number in range(1000):
        buckets.take(f"stranger {number}")
    assert len(buckets._buckets) == 10


def test_a_crowd_of_threads_gets_exactly_the_burst() -> None:
    buckets = TokenBuckets(0.001, 100)
    served: list[float] = []
    threads = [threading.Thread(target=lambda: served.extend(buckets.take("ann") for _ in range(50))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served.count(0) == 100
