"""Blobs: large or derived content, stored under its own content hash, so that storing twice stores once.

BlobError
├── BlobMissing      nothing is stored under that reference
├── BlobAltered      the content no longer has its hash
└── BlobUnavailable  the store did not answer (retryable)
"""

import hashlib
from typing import Any, ClassVar, Protocol


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


def _key(content: bytes) -> str:
    return f"sha256/{hashlib.sha256(content).hexdigest()}"


def _checked(ref: str, content: bytes) -> bytes:
    if not ref.endswith(hashlib.sha256(content).hexdigest()):
        raise BlobAltered(ref)
    return content


class InMemoryBlobStore:
    def __init__(self, bucket: str = "memory") -> None:
        self._bucket = bucket
        self._blobs: dict[str, bytes] = {}

    def put(self, content: bytes, *, media_type: str) -> str:
        ref = f"s3://{self._bucket}/{_key(content)}"
        self._blobs[ref] = content
        return ref

    def get(self, ref: str) -> bytes:
        try:
            return _checked(ref, self._blobs[ref])
        except KeyError:
            raise BlobMissing(ref) from None


class S3BlobStore:
    """One bucket of one's own. `client` is a boto3 S3 client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, content: bytes, *, media_type: str) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        key = _key(content)
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=media_type)
        except (BotoCoreError, ClientError) as error:
            raise BlobUnavailable(f"s3://{self._bucket}/{key}: {error}") from error
        return f"s3://{self._bucket}/{key}"

    def get(self, ref: str) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, _, key = ref.removeprefix("s3://").partition("/")
        try:
            content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                raise BlobMissing(ref) from error
            raise BlobUnavailable(f"{ref}: {error}") from error
        except BotoCoreError as error:
            raise BlobUnavailable(f"{ref}: {error}") from error
        return _checked(ref, content)
