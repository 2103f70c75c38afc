"""kept: the senders' own bytes, one blob per handled batch, so that a storm of ten thousand stays cheap.

A line per message, each a JSON string of it. The blob lies under its own content hash in a bucket of our own: storing
it is no effect that would need a claim, and storing it twice stores it once.
"""

import hashlib
import json
from collections.abc import Sequence

from resilibot.contracts.signal import RawRef
from resilibot.runtime.blobs import BlobError, BlobStore

MEDIA_TYPE = "application/x-ndjson"


class Kept:
    """Messages of one batch: all are added while it is read, and stored when the first of them is referred to."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._messages: list[bytes] = []
        self._ref: str | None = None
        self._failure: BlobError | None = None

    def add(self, message: bytes | str) -> int:
        """The index of the message. What comes after the blob was stored would be missing in it: never called then."""
        self._messages.append(message if isinstance(message, bytes) else message.encode("utf-8"))
        return len(self._messages) - 1

    def ref(self, index: int) -> RawRef:
        """Where message `index` is kept. Raises BlobError, for every message of the batch alike."""
        if self._failure is not None:
            raise self._failure
        if self._ref is None:
            try:
                self._ref = self._blobs.put(_lines(self._messages), media_type=MEDIA_TYPE)
            except BlobError as error:
                self._failure = error
                raise
        message = self._messages[index]
        return RawRef(ref=self._ref, index=index, sha256=hashlib.sha256(message).hexdigest(), size_bytes=len(message))


def original(blobs: BlobStore, raw: RawRef) -> bytes:
    """The message as it came. Raises BlobError."""
    line: str = json.loads(blobs.get(raw.ref).splitlines()[raw.index])
    return line.encode()


def _lines(messages: Sequence[bytes]) -> bytes:
    """ASCII, so that no message can end its line. All are UTF-8: nothing else is ever read, so nothing else is here."""
    return b"".join(json.dumps(message.decode()).encode() + b"\n" for message in messages)
