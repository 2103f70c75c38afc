"""recorded_log: one incident's log as it was recorded, from a running home, a bundle, or a file. Proven or refused.

LogInvalid   not a log, not whole, or its hashes do not fit; the message names the place
"""

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.envelope import RecordedEvent, chain
from resilibot.contracts.faults import words_of
from resilibot.runtime.audit.bundle import BundleRefused, blobs_of, streams_of
from resilibot.runtime.blobs import BlobMissing, BlobStore, checked

PREFIX = "incident#"


class LogInvalid(Exception):
    code: ClassVar[str] = "log_invalid"


@dataclass(frozen=True)
class CarriedBlobs:
    """The blobs that a bundle carries, by the hash in their reference. Nothing can be put there."""

    by_hash: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, contents: Iterable[bytes]) -> "CarriedBlobs":
        return cls({hashlib.sha256(content).hexdigest(): content for content in contents})

    def get(self, ref: str) -> bytes:
        content = self.by_hash.get(ref.rpartition("/")[2])
        if content is None:
            raise BlobMissing(ref)
        return checked(ref, content)

    def put(self, content: bytes, *, media_type: str) -> str:
        raise NotImplementedError("a bundle is read, never written")


@dataclass(frozen=True)
class RecordedLog:
    """`blobs`: where evidence lies that was stored by reference."""

    incident_id: str
    events: tuple[RecordedEvent, ...]
    blobs: BlobStore


def read_file(path: Path) -> RecordedLog:
    """A bundle of `resilibot audit export`, or the JSON of `resilibot replay ID --json`. Raises LogInvalid."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LogInvalid(f"{path}: {error}") from error
    try:
        is_bundle = tarfile.is_tarfile(path)
        return _of_bundle(content) if is_bundle else of_answer(json.loads(content), CarriedBlobs())
    except (BundleRefused, ValueError, RecursionError, LogInvalid) as error:
        raise LogInvalid(f"{path}: {error}") from error


def of_answer(told: Any, blobs: BlobStore) -> RecordedLog:
    """Of the API's GET …/events, or of the list in it. Raises LogInvalid."""
    rows = told.get("events") if isinstance(told, Mapping) else told
    if not isinstance(rows, list) or not rows:
        raise LogInvalid("no events in it")
    try:
        bodies = [str(row["body"]).encode() for row in rows]
        hashes = [str(row["hash"]) for row in rows]
    except (KeyError, TypeError) as error:
        raise LogInvalid(f"an event without its body or hash: {error!r}") from error
    if not all(hashes):
        raise LogInvalid("an event without its hash")
    return RecordedLog(*_proven(bodies, hashes), blobs)


def _of_bundle(content: bytes) -> RecordedLog:
    streams = streams_of(content)
    own = next((name for name in streams if name.startswith(PREFIX)), None)
    if own is None:
        raise LogInvalid("no incident's stream in it")
    commits = streams[own]
    bodies = [body for commit in commits for body in commit.bodies]
    ends = {commit.last: commit.hash for commit in commits}
    return RecordedLog(
        *_proven(bodies, [ends.get(n, "") for n in range(1, len(bodies) + 1)]), CarriedBlobs.of(blobs_of(content))
    )


def _proven(bodies: Sequence[bytes], hashes: Sequence[str]) -> tuple[str, tuple[RecordedEvent, ...]]:
    """Linked from the beginning; a hash that is told must be the one that comes out ("": not told of this event)."""
    try:
        events = chain(GENESIS, bodies)
    except ValidationError as error:
        raise LogInvalid(f"an event that is none: {words_of(error.errors()[0])}") from error
    stream = events[0].stream
    if not stream.startswith(PREFIX):
        raise LogInvalid(f"{stream} is no incident's stream")
    for number, (event, told) in enumerate(zip(events, hashes, strict=True), start=1):
        if (event.stream, event.version) != (stream, number):
            raise LogInvalid(f"{event.stream}:{event.version} stands where {stream}:{number} belongs")
        if told not in ("", event.hash):
            raise LogInvalid(f"{stream}:{number} does not have its own hash: it, or one before it, was changed")
    return stream.removeprefix(PREFIX), tuple(events)
