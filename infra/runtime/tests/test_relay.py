"""The relay over a feed that carries commits along: what came is published as it is, what did not is read."""

from typing import Any

import pytest

from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.event_store.items import carried, carried_commit, commit_events
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.relay import Relay
from resilibot.runtime.testing import NOON
from tests.support.story import INCIDENT_EVENTS, recorded

STREAM = "incident#a"
EVENTS = recorded(STREAM, INCIDENT_EVENTS[:5])


class Aws:
    """Feed, tables and topic in one: gives `images` once; counts what is read from the table of commits."""

    def __init__(self, *images: dict[str, Any]) -> None:
        self.images = list(images)
        self.commits: list[dict[str, Any]] = []
        self.reads = 0
        self.published: list[RecordedEvent] = []

    def describe_table(self, **_: Any) -> dict[str, Any]:
        return {"Table": {"LatestStreamArn": "arn"}}

    def describe_stream(self, **_: Any) -> dict[str, Any]:
        return {"StreamDescription": {"Shards": [{"ShardId": "one"}]}}

    def get_shard_iterator(self, **_: Any) -> dict[str, Any]:
        return {"ShardIterator": "one"}

    def get_records(self, **_: Any) -> dict[str, Any]:
        images, self.images = self.images, []
        return {"Records": [{"dynamodb": {"NewImage": image}} for image in images], "NextShardIterator": "one"}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Items": []}]

    def batch_get_item(self, **_: Any) -> dict[str, Any]:
        self.reads += 1
        return {"Responses": {Tables().events: self.commits}}

    def publish(self, events: list[RecordedEvent], *, sweep: int | None = None) -> None:
        self.published += events


def image(*events: RecordedEvent) -> dict[str, Any]:
    """HEAD as it is after one commit of these events."""
    return {
        "stream": {"S": events[0].stream},
        "version": {"N": str(events[-1].version)},
        "hash": {"S": events[-1].hash},
        "lo": {"N": str(events[0].version)},
        "category": {"S": "incident"},
        "updated_at": {"S": NOON.isoformat()},
        **carried([events]),
    }


def commit_item(*events: RecordedEvent) -> dict[str, Any]:
    head = image(*events)
    return {
        **{name: head[name] for name in ("stream", "hash", "prev_hash", "events")},
        "version": head["lo"],
        "last": head["version"],
    }


def polled(aws: Aws) -> list[int]:
    Relay(aws, aws, Tables(), aws).poll()
    return [event.version for event in aws.published]


def test_what_heads_carry_is_published_in_order_without_a_read() -> None:
    aws = Aws(image(*EVENTS[:2]), image(EVENTS[2]), image(*EVENTS[3:]))
    assert polled(aws) == [1, 2, 3, 4, 5]
    assert [event.body for event in aws.published] == [event.body for event in EVENTS]
    assert aws.reads == 0


def test_a_head_that_carries_nothing_is_read() -> None:
    bare = {name: value for name, value in image(*EVENTS[:2]).items() if name not in ("events", "prev_hash")}
    aws = Aws(bare)
    aws.commits = [commit_item(*EVENTS[:2])]
    assert polled(aws) == [1, 2]
    assert aws.reads == 1


@pytest.mark.parametrize("at", [0, 1])
def test_a_copy_that_does_not_lead_to_the_heads_hash_is_not_believed(at: int) -> None:
    forged = image(*EVENTS[:2])
    forged["events"]["L"][at]["S"] = forged["events"]["L"][at]["S"].replace("example", "exbmple", 1)
    forged["events"]["L"][at]["S"] += " "
    aws = Aws(forged)
    aws.commits = [commit_item(*EVENTS[:2])]
    assert polled(aws) == [1, 2]
    assert [event.body for event in aws.published] == [event.body for event in EVENTS[:2]]


def test_what_is_only_shown_is_told_by_the_last_event_of_its_stream() -> None:
    hints = frozenset({EVENTS[1].type, EVENTS[4].type})
    aws = Aws(image(*EVENTS))
    Relay(aws, aws, Tables(), aws, hints).poll()
    left_out = [event.version for event in EVENTS[:4] if event.type in hints]
    assert left_out
    assert [event.version for event in aws.published] == [n for n in range(1, 6) if n not in left_out]


def test_a_carried_commit_is_the_commit() -> None:
    commit = carried_commit(image(*EVENTS[1:3]))
    assert commit is not None
    assert (commit.version, commit.last, commit.hash) == (2, 3, EVENTS[2].hash)
    assert [event.body for event in commit_events(commit_item(*EVENTS[1:3]))] == list(commit.bodies)
