"""traffic: a balancer over the hosts and a steady load through it, counted second by second.

The load is open: a request starts on time whatever became of those before, so a hanging host cannot slow it down.
"""

import http.client
import itertools
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from resilibot.local.world.hosts import Host

RATE = 20.0  # requests a second
TIMEOUT_S = 0.6
BURST_EVERY_S = 4.0  # a batch client comes by: several requests at once, which is normal
BURST = (3, 12)


@dataclass
class Counts:
    """What the balancer saw of one host in one second. latency_ms holds one value per request."""

    requests: int = 0
    errors: int = 0
    latency_ms: list[float] = field(default_factory=list)


class Traffic:
    """Runs until stopped. `on_problem` gets a log line for each time-out."""

    def __init__(self, hosts: Sequence[Host], on_problem: Callable[[Host, str], None]) -> None:
        self._hosts = hosts
        self._turn = itertools.cycle(hosts)
        self._on_problem = on_problem
        self._pool = ThreadPoolExecutor(64, thread_name_prefix="request")
        self._lock = threading.Lock()
        self._counts: dict[str, Counts] = defaultdict(Counts)
        self._in_flight = 0
        self._deepest = 0
        self._stopping = threading.Event()
        self.last_error_at = time.monotonic()

    def start(self) -> None:
        threading.Thread(target=self._steady, daemon=True, name="load").start()
        threading.Thread(target=self._bursts, daemon=True, name="bursts").start()

    def stop(self) -> None:
        self._stopping.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def take(self) -> tuple[dict[str, Counts], int]:
        """Counts by host since the last take, and the most requests in flight at once."""
        with self._lock:
            counts, self._counts = dict(self._counts), defaultdict(Counts)
            deepest, self._deepest = self._deepest, self._in_flight
        return counts, deepest

    def _steady(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            self._send(1)
            due += 1 / RATE
            self._stopping.wait(max(0, due - time.monotonic()))

    def _bursts(self) -> None:
        while not self._stopping.wait(BURST_EVERY_S * random.uniform(0.6, 1.4)):
            self._send(random.randint(*BURST))

    def _send(self, number: int) -> None:
        for _ in range(number):
            with self._lock:
                self._in_flight += 1
                self._deepest = max(self._deepest, self._in_flight)
                host = next(self._turn)
            try:
                self._pool.submit(self._request, host)
            except RuntimeError:  # the pool was shut down while we ran
                return

    def _request(self, host: Host) -> None:
        started = time.monotonic()
        failed = ""
        try:
            address = urlsplit(host.url)
            connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_S)
            connection.request("GET", "/checkout")
            status = connection.getresponse().status
            connection.close()
            if status >= 500:
                failed = "error"
        except TimeoutError:
            failed = "timeout"
            self._on_problem(host, f"WARN upstream timeout host={host.instance_id} after={TIMEOUT_S * 1000:.0f} ms")
        except (OSError, http.client.HTTPException) as error:
            failed = "refused"
            self._on_problem(host, f"WARN upstream {type(error).__name__} host={host.instance_id}")
        took_ms = (time.monotonic() - started) * 1000
        with self._lock:
            self._in_flight -= 1
            counts = self._counts[host.instance_id]
            counts.requests += 1
            counts.latency_ms.append(took_ms)
            if failed:
                counts.errors += 1
                self.last_error_at = time.monotonic()


def log_line(message: str) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{now} {message}"
