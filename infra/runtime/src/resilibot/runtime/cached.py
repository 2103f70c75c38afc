"""cached: what is read from elsewhere once a minute at most: secrets. A change is known everywhere that much later."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cached(Generic[Value]):
    """Calling it gives the value, read again when older than `max_age_s`. Thread-safe. Raises what read() does."""

    def __init__(self, read: Callable[[], Value], max_age_s: float = 60) -> None:
        self._read = read
        self._max_age_s = max_age_s
        self._known: tuple[float, Value] | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Value:
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > self._max_age_s:
                self._known = (time.monotonic(), self._read())
            return self._known[1]
