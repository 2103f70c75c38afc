"""budget: how many questions a model may read. Counted in this process: n of them may ask n times as much."""

import threading
import time
from collections import deque
from collections.abc import Callable

HOUR_S = 3600.0


class HourlyBudget:
    """At most `most` in any hour, whichever hour it is. Thread-safe."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._taken: deque[float] = deque(maxlen=most)
        self._clock = clock
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one, if there is one left."""
        with self._lock:
            now = self._clock()
            if len(self._taken) == self._taken.maxlen and now - self._taken[0] < HOUR_S:
                return False
            self._taken.append(now)  # the oldest falls out
            return True
