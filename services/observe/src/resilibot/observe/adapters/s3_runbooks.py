"""Runbooks in a versioned S3 bucket. Read once a minute at most; their text is data, never instructions."""

import time
from typing import Any

from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import Runbook, SourceFailed
from resilibot.observe.runbook_text import is_runbook

PREFIX = "runbooks/"
PAGE = 1000
MAX_AGE_S = 60


class S3Runbooks:
    name = "s3"

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._read_at = float("-inf")
        self._runbooks: list[Runbook] = []
        self._read_as: dict[str, tuple[object, Runbook]] = {}  # by key: as listed when it was read

    def all(self) -> list[Runbook]:
        if not self._bucket:
            raise SourceFailed("not_configured", "no runbook bucket is set (RESILIBOT_RUNBOOK_BUCKET)")
        if time.monotonic() - self._read_at > MAX_AGE_S:
            with asking(f"ListObjectsV2 s3://{self._bucket}/{PREFIX}"):
                self._runbooks = self._read()
            self._read_at = time.monotonic()
        return self._runbooks

    def _read(self) -> list[Runbook]:
        """All of them, in order of key; one that is listed as before is not read again."""
        before, self._read_as = self._read_as, {}
        for entry in self._listed():
            key, listed = entry["Key"], (entry.get("ETag"), entry.get("LastModified"))
            known = before.get(key)
            self._read_as[key] = known if known and known[0] == listed else (listed, self._one(key))
        return [runbook for _, runbook in self._read_as.values()]

    def _listed(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=PREFIX, MaxKeys=PAGE, **more)
            entries += [entry for entry in page.get("Contents", []) if is_runbook(entry["Key"])]
            if not page.get("NextContinuationToken"):
                return sorted(entries, key=lambda entry: entry["Key"])
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _one(self, key: str) -> Runbook:
        answer = self._client.get_object(Bucket=self._bucket, Key=key)
        version_id = str(answer.get("VersionId") or "null")
        query = {"operation": "GetObject", "Bucket": self._bucket, "Key": key, "VersionId": version_id}
        return Runbook(key, version_id, answer["Body"].read().decode("utf-8", "replace"), query)
