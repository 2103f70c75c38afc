"""single_flight: incidents that ask the same question at the same time share one answer.

A storm of alarms about one service must not start a health check on its hosts for each of them.
"""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class SingleFlight(Generic[Answer]):
    """Answers under way, by question. Nothing is kept once it is answered, so none is much older than its question."""

    def __init__(self, at_once: int = 8) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="flight")
        self._lock = threading.Lock()
        self._under_way: dict[Hashable, Future[Answer]] = {}

    def ask(self, question: Hashable, find: Callable[[], Answer]) -> Answer:
        """find(), or the answer of one that is under way for an equal question. Raises what find raises."""
        with self._lock:
            future = self._under_way.get(question)
            if future is None:
                future = self._under_way[question] = self._pool.submit(find)
        try:
            return future.result()
        finally:
            with self._lock:
                if self._under_way.get(question) is future:
                    del self._under_way[question]
