"""patient: one process of the checkout service. `python -m resilibot.local.world.patient HOST_ROOT PORT`

Serves /checkout and /health with the code of the release that `current` points to. SIGUSR1 makes it take a lock that
every request needs and never give it back: a real deadlock, in which connections hang.
"""

import importlib.util
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

LOCK = threading.Lock()
WORKERS = 16
ACCESS_LOG_SHARE = 0.1
CUSTOMERS = ("member", "guest")


class PooledServer(HTTPServer):
    """As many requests at once as there are workers; the rest waits, as in a real server."""

    request_queue_size = 64

    def __init__(self, port: int, release: str, app: ModuleType) -> None:
        self.release = release
        self.app = app
        self._pool = ThreadPoolExecutor(WORKERS)
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._pool.submit(self._serve, request, client_address)

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client gave up
        finally:
            self.shutdown_request(request)


class Handler(BaseHTTPRequestHandler):
    server: PooledServer

    def do_GET(self) -> None:
        started = time.monotonic()
        with LOCK:
            pass
        if self.path == "/health":
            self._answer(200, {"release": self.server.release})
            return
        customer = random.choice(CUSTOMERS)
        time.sleep(random.uniform(0.004, 0.012))  # the database's share
        try:
            total = self.server.app.checkout(random.sample(sorted(self.server.app.PRICES), 2), customer)
        except LookupError as error:  # as a web framework does; what the releases get wrong is looking something up
            where = traceback.extract_tb(error.__traceback__)[-1]
            log(
                "ERROR",
                f"checkout failed release={self.server.release} "
                f"{type(error).__name__}: {error} at {Path(where.filename).name}:{where.lineno}",
            )
            self._answer(500, {"error": type(error).__name__})
            return
        self._answer(200, {"total": total})
        if random.random() < ACCESS_LOG_SHARE:
            log("INFO", f"GET /checkout 200 {(time.monotonic() - started) * 1000:.1f} ms")

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """The access log is our own."""


def log(level: str, message: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sys.stdout.write(f"{now} {level} {message}\n")
    sys.stdout.flush()


def load(release_dir: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("app", release_dir / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"no app.py in {release_dir}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(root: Path, port: int) -> None:
    current = (root / "opt" / "checkout" / "current").resolve()
    sys.dont_write_bytecode = True
    server = PooledServer(port, current.name, load(current))
    signal.signal(signal.SIGUSR1, lambda *_: LOCK.acquire(timeout=2))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    log("INFO", f"checkout {current.name} serves")
    server.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
