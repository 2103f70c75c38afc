"""HEAD's feed: shards that split, a place that is lost, a read that fails. No emulator gives these on demand."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.head_feed import HeadFeed


class Shards:
    """Streams and tables in one: per shard the answers of get_records, in order; then nothing new."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.listed = ["one", "two"]
        self.iterators: list[tuple[str, str]] = []

    def describe_table(self, **_: Any) -> dict[str, Any]:
        return {"Table": {"LatestStreamArn": "arn"}}

    def describe_stream(self, StreamArn: str, ExclusiveStartShardId: str | None = None) -> dict[str, Any]:  # noqa: N803
        at = self.listed.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        page = self.listed[at : at + 1]
        more = {"LastEvaluatedShardId": page[-1]} if at + 1 < len(self.listed) else {}
        return {"StreamDescription": {"Shards": [{"ShardId": shard} for shard in page], **more}}

    def get_shard_iterator(self, ShardId: str, ShardIteratorType: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.iterators.append((ShardId, ShardIteratorType))
        return {"ShardIterator": ShardId}

    def get_records(self, ShardIterator: str) -> dict[str, Any]:  # noqa: N803
        answers = self.answers.get(ShardIterator, [])
        answer = answers.pop(0) if answers else {"Records": [], "NextShardIterator": ShardIterator}
        if isinstance(answer, Exception):
            raise answer
        result: dict[str, Any] = answer
        return result


def record(stream: str, version: int) -> dict[str, Any]:
    image = {
        "stream": {"S": stream},
        "version": {"N": str(version)},
        "hash": {"S": "0" * 64},
        "lo": {"N": str(version)},
        "category": {"S": "incident"},
        "updated_at": {"S": "2026-11-24T12:00:00.000000Z"},
    }
    return {"dynamodb": {"NewImage": image}}


def gives(shard: str | None, *records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records), **({"NextShardIterator": shard} if shard else {})}


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetRecords")


def opened(shards: Shards) -> HeadFeed:
    feed = HeadFeed(shards, shards, Tables())
    feed.open()
    return feed


def read(feed: HeadFeed) -> dict[str, int]:
    return {head.stream: head.version for head in feed.read()}


def test_the_last_head_of_each_stream_is_given_once_over_all_shards() -> None:
    shards = Shards(
        one=[gives("one", record("incident#a", 1), record("incident#a", 2))],
        two=[gives("two", record("incident#b", 7), {"dynamodb": {}})],
    )
    feed = opened(shards)
    assert shards.iterators == [("one", "LATEST"), ("two", "LATEST")]
    assert read(feed) == {"incident#a": 2, "incident#b": 7}
    assert read(feed) == {}


def test_the_children_of_a_split_shard_are_read_from_their_beginning() -> None:
    shards = Shards(one=[gives(None, record("incident#a", 1))], child=[gives("child", record("incident#a", 2))])
    feed = opened(shards)
    shards.listed.append("child")
    assert read(feed) == {"incident#a": 1}
    assert shards.iterators[2:] == [("child", "TRIM_HORIZON")]
    assert read(feed) == {"incident#a": 2}


@pytest.mark.parametrize("code", ["TrimmedDataAccessException", "ExpiredIteratorException"])
def test_a_lost_place_closes_the_feed_and_keeps_what_other_shards_gave(code: str) -> None:
    feed = opened(Shards(one=[error(code)], two=[gives("two", record("incident#b", 1))]))
    assert read(feed) == {"incident#b": 1}
    assert not feed.is_open


def test_a_failed_read_closes_the_feed_since_other_shards_moved_on() -> None:
    feed = opened(Shards(one=[gives("one", record("incident#a", 1))], two=[error("InternalServerError")]))
    with pytest.raises(ClientError):
        feed.read()
    assert not feed.is_open
