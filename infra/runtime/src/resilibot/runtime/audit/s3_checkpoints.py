"""S3Checkpoints: checkpoints in a bucket with Object Lock (compliance mode); SigningKey from Secrets Manager.

Object Lock keeps a *version*; it hinders nobody from writing another version, or a delete marker, over it (AWS and
both emulators alike). So the oldest version of each key is what counts, and anything above it is told.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from resilibot.runtime.audit.checkpoint import SigningKey
from resilibot.runtime.audit.checkpoints import CheckpointsUnavailable, NumberTaken, Row

PREFIX = "checkpoints/"


class S3Checkpoints:
    """`client` is a boto3 S3 client."""

    def __init__(self, client: Any, bucket: str, retention_days: int) -> None:
        self._client = client
        self._bucket = bucket
        self._retention = timedelta(days=retention_days)

    def rows(self) -> list[Row]:
        # debt: lists the whole bucket, a request per thousand; hourly checkpoints fill nine pages a year
        oldest: dict[int, str] = {}
        above: Counter[int] = Counter()
        for version in self._versions():
            number = _number(version["Key"])
            if number is None:
                continue
            above[number] += 1
            if "ETag" in version:  # a delete marker has none
                oldest[number] = version["VersionId"]  # S3 lists the newest version of a key first
        return [Row(number, oldest[number], above[number] > 1) for number in sorted(oldest)]

    def read(self, row: Row) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        key = _key(row.number)
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, VersionId=row.version)
            content: bytes = answer["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise CheckpointsUnavailable(f"s3://{self._bucket}/{key}: {error}") from error
        return content

    def put(self, number: int, content: bytes, now: datetime) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        key = _key(number)
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=content,
                ContentType="application/json",
                IfNoneMatch="*",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=now + self._retention,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise NumberTaken(f"s3://{self._bucket}/{key}") from error
            raise CheckpointsUnavailable(f"s3://{self._bucket}/{key}: {error}") from error
        except BotoCoreError as error:
            raise CheckpointsUnavailable(f"s3://{self._bucket}/{key}: {error}") from error

    def _versions(self) -> Iterator[dict[str, Any]]:
        """Versions and delete markers of every key."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for page in self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=PREFIX):
                yield from page.get("Versions", [])
                yield from page.get("DeleteMarkers", [])
        except (BotoCoreError, ClientError) as error:
            raise CheckpointsUnavailable(f"s3://{self._bucket}/{PREFIX}: {error}") from error


def signing_key(client: Any, secret: str) -> SigningKey:
    """The key in Secrets Manager. Only what takes a checkpoint reads it; verifying needs its fingerprint alone."""
    return SigningKey(client.get_secret_value(SecretId=secret)["SecretString"])


def make_bucket(client: Any, bucket: str) -> None:
    """A bucket with Object Lock, for emulators. It can only be asked for when the bucket is made."""
    try:
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    except client.exceptions.BucketAlreadyOwnedByYou:
        return


def _key(number: int) -> str:
    return f"{PREFIX}{number:010d}.json"


def _number(key: str) -> int | None:
    name = key.removeprefix(PREFIX).removesuffix(".json")
    return int(name) if name.isdecimal() and key == _key(int(name)) else None
