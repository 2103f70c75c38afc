"""limits: how often one caller may ask. A caller's own requests fill its own bucket, so nobody is slowed by another.

Counted in this process alone: with n of them a caller gets n times as much, and what stands before us (API Gateway)
limits all of them together. Behind a port, so that a shared count can take its place.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

MOST = 10_000  # buckets kept; the one used longest ago goes first, and begins full when it comes again


class RateLimit(Protocol):
    def take(self, key: str) -> float:
        """Take one token of `key`. 0 when it was there; else the seconds until there is one, and nothing is taken."""
        ...

    def give_back(self, key: str) -> None:
        """One token that was taken, and not needed."""
        ...


class TokenBuckets:
    """`rate` tokens a second up to `burst` for each key; memory is bounded by `most` keys. Thread-safe."""

    def __init__(
        self, rate: float, burst: int, *, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, when that was counted
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        with self._lock:
            now = self._clock()
            tokens, counted_at = self._buckets.pop(key, (float(self._burst), now))
            tokens = min(self._burst, tokens + (now - counted_at) * self._rate)
            is_there = tokens >= 1
            self._buckets[key] = (tokens - 1 if is_there else tokens, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return 0.0 if is_there else (1 - tokens) / self._rate

    def give_back(self, key: str) -> None:
        with self._lock:
            if key in self._buckets:  # else it is full
                tokens, counted_at = self._buckets[key]
                self._buckets[key] = (min(self._burst, tokens + 1), counted_at)
