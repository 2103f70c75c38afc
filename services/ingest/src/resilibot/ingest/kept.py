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
    """The messages of one batch, stored when the first of them is referred to, and then no more."""

    def __init__(self, blobs: BlobStore, messages: Sequence[bytes | str]) -> None:
        self._blobs = blobs
        self._messages = [_bytes(message) for message in messages]
        self._ref: str | None = None
        self._failure: BlobError | None = None

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
    return line.encode("utf-8", "surrogateescape")


def _bytes(message: bytes | str) -> bytes:
    return message if isinstance(message, bytes) else message.encode("utf-8", "surrogatepass")


def _lines(messages: Sequence[bytes]) -> bytes:
    """ASCII, so that a message cannot end its line; what is not UTF-8 comes back by surrogateescape."""
    return b"".join(json.dumps(m.decode("utf-8", "surrogateescape")).encode() + b"\n" for m in messages)
