"""HeadFeed: which stream moved to which version, from the change feed of the table of HEADs.

The one feed that keeps a stream's order: DynamoDB Streams keeps order per item only, and HEAD is one item per
stream. AWS lets two readers share a shard: the relay and the sequencer are these two. A reader that is not open (at
start, or after the feed lost its place) opens it at its end and then catches up from the tables.
"""

import logging
from collections.abc import Iterable
from typing import Any

from resilibot.runtime.event_store.items import carried_commit, head_of
from resilibot.runtime.event_store.port import Head
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.event_store.verify import Commit

log = logging.getLogger(__name__)

LOST_PLACE = frozenset({"TrimmedDataAccessException", "ExpiredIteratorException", "ResourceNotFoundException"})


class HeadFeed:
    """streams: boto3 DynamoDB Streams client; dynamodb: boto3 DynamoDB client."""

    def __init__(self, streams: Any, dynamodb: Any, tables: Tables) -> None:
        self._streams = streams
        self._dynamodb = dynamodb
        self._table = tables.streams
        self._arn = ""
        self._iterators: dict[str, str | None] = {}  # by shard; None: the shard is read to its end
        self.is_open = False

    def open(self) -> None:
        """Stand at the end of every shard. What came before is the caller's to fetch from the tables."""
        self._arn = self._dynamodb.describe_table(TableName=self._table)["Table"]["LatestStreamArn"]
        self._iterators = {shard: self._iterator(shard, "LATEST") for shard in self._shards()}
        self.is_open = True

    def read(self) -> list[Head]:
        """The last HEAD of each stream that moved since the last read.

        One GetRecords per shard. After a failed read the feed is closed, since what other shards gave is lost.
        Raises ClientError, BotoCoreError.
        """
        return _newest(self._images())

    def read_commits(self) -> tuple[list[Head], list[Commit]]:
        """The same, and the commits that the HEADs carried, as they came: unchecked, and without the large ones."""
        images = self._images()
        return _newest(images), [commit for image in images if (commit := carried_commit(image)) is not None]

    def _images(self) -> list[dict[str, Any]]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            records = [record for shard in list(self._iterators) for record in self._read(shard)]
        except (BotoCoreError, ClientError):
            self.is_open = False
            raise
        return [record["dynamodb"]["NewImage"] for record in records if record["dynamodb"].get("NewImage")]

    def _shards(self) -> list[str]:
        shards: list[str] = []
        arguments: dict[str, Any] = {"StreamArn": self._arn}
        while True:
            description = self._streams.describe_stream(**arguments)["StreamDescription"]
            shards += [shard["ShardId"] for shard in description["Shards"]]
            if "LastEvaluatedShardId" not in description:
                return shards
            arguments["ExclusiveStartShardId"] = description["LastEvaluatedShardId"]

    def _iterator(self, shard: str, kind: str) -> str:
        answer = self._streams.get_shard_iterator(StreamArn=self._arn, ShardId=shard, ShardIteratorType=kind)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _read(self, shard: str) -> list[dict[str, Any]]:
        from botocore.exceptions import ClientError

        iterator = self._iterators[shard]
        if iterator is None:
            return []
        try:
            answer = self._streams.get_records(ShardIterator=iterator)
        except ClientError as error:
            if error.response["Error"]["Code"] not in LOST_PLACE:
                raise
            log.warning("the feed lost its place, catching up from the tables: %s", error)
            self.is_open = False
            self._iterators.pop(shard)
            return []
        self._iterators[shard] = answer.get("NextShardIterator")
        if self._iterators[shard] is None:  # the shard was split: its children hold what comes next
            for child in self._shards():
                if child not in self._iterators:
                    self._iterators[child] = self._iterator(child, "TRIM_HORIZON")
        records: list[dict[str, Any]] = answer["Records"]
        return records


def _newest(images: Iterable[dict[str, Any]]) -> list[Head]:
    newest: dict[str, Head] = {}
    for image in images:
        head = head_of(image)
        known = newest.get(head.stream)
        if known is None or head.version > known.version:
            newest[head.stream] = head
    return list(newest.values())
