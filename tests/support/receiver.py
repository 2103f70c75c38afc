"""Receiver: a real HTTP server that takes webhooks, checks their signature and keeps them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    url: str
    received: list[dict[str, Any]] = field(default_factory=list)  # each with its "webhook-id" as "id"
    answers: list[int] = field(default_factory=list)  # statuses to give first; then 200

    def kinds(self, incident_id: str) -> list[str]:
        return [m["type"] for m in self.received if m["incident_id"] == incident_id]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            Webhook(SECRET).verify(body, dict(self.headers.items()))
            status = receiver.answers.pop(0) if receiver.answers else 200
            if status == 200:
                receiver.received.append({**json.loads(body), "id": self.headers["webhook-id"]})
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()
