"""s3_vectors_index: Amazon S3 Vectors keeps the vectors of the chunks and searches them; this process has their names.

A vector's key is MODEL/HASH (both SHA-256), its metadata say when it was put. The index belongs to one home alone: keys
of this form that the library no longer has are deleted once they are GRACE_S old, so that edited runbooks do not fill
the answers with what they were. Younger ones are only left out: another process may have read a newer library.

What is answered is data: no key that is not a chunk of the library is ever taken, and an answer that cannot be right
is refused as a whole.

Limits: Amazon S3 User Guide, "S3 Vectors: Limitations and restrictions". Cosine distance is 1 - cosine, from 0 to 2.
"""

import logging
import math
import re
import struct
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from resilibot.contracts.evidence import GapReason
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client
from resilibot.observe.ports import SourceFailed
from resilibot.observe.runbook_ports import IndexUnavailable

log = logging.getLogger(__name__)

AT_ONCE = 500  # vectors of a PutVectors, keys of a DeleteVectors
LISTED_AT_ONCE = 1000
TOP_K = 100  # of a QueryVectors
PAGES = 10  # of one answer of a QueryVectors
LISTED_S = 600  # then the names are listed anew: another process may have added or deleted some
LISTING_S = 8  # longest time for all pages of that
GRACE_S = 86_400
PAUSE_S = 30  # after a failure, before the index is asked again: each search waits for it
ROUNDING = 0.001  # of a distance, beyond which it is none
_OURS = re.compile(r"[0-9a-f]{64}/[0-9a-f]{64}")


class S3VectorsIndex:
    """`client` makes the boto3 client when it is first asked for. `now`: seconds since 1970."""

    def __init__(self, client: Client, bucket: str, index: str, now: Callable[[], float] = time.time) -> None:
        self._client = client
        self._where = {"vectorBucketName": bucket, "indexName": index}
        self._now = now
        self._stored: set[str] = set()  # keys, of every model
        self._listed_at = float("-inf")
        self._failed: tuple[float, IndexUnavailable] | None = None
        self.name = f"S3 Vectors {bucket}/{index}"

    def missing(self, model: str, chunks: Collection[str]) -> set[str]:
        if not chunks:
            return set()
        if not 0 <= self._now() - self._listed_at < LISTED_S:
            self._list({_key(model, one) for one in chunks})
        return {one for one in chunks if _key(model, one) not in self._stored}

    def add(self, model: str, vectors: Mapping[str, bytes]) -> None:
        put = {"put": int(self._now())}
        for some in _batches(vectors):
            told = {_key(model, one): {"float32": _numbers(vectors[one])} for one in some}
            self._ask("PutVectors", vectors=[{"key": key, "data": told[key], "metadata": put} for key in told])
            self._stored |= told.keys()

    def nearest(self, model: str, query: bytes, chunks: Sequence[str]) -> dict[str, float]:
        if not chunks:
            return {}
        answered = self._query(_numbers(query))
        if len(answered) < len(self._stored) <= TOP_K:
            self._listed_at = float("-inf")  # it lacks what was listed: look again before the next search
        found = {one: 1 - answered[key] for one in chunks if (key := _key(model, one)) in answered}
        if not found:
            raise IndexUnavailable("no_data", f"{self.name}: of all that it found nearest nothing is of a runbook now")
        return found

    def _query(self, vector: list[float]) -> dict[str, float]:
        """Distance by key, of as many pages as there are; of a key that comes twice the larger one."""
        found: dict[str, float] = {}
        question: dict[str, Any] = {"topK": TOP_K, "queryVector": {"float32": vector}, "returnDistance": True}
        for _ in range(PAGES):
            answer = self._ask("QueryVectors", **question)
            if answer.get("distanceMetric") != "cosine":
                metric = str(answer.get("distanceMetric"))[:40]
                raise self._failure("not_supported", f"it compares by {metric!r}, not by cosine")
            for entry in self._entries("QueryVectors", answer):
                distance = _distance(entry)
                if distance is None:
                    raise self._failure("error", "QueryVectors answered with no distance, or with what is none")
                found[entry["key"]] = max(distance, found.get(entry["key"], 0.0))
            if not answer.get("nextToken"):
                break
            question["nextToken"] = answer["nextToken"]
        return found

    def _list(self, wanted: Collection[str]) -> None:
        """What there is; and what is no longer wanted, and not of today, is deleted."""
        stored: set[str] = set()
        gone: list[str] = []
        more: dict[str, str] = {}
        began, old = time.monotonic(), self._now() - GRACE_S
        while True:
            answer = self._ask("ListVectors", maxResults=LISTED_AT_ONCE, returnMetadata=True, **more)
            for entry in self._entries("ListVectors", answer):
                key, put = entry["key"], _put_at(entry)
                stored.add(key)
                if key not in wanted and _OURS.fullmatch(key) and put is not None and put < old:
                    gone.append(key)
            if not answer.get("nextToken"):
                break
            if time.monotonic() - began > LISTING_S:
                raise self._failure(
                    "timeout", f"ListVectors was not done after {LISTING_S} s and {len(stored)} vectors"
                )
            more = {"nextToken": answer["nextToken"]}
        self._stored, self._listed_at = stored, self._now()
        self._delete(gone)

    def _delete(self, keys: list[str]) -> None:
        """What stays costs a place among the nearest, and no answer."""
        for some in _batches(keys):
            try:
                self._call("DeleteVectors", keys=some)
            except SourceFailed as failed:
                log.warning("vectors of runbooks that are gone are not deleted: %s", failed)
                return
            self._stored -= set(some)

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        if self._failed and 0 <= self._now() - self._failed[0] < PAUSE_S:
            raise IndexUnavailable(self._failed[1].reason, str(self._failed[1]))
        try:
            return self._call(operation, **arguments)
        except SourceFailed as failed:
            raise self._failure(failed.reason, failed.detail) from failed

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Raises SourceFailed."""
        from botocore import xform_name

        with asking(f"{operation} of {self.name}"):
            call = getattr(self._client(), xform_name(operation))
            try:
                answer: dict[str, Any] = call(**self._where, **arguments)
            except (AttributeError, TypeError, ValueError) as error:  # botocore's parsers, of JSON in another shape
                detail = f"{operation} of {self.name}: an answer that cannot be read: {type(error).__name__}"
                raise SourceFailed("error", detail) from error
        return answer

    def _entries(self, operation: str, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        entries = answer.get("vectors")
        if not isinstance(entries, list) or not all(map(_has_key, entries)):
            raise self._failure("error", f"{operation} answered with something else than vectors that have keys")
        return entries

    def _failure(self, reason: GapReason, detail: str) -> IndexUnavailable:
        failed = IndexUnavailable(reason, detail if self.name in detail else f"{self.name}: {detail}")
        self._failed = (self._now(), failed)
        return failed


def _key(model: str, chunk: str) -> str:
    return f"{model}/{chunk}"


def _numbers(vector: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))


def _has_key(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("key"), str)


def _distance(entry: Mapping[str, Any]) -> float | None:
    """None for what is no cosine distance, NaN among it."""
    distance = entry.get("distance")
    if not isinstance(distance, int | float) or not -ROUNDING <= distance <= 2 + ROUNDING:
        return None
    return float(distance)


def _put_at(entry: Mapping[str, Any]) -> float | None:
    metadata = entry.get("metadata")
    put = metadata.get("put") if isinstance(metadata, dict) else None
    return put if isinstance(put, int | float) and math.isfinite(put) else None


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    left = iter(keys)
    while some := list(islice(left, AT_ONCE)):
        yield some
