"""Scripted HTTP: a real server on loopback that answers POSTs by a script and keeps what it got."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Step:
    """One answer of a model endpoint. The default: an answer that ended well."""

    answer: Any = None  # sent as JSON text; a string as it is
    stop: str | None = "stop"  # the endpoint's own word; "stop" is translated; None: left out
    usage: tuple[int, int] | None = (1000, 100)  # None: left out
    status: int = 200
    code: str = ""  # the endpoint's code of an error
    message: str = "scripted"
    delay_s: float = 0.0
    drop: bool = False  # the line is closed before any answer
    cut_at: int | None = None  # the line is closed after so many bytes of the body
    trickle_s: float = 0.0  # pause between two bytes of the body
    body: bytes | None = None  # instead of the protocol's own
    refusal: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Script = Step | Callable[[dict[str, Any]], Step]  # a function reads the request: a model that obeys what it reads


@dataclass
class Endpoint:
    url: str
    steps: list[Script] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)  # {"path", "headers", "body"}
    metered: list[tuple[int, int]] = field(default_factory=list)  # tokens of every answer that was sent whole

    def script(self, *steps: Script) -> None:
        self.steps[:] = steps


@contextmanager
def serving(
    answer: Callable[[Step, dict[str, Any]], bytes], error: Callable[[Step], tuple[bytes, dict[str, str]]]
) -> Iterator[Endpoint]:
    """`answer` and `error` put a step into the words of a protocol."""
    endpoint, lock, closing = Endpoint(""), threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                endpoint.requests.append({"path": self.path, "headers": dict(self.headers.items()), "body": body})
                script = endpoint.steps.pop(0)
            step = script(body) if callable(script) else script
            closing.wait(step.delay_s)
            if step.drop:
                self.connection.close()
                self.close_connection = True
                return
            payload, headers = (answer(step, body), {}) if step.status == 200 else error(step)
            self._send(step, payload if step.body is None else step.body, {**headers, **step.headers})

        def _send(self, step: Step, payload: bytes, headers: dict[str, str]) -> None:
            self.send_response(step.status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(payload)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if step.trickle_s:
                self._trickle(step, payload)
                return
            with suppress(OSError):  # the client gave up
                self.wfile.write(payload[: step.cut_at])
            if step.cut_at is None and step.status == 200 and step.usage is not None:
                endpoint.metered.append(step.usage)

        def _trickle(self, step: Step, payload: bytes) -> None:
            for at in range(len(payload)):
                if closing.wait(step.trickle_s):
                    return
                try:
                    self.wfile.write(payload[at : at + 1])
                    self.wfile.flush()
                except OSError:
                    return

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield endpoint
    finally:
        closing.set()
        server.shutdown()
        server.server_close()


def text_of(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer)


def asked_value(user: str) -> Any:
    """The JSON value between the marks of a user message."""
    _, mark, quoted, end = user.split("\n")
    assert mark == end
    return json.loads(quoted)
