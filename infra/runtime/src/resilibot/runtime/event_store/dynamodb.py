"""DynamoEventStore: commits in `events`, one HEAD item per stream in `streams`, one transaction per append.

The transaction puts the commit if absent and moves HEAD if it still has the version and hash that the decision was
based on: no lost update, no gap, no fork, and an ordered feed (DynamoDB Streams keeps order per item only, so the
relay reads HEAD's feed). Timers of the appended events are put in the same transaction.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from ulid import ULID

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.envelope import RecordedEvent, chain
from resilibot.contracts.event import format_time
from resilibot.runtime.event_store.port import (
    Append,
    ChainBroken,
    Head,
    StoreCorrupt,
    StoreUnavailable,
    Stream,
    Timer,
    VersionConflict,
)
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.event_store.verify import Commit

COMMIT_BYTES = 300_000  # DynamoDB allows 400 KB per item; attribute names and hashes need room too
ATTEMPTS = 6
UNDECIDED = frozenset(
    {
        "TransactionConflict",
        "TransactionInProgressException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "ThrottlingError",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
        "ServiceUnavailable",
    }
)
TIMER_BUCKET = "due"  # one partition: a tick asks once; incidents are far below what one partition carries


class DynamoEventStore:
    """`client` is a boto3 DynamoDB client (low level)."""

    def __init__(self, client: Any, tables: Tables | None = None, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._tables = tables or Tables()
        self._pause = pause

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        if upto is not None and upto <= after:
            return Stream(stream, (), after, GENESIS)
        first = self._key_of(stream, after + 1) if after else 1
        commits = list(self._query(stream, first, upto))
        if not commits:
            return Stream(stream, (), after, GENESIS)
        events = [event for event in _linked(commits) if after < event.version <= (upto or event.version)]
        if not events:
            return Stream(stream, (), after, GENESIS)
        return Stream(stream, tuple(events), events[-1].version, events[-1].hash)

    def append(self, appends: Sequence[Append], timers: Sequence[Timer] = ()) -> None:
        commit_id = str(ULID())
        items: list[dict[str, Any]] = []
        for append in appends:
            items += self._append_items(append, commit_id)
        items += [{"Put": {"TableName": self._tables.timers, "Item": timer_item(timer)}} for timer in timers]
        self._transact(items, commit_id, appends)

    def heads(self) -> Iterator[Head]:
        for page in self._client.get_paginator("scan").paginate(TableName=self._tables.streams, ConsistentRead=True):
            for item in page["Items"]:
                yield head_of(item)

    def head(self, stream: str) -> Head | None:
        """Strongly consistent; None when the stream is unknown."""
        key = {"stream": {"S": stream}}
        answer = self._client.get_item(TableName=self._tables.streams, Key=key, ConsistentRead=True)
        return head_of(answer["Item"]) if "Item" in answer else None

    def commits(self, stream: str) -> list[Commit]:
        """Raw commits in key order, as they lie there, whatever was done to them."""
        return [_commit(item) for item in self._pages(stream, 1, None)]

    def _key_of(self, stream: str, version: int) -> int:
        """Key of the commit that holds `version`: it may begin before it."""
        answer = self._client.query(
            TableName=self._tables.events,
            KeyConditionExpression="#stream = :stream AND #version <= :version",
            ExpressionAttributeNames={"#stream": "stream", "#version": "version"},
            ExpressionAttributeValues={":stream": {"S": stream}, ":version": {"N": str(version)}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return int(answer["Items"][0]["version"]["N"]) if answer["Items"] else version

    def _query(self, stream: str, first: int, upto: int | None) -> Iterator[Commit]:
        for item in self._pages(stream, first, upto):
            yield _commit(item)

    def _pages(self, stream: str, first: int, upto: int | None) -> Iterator[dict[str, Any]]:
        from botocore.exceptions import BotoCoreError, ClientError

        condition = "#stream = :stream AND #version >= :first"
        values = {":stream": {"S": stream}, ":first": {"N": str(first)}}
        if upto is not None:
            condition = "#stream = :stream AND #version BETWEEN :first AND :upto"
            values[":upto"] = {"N": str(upto)}
        arguments: dict[str, Any] = {
            "TableName": self._tables.events,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": {"#stream": "stream", "#version": "version"},
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
        }
        try:
            for page in self._client.get_paginator("query").paginate(**arguments):
                yield from page["Items"]
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(f"query of {stream} from {first}: {error}") from error

    def _append_items(self, append: Append, commit_id: str) -> list[dict[str, Any]]:
        _check_linked(append)
        events, last = append.events, append.events[-1]
        puts = [self._commit_put(append.stream, part, commit_id) for part in _split(events)]
        names = {"#version": "version", "#hash": "hash", "#lo": "lo", "#updated_at": "updated_at"}
        values = {
            ":last": {"N": str(last.version)},
            ":hash": {"S": last.hash},
            ":first": {"N": str(events[0].version)},
            ":now": {"S": format_time(last.envelope.recorded_at)},
        }
        head: dict[str, Any] = {
            "TableName": self._tables.streams,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if append.expected == 0:
            head["Item"] = {
                "stream": {"S": append.stream},
                "version": values[":last"],
                "hash": values[":hash"],
                "lo": values[":first"],
                "category": {"S": append.stream.partition("#")[0]},
                "updated_at": values[":now"],
            }
            head["ConditionExpression"] = "attribute_not_exists(#stream)"
            head["ExpressionAttributeNames"] = {"#stream": "stream"}
            return [*puts, {"Put": head}]
        head["Key"] = {"stream": {"S": append.stream}}
        head["UpdateExpression"] = "SET #version = :last, #hash = :hash, #lo = :first, #updated_at = :now"
        head["ConditionExpression"] = "#version = :expected AND #hash = :previous"
        head["ExpressionAttributeNames"] = names
        head["ExpressionAttributeValues"] = {
            **values,
            ":expected": {"N": str(append.expected)},
            ":previous": {"S": append.prev_hash},
        }
        return [*puts, {"Update": head}]

    def _commit_put(self, stream: str, events: Sequence[RecordedEvent], commit_id: str) -> dict[str, Any]:
        item = {
            "stream": {"S": stream},
            "version": {"N": str(events[0].version)},
            "last": {"N": str(events[-1].version)},
            "commit_id": {"S": commit_id},
            "prev_hash": {"S": events[0].prev_hash},
            "hash": {"S": events[-1].hash},
            "recorded_at": {"S": format_time(events[-1].envelope.recorded_at)},
            "events": {"L": [{"S": event.body.decode()} for event in events]},
        }
        return {
            "Put": {
                "TableName": self._tables.events,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(#stream)",
                "ExpressionAttributeNames": {"#stream": "stream"},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _transact(self, items: list[dict[str, Any]], commit_id: str, appends: Sequence[Append]) -> None:
        """Same bytes and same token until it is decided; a lost answer of our own commit counts as success."""
        from botocore.exceptions import BotoCoreError, ClientError

        place = ", ".join(f"{append.stream}:{append.expected}" for append in appends)
        why: Exception | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(random.uniform(0, 0.02 * 2**attempt))
            try:
                self._client.transact_write_items(TransactItems=items, ClientRequestToken=commit_id)
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
                codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
                if code == "TransactionCanceledException" and "ConditionalCheckFailed" in codes:
                    if _is_ours(reasons, commit_id):
                        return
                    self._check_refused(items, reasons, place, error)
                if code not in UNDECIDED and not codes & UNDECIDED:
                    raise
                why = error
            except BotoCoreError as error:  # timeout, connection: it may have happened; the token makes a repeat safe
                why = error
            else:
                return
        raise StoreUnavailable(f"append after {place}: {why}") from why

    def _check_refused(
        self, items: list[dict[str, Any]], reasons: list[dict[str, Any]], place: str, error: Exception
    ) -> None:
        """A lost race fails on commit and HEAD alike. Only one of them failing means that they disagree."""
        failed_puts: set[str] = set()
        failed_heads: set[str] = set()
        for item, reason in zip(items, reasons, strict=False):
            if reason.get("Code") != "ConditionalCheckFailed":
                continue
            operation = item.get("Put") or item["Update"]
            is_head = operation["TableName"] == self._tables.streams
            key = (operation.get("Item") or operation.get("Key"))["stream"]["S"]
            (failed_heads if is_head else failed_puts).add(key)
        for stream in failed_puts ^ failed_heads:
            self._check_again(stream, place, error)
        raise VersionConflict(place) from error

    def _check_again(self, stream: str, place: str, error: Exception) -> None:
        """Only one of commit and HEAD refused: either the caller's version or hash never existed, or they disagree.

        Looks up to three times, since an append may land between the two reads. Raises StoreCorrupt.
        """
        for _ in range(3):
            head = self.head(stream)
            stored = self.commits(stream)
            end = (stored[-1].last, stored[-1].hash) if stored else (0, GENESIS)
            at = (head.version, head.hash) if head else (0, GENESIS)
            if at == end:
                return
        raise StoreCorrupt(f"{stream}: HEAD is at {at[0]}, the commits end at {end[0]} (append {place})") from error


def timer_item(timer: Timer) -> dict[str, Any]:
    """A timer's item. Its key derives from the event that it follows from, so putting it again changes nothing."""
    return {
        "bucket": {"S": TIMER_BUCKET},
        "due": {"S": f"{format_time(timer.due_at)}#{timer.id}"},
        "id": {"S": timer.id},
        "owner": {"S": timer.owner},
        "kind": {"S": timer.kind},
        "stream": {"S": timer.stream},
        "cause": {"S": timer.cause},
    }


def head_of(item: dict[str, Any]) -> Head:
    """A HEAD item, from the table or from its feed."""
    return Head(
        stream=item["stream"]["S"],
        version=int(item["version"]["N"]),
        hash=item["hash"]["S"],
        lo=int(item["lo"]["N"]),
        category=item["category"]["S"],
        updated_at=datetime.fromisoformat(item["updated_at"]["S"]),
    )


def _commit(item: dict[str, Any]) -> Commit:
    return Commit(
        stream=item["stream"]["S"],
        version=int(item["version"]["N"]),
        last=int(item["last"]["N"]),
        prev_hash=item["prev_hash"]["S"],
        hash=item["hash"]["S"],
        bodies=tuple(body["S"].encode() for body in item["events"]["L"]),
    )


def commit_events(item: dict[str, Any]) -> list[RecordedEvent]:
    """The verified events of one commit item. Raises ChainBroken."""
    return _linked([_commit(item)])


def _linked(commits: Sequence[Commit]) -> list[RecordedEvent]:
    """Events of consecutive commits; every hash is recomputed. Raises ChainBroken naming the place."""
    events: list[RecordedEvent] = []
    version, prev_hash = commits[0].version - 1, commits[0].prev_hash
    if version == 0 and prev_hash != GENESIS:
        raise ChainBroken(f"{commits[0].stream}:1", "the first commit does not start the chain")
    for commit in commits:
        place = f"{commit.stream}:{commit.version}"
        if commit.version != version + 1 or commit.prev_hash != prev_hash:
            raise ChainBroken(place, f"it does not continue version {version}")
        try:
            linked = chain(prev_hash, commit.bodies)
        except ValueError as error:  # not JSON, or no envelope any more (pydantic.ValidationError is a ValueError)
            raise ChainBroken(place, f"a stored body cannot be read: {error}") from error
        if linked[-1].hash != commit.hash:
            raise ChainBroken(place, f"events {commit.version}..{commit.last} do not give the commit's hash")
        for at, event in enumerate(linked, start=commit.version):
            if event.stream != commit.stream or event.version != at:
                raise ChainBroken(f"{commit.stream}:{at}", f"the event says it is {event.stream}:{event.version}")
        events += linked
        version, prev_hash = commit.last, commit.hash
    return events


def _check_linked(append: Append) -> None:
    """Raises ValueError: the caller built the append wrongly."""
    if not append.events:
        raise ValueError(f"{append.stream}: nothing to append")
    version, prev_hash = append.expected, append.events[0].prev_hash
    for event in append.events:
        if event.stream != append.stream or event.version != version + 1 or event.prev_hash != prev_hash:
            raise ValueError(f"{event.stream}:{event.version} does not continue {append.stream}:{version}")
        version, prev_hash = event.version, event.hash


def _split(events: Sequence[RecordedEvent]) -> list[list[RecordedEvent]]:
    """Parts of at most COMMIT_BYTES. Raises ValueError for a single event above it (its data belongs in a blob)."""
    parts: list[list[RecordedEvent]] = [[]]
    size = 0
    for event in events:
        if len(event.body) > COMMIT_BYTES:
            raise ValueError(f"{event.stream}:{event.version}: {len(event.body)} bytes are too large for one event")
        if parts[-1] and size + len(event.body) > COMMIT_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(event)
        size += len(event.body)
    return parts


def _is_ours(reasons: Sequence[dict[str, Any]], commit_id: str) -> bool:
    """The commit that stands in the way is this very one: we were first and lost the answer."""
    return any(reason.get("Item", {}).get("commit_id", {}).get("S") == commit_id for reason in reasons)
