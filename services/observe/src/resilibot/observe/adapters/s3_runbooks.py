"""Runbooks in a versioned S3 bucket. Read once a minute at most; their text is data, never instructions."""

import time
from typing import Any

from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import Runbook, SourceFailed

PREFIX = "runbooks/"
LIMIT = 500
MAX_AGE_S = 60


class S3Runbooks:
    name = "s3"

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._read_at = float("-inf")
        self._runbooks: list[Runbook] = []

    def all(self) -> list[Runbook]:
        if not self._bucket:
            raise SourceFailed("not_configured", "no runbook bucket is set (RESILIBOT_RUNBOOK_BUCKET)")
        if time.monotonic() - self._read_at > MAX_AGE_S:
            with asking(f"ListObjectsV2 s3://{self._bucket}/{PREFIX}"):
                self._runbooks = self._read()
            self._read_at = time.monotonic()
        return self._runbooks

    def _read(self) -> list[Runbook]:
        page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=PREFIX, MaxKeys=LIMIT)
        runbooks = []
        for key in sorted(entry["Key"] for entry in page.get("Contents", []) if entry["Key"].endswith(".md")):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            version_id = str(answer.get("VersionId") or "null")
            query = {"operation": "GetObject", "Bucket": self._bucket, "Key": key, "VersionId": version_id}
            runbooks.append(Runbook(key, version_id, answer["Body"].read().decode("utf-8", "replace"), query))
        return runbooks
