"""Blobs: large or derived content, stored under its own content hash, so that storing twice stores once.

BlobError
├── BlobMissing      nothing is stored under that reference
├── BlobAltered      the content no longer has its hash
└── BlobUnavailable  the store did not answer (retryable)
"""

import hashlib
from typing import ClassVar, Protocol


class BlobError(Exception):
    code: ClassVar[str] = "blob_error"
    retryable: ClassVar[bool] = False


class BlobMissing(BlobError):
    code = "blob_missing"


class BlobAltered(BlobError):
    code = "blob_altered"


class BlobUnavailable(BlobError):
    code = "blob_unavailable"
    retryable = True


class BlobStore(Protocol):
    def put(self, content: bytes, *, media_type: str) -> str:
        """Store and return the reference s3://bucket/sha256/<hash>."""
        ...

    def get(self, ref: str) -> bytes:
        """The content, checked against the hash in its reference."""
        ...


def key_of(content: bytes) -> str:
    return f"sha256/{hashlib.sha256(content).hexdigest()}"


def checked(ref: str, content: bytes) -> bytes:
    if not ref.endswith(hashlib.sha256(content).hexdigest()):
        raise BlobAltered(ref)
    return content


class InMemoryBlobStore:
    def __init__(self, bucket: str = "memory") -> None:
        self._bucket = bucket
        self._blobs: dict[str, bytes] = {}

    def put(self, content: bytes, *, media_type: str) -> str:
        ref = f"s3://{self._bucket}/{key_of(content)}"
        self._blobs[ref] = content
        return ref

    def get(self, ref: str) -> bytes:
        try:
            return checked(ref, self._blobs[ref])
        except KeyError:
            raise BlobMissing(ref) from None
