"""Scripted HTTP: a real server on loopback that answers POSTs by a script, piece by piece, and keeps what it got."""

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
    piece: int = 40  # characters of the answer in one event
    events: int | None = None  # the answer ends after so many, as if there were no more
    fault: str = ""  # after the first piece of the answer: an error of this code, and the end
    cut_at: int | None = None  # the line is closed after so many bytes of the body
    pause_s: float = 0.0  # before each event
    trickle_s: float = 0.0  # pause between two bytes of the body
    body: bytes | None = None  # instead of the protocol's own
    mangle: Callable[[bytes], bytes] | None = None  # what becomes of the body on the way
    refusal: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Script = Step | Callable[[dict[str, Any]], Step]  # a function reads the request: a model that obeys what it reads


@dataclass
class Endpoint:
    url: str
    steps: list[Script] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)  # {"path", "headers", "body"}
    metered: list[tuple[int, int]] = field(default_factory=list)  # tokens of every answer that was sent whole
    sent: int = 0  # events of the last answer that the line took

    def script(self, *steps: Script) -> None:
        self.steps[:] = steps


@dataclass(frozen=True)
class Protocol:
    """How a step is put into words: the events of an answer, and the body and headers of an error."""

    answer: Callable[[Step, dict[str, Any]], list[bytes]]
    error: Callable[[Step], tuple[bytes, dict[str, str]]]
    content_type: str  # of an answer


@contextmanager
def serving(protocol: Protocol) -> Iterator[Endpoint]:
    """Answers go out in chunks, as they do from the real ones."""
    endpoint, lock, closing = Endpoint(""), threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                endpoint.requests.append({"path": self.path, "headers": dict(self.headers.items()), "body": body})
                script = endpoint.steps.pop(0)
                endpoint.sent = 0
            step = script(body) if callable(script) else script
            closing.wait(step.delay_s)
            if step.drop:
                self.connection.close()
                return
            with suppress(OSError):  # the client gave up
                self._respond(step, body)

        def _respond(self, step: Step, request: dict[str, Any]) -> None:
            if step.status == 200:
                pieces, headers = protocol.answer(step, request)[: step.events], {"Content-Type": protocol.content_type}
            else:
                told, headers = protocol.error(step)
                pieces = [told]
            self.send_response(step.status)
            headers = {"Content-Type": "application/json", **headers, **step.headers}
            for name, value in {**headers, "Transfer-Encoding": "chunked", "Connection": "close"}.items():
                self.send_header(name, value)
            self.end_headers()
            pieces = pieces if step.body is None else [step.body]
            pieces = pieces if step.mangle is None else [step.mangle(b"".join(pieces))]
            is_whole = step.body is None and step.mangle is None and step.events is None and not step.fault
            if self._send(step, pieces) and step.status == 200 and is_whole and step.usage:
                endpoint.metered.append(step.usage)

        def _send(self, step: Step, pieces: list[bytes]) -> bool:
            """Whether all of it went out, with its end."""
            left = step.cut_at
            for piece in pieces:
                closing.wait(step.pause_s)
                shown = piece if left is None else piece[:left]
                for part in [shown[at : at + 1] for at in range(len(shown))] if step.trickle_s else [shown]:
                    if closing.wait(step.trickle_s):
                        return False
                    self._chunk(part)
                endpoint.sent += 1
                left = None if left is None else left - len(shown)
                if left == 0:
                    return False
            self._chunk(b"")
            return True

        def _chunk(self, part: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()

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


def pieces_of(step: Step) -> list[str]:
    """The text of an answer, as it comes."""
    text = text_of(step.answer)
    return [text[at : at + step.piece] for at in range(0, len(text), step.piece)]


def text_of(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer)


def asked_value(user: str) -> Any:
    """The JSON value between the marks of a user message."""
    _, mark, quoted, end = user.split("\n")
    assert mark == end
    return json.loads(quoted)
