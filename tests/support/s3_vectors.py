"""S3 Vectors on loopback: the operations on vectors over REST-JSON, with exact cosine distances in float32.

It refuses what the service refuses: batches over its limits, another dimension, vectors of nothing or of no number. A
request that botocore's own model of the service does not know is a failure of the test. Faults come by script.

Source: the service's API reference, and the limits of the Amazon S3 User Guide.
"""

import json
import math
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import mul
from typing import Any

import boto3
from botocore.config import Config

LIST_PAGE = 1000
STATUS = {
    "AccessDeniedException": 403,
    "InternalServerException": 500,
    "NotFoundException": 404,
    "ServiceUnavailableException": 503,
    "TooManyRequestsException": 429,
    "ValidationException": 400,
}


class Refused(Exception):
    """What the service says instead of an answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Fault:
    """Of the next `times` requests of an operation: an error's code, or other bytes than the answer's."""

    operation: str
    code: str = ""
    lie: Callable[[dict[str, Any]], object] | None = None  # makes of the true answer what is sent; bytes as they are
    times: int = 10**9


@dataclass
class S3VectorsService:
    url: str = ""
    dimension: int = 384
    metric: str = "cosine"
    bucket: str = "home-vectors"
    index: str = "runbooks"
    query_page: int = 100
    vectors: dict[str, dict[str, Any]] = field(default_factory=dict)  # key: {"data": [...], "metadata": {...}}
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def count(self, operation: str) -> int:
        return sum(one == operation for one, _ in self.asked)

    def client(self) -> Any:
        """As the runtime makes it, with short times."""
        retries: Any = {"total_max_attempts": 2, "mode": "standard"}
        config = Config(connect_timeout=1, read_timeout=1, retries=retries)
        return _session().client("s3vectors", endpoint_url=self.url, config=config)

    def answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        if (asked.pop("vectorBucketName"), asked.pop("indexName")) != (self.bucket, self.index):
            raise Refused("NotFoundException", "The specified index could not be found")
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "PutVectors": self._put,
            "QueryVectors": self._query,
            "ListVectors": self._list,
            "DeleteVectors": self._delete,
        }
        return operations[operation](asked)

    def _put(self, asked: dict[str, Any]) -> dict[str, Any]:
        (vectors,) = _fields(asked, vectors=None)
        _within(1 <= len(vectors) <= 500, "vectors")
        for vector in vectors:
            assert set(vector) <= {"key", "data", "metadata"}
            _within(1 <= len(vector["key"]) <= 1024, "key")
        read = {vector["key"]: self._numbers(vector["data"]) for vector in vectors}
        for vector in vectors:
            self.vectors[vector["key"]] = {"data": read[vector["key"]], "metadata": vector.get("metadata", {})}
        return {}

    def _query(self, asked: dict[str, Any]) -> dict[str, Any]:
        top, sought, tells_distance, token = _fields(
            asked, topK=None, queryVector=None, returnDistance=False, nextToken="0"
        )
        _within(1 <= top <= 100, "topK")
        wanted = self._numbers(sought)
        distances = {key: _float32(1 - _cosine(wanted, one["data"])) for key, one in self.vectors.items()}
        nearest = sorted(distances, key=lambda key: (distances[key], key))[:top]
        start = int(token)
        page = nearest[start : start + self.query_page]
        told = [{"key": key, **({"distance": distances[key]} if tells_distance else {})} for key in page]
        more = {"nextToken": str(start + len(page))} if start + len(page) < len(nearest) else {}
        return {"vectors": told, "distanceMetric": self.metric, **more}

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        most, tells_metadata, token = _fields(asked, maxResults=500, returnMetadata=False, nextToken="0")
        _within(1 <= most <= 1000, "maxResults")
        keys, start = sorted(self.vectors), int(token)
        end = start + min(most, LIST_PAGE)
        told = [
            {"key": key, **({"metadata": self.vectors[key]["metadata"]} if tells_metadata else {})}
            for key in keys[start:end]
        ]
        return {"vectors": told, **({"nextToken": str(end)} if end < len(keys) else {})}

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        (keys,) = _fields(asked, keys=None)
        _within(1 <= len(keys) <= 500, "keys")
        for key in keys:
            self.vectors.pop(key, None)
        return {}

    def _numbers(self, data: dict[str, Any]) -> list[float]:
        numbers = [_float32(number) for number in data["float32"]]
        _within(len(numbers) == self.dimension, "dimension")
        _within(all(map(math.isfinite, numbers)) and any(numbers), "data")
        return numbers


def _fields(asked: dict[str, Any], **known: Any) -> list[Any]:
    """In the order of `known`, which has what a missing one is; None: it may not be missing."""
    assert set(asked) <= set(known), f"this server does not know {set(asked) - set(known)}"
    found = [asked.get(name, default) for name, default in known.items()]
    _within(None not in found, "request")
    return found


def _within(is_so: bool, what: str) -> None:
    if not is_so:
        raise Refused("ValidationException", f"Invalid {what}")


def _float32(number: float) -> float:
    (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    return float(rounded)


def _cosine(one: list[float], other: list[float]) -> float:
    return math.fsum(map(mul, one, other)) / (math.hypot(*one) * math.hypot(*other))


@cache
def _session() -> Any:
    """One for all tests: it keeps the service's model that it has read."""
    return boto3.session.Session("k", "s", region_name="eu-central-1")


@contextmanager
def s3_vectors(**known: Any) -> Iterator[S3VectorsService]:
    service, lock = S3VectorsService(**known), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.path.removeprefix("/")
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                service.asked.append((operation, json.loads(json.dumps(asked))))
                fault = next((one for one in service.faults if one.operation == operation and one.times > 0), None)
                if fault is not None:
                    fault.times -= 1
                try:
                    if fault is not None and fault.code:
                        raise Refused(fault.code, "scripted")
                    told: object = service.answer(operation, asked)
                    if fault is not None and fault.lie is not None:
                        told = fault.lie(json.loads(json.dumps(told)))
                    self._send(200, told, "")
                except Refused as refused:
                    self._send(STATUS[refused.code], {"message": str(refused)}, refused.code)

        def _send(self, status: int, told: object, code: str) -> None:
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **({"x-amzn-ErrorType": code} if code else {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
