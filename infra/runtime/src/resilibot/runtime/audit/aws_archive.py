"""aws_archive: the archive in S3, and the raw writes of a restore into DynamoDB."""

import re
from typing import Any

from resilibot.contracts.envelope import chain
from resilibot.contracts.event import format_time
from resilibot.runtime.audit.archive import ArchiveUnavailable, Entry
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.port import Head, StoreUnavailable
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.event_store.verify import Commit

NAME = re.compile(r"([0-9]{6,})-([0-9a-f]{64})[.]tar")
RESTORED = "restored"  # commit_id of a restored commit: the original's only served its own append's retries


class S3Archive:
    """Objects incidents/<id>/<version>-<sha256>.tar, written once. `client` is a boto3 S3 client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def entries(self, incident_id: str) -> list[Entry]:
        from botocore.exceptions import BotoCoreError, ClientError

        prefix = f"incidents/{incident_id}/"
        found = []
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    name = NAME.fullmatch(item["Key"].removeprefix(prefix))
                    if name:
                        found.append(Entry(incident_id, int(name[1]), name[2]))
        except (BotoCoreError, ClientError) as error:
            raise ArchiveUnavailable(f"s3://{self._bucket}/{prefix}: {error}") from error
        return sorted(found, key=lambda entry: entry.version)

    def get(self, entry: Entry) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            content: bytes = self._client.get_object(Bucket=self._bucket, Key=_key(entry))["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise ArchiveUnavailable(f"s3://{self._bucket}/{_key(entry)}: {error}") from error
        return content

    def put(self, entry: Entry, content: bytes) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.put_object(
                Bucket=self._bucket, Key=_key(entry), Body=content, ContentType="application/x-tar", IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "PreconditionFailed":
                return  # its name is its hash: it is there already
            raise ArchiveUnavailable(f"s3://{self._bucket}/{_key(entry)}: {error}") from error
        except BotoCoreError as error:
            raise ArchiveUnavailable(f"s3://{self._bucket}/{_key(entry)}: {error}") from error


def _key(entry: Entry) -> str:
    return f"incidents/{entry.incident_id}/{entry.version:06d}-{entry.sha256}.tar"


class DynamoRestorableStore(DynamoEventStore):
    """The event store with the raw writes of a restore: each a put of what is absent."""

    def __init__(self, client: Any, tables: Tables | None = None) -> None:
        super().__init__(client, tables)
        self._raw = client
        self._names = tables or Tables()

    def put_commit(self, commit: Commit) -> bool:
        last = chain(commit.prev_hash, commit.bodies)[-1]
        item = {
            "stream": {"S": commit.stream},
            "version": {"N": str(commit.version)},
            "last": {"N": str(commit.last)},
            "commit_id": {"S": RESTORED},
            "prev_hash": {"S": commit.prev_hash},
            "hash": {"S": commit.hash},
            "recorded_at": {"S": format_time(last.envelope.recorded_at)},
            "events": {"L": [{"S": body.decode()} for body in commit.bodies]},
        }
        return self._put_absent(self._names.events, item)

    def put_head(self, head: Head) -> bool:
        item = {
            "stream": {"S": head.stream},
            "version": {"N": str(head.version)},
            "hash": {"S": head.hash},
            "lo": {"N": str(head.lo)},
            "category": {"S": head.category},
            "updated_at": {"S": format_time(head.updated_at)},
        }
        return self._put_absent(self._names.streams, item)

    def _put_absent(self, table: str, item: dict[str, Any]) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._raw.put_item(
                TableName=table,
                Item=item,
                ConditionExpression="attribute_not_exists(#stream)",
                ExpressionAttributeNames={"#stream": "stream"},
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return False
            raise StoreUnavailable(f"put of {item['stream']['S']} into {table}: {error}") from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"put of {item['stream']['S']} into {table}: {error}") from error
        return True
