"""Vectors of runbooks in plain S3, one object per model, beside the blobs. Of two writers at once the later one wins.

This is no index, and nothing of Amazon S3 Vectors: that is s3_vectors_index.
"""

from collections.abc import Mapping
from typing import Any

from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import SourceFailed
from resilibot.observe.runbook_ports import VectorsUnavailable
from resilibot.observe.vector_pack import pack, unpack

PREFIX = "runbook-vectors/"


class BlobVectors:
    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, model: str) -> dict[str, bytes]:
        key = f"{PREFIX}{model}"
        try:
            with asking(f"GetObject s3://{self._bucket}/{key}"):
                body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except SourceFailed as failed:
            if failed.reason == "no_data":
                return {}
            raise VectorsUnavailable(failed.detail) from failed
        return unpack(body)

    def write(self, model: str, vectors: Mapping[str, bytes]) -> None:
        key = f"{PREFIX}{model}"
        try:
            with asking(f"PutObject s3://{self._bucket}/{key}"):
                self._client.put_object(Bucket=self._bucket, Key=key, Body=pack(vectors))
        except SourceFailed as failed:
            raise VectorsUnavailable(failed.detail) from failed
