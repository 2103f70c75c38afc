"""DynamoEventStore: commits in `events`, one HEAD item per stream in `streams`, one transaction per append.

The transaction puts the commit if absent and moves HEAD if it still has the version and hash that the decision was
based on: no lost update, no gap, no fork, and an ordered feed (DynamoDB Streams keeps order per item only, so the
relay reads HEAD's feed). Timers of the appended events are put in the same transaction.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ulid import ULID

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import format_time
from resilibot.runtime.event_store.items import (
    carried,
    check_linked,
    commit_events,
    commit_of,
    head_of,
    linked,
    split,
    timer_item,
)
from resilibot.runtime.event_store.port import (
    Append,
    Head,
    StoreCorrupt,
    StoreError,
    StoreUnavailable,
    Stream,
    Timer,
    VersionConflict,
)
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.event_store.verify import Commit

ATTEMPTS = 6
LAST_VERSION = 2**53 - 1  # above every version
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


class AlsoRefused(StoreError):
    """What was to be written together with the append was refused; the append itself was not. Nothing was written.

    `refused`: those of the caller's items whose condition failed.
    """

    code = "also_refused"

    def __init__(self, place: str, refused: Sequence[dict[str, Any]]) -> None:
        super().__init__(f"append after {place}: {len(refused)} item(s) of the same transaction were refused")
        self.refused = refused


class DynamoEventStore:
    """`client` is a boto3 DynamoDB client (low level)."""

    def __init__(self, client: Any, tables: Tables | None = None, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._tables = tables or Tables()
        self._pause = pause

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        if upto is not None and upto <= after:
            return Stream(stream, (), after, GENESIS)
        commits = list(self._query(stream, after + 1, upto))
        if after and (not commits or commits[0].version != after + 1):  # `after` lies inside of a commit
            commits = list(self._query(stream, self._key_of(stream, after + 1), upto))
        if not commits:
            return Stream(stream, (), after, GENESIS)
        events = [event for event in linked(commits) if after < event.version <= (upto or event.version)]
        return Stream.of(stream, tuple(events)) if events else Stream(stream, (), after)

    def append(
        self, appends: Sequence[Append], timers: Sequence[Timer] = (), also: Sequence[dict[str, Any]] = ()
    ) -> None:
        """As the port says. `also`: further items of the same transaction, with conditions of their own.

        Raises AlsoRefused when nothing but those conditions failed.
        """
        commit_id = str(ULID())
        items: list[dict[str, Any]] = []
        for append in appends:
            items += self._append_items(append, commit_id)
        items += [{"Put": {"TableName": self._tables.timers, "Item": timer_item(timer)}} for timer in timers]
        items += also
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

    def streams(self) -> set[str]:
        """A scan of the whole table, names only."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._tables.events,
            ProjectionExpression="#stream",
            ExpressionAttributeNames={"#stream": "stream"},
            ConsistentRead=True,
        )
        return {item["stream"]["S"] for page in pages for item in page["Items"]}

    def commits(self, stream: str) -> list[Commit]:
        """Raw commits in key order, as they lie there, whatever was done to them."""
        return [commit_of(item) for item in self._pages(stream, 1, None)]

    def end(self, stream: str) -> RecordedEvent | None:
        """The last event, from the last commit alone; None for an unknown stream.

        For a writer that folds nothing and only continues the chain. Raises ChainBroken, StoreUnavailable.
        """
        item = self._last_commit(stream, LAST_VERSION)
        return commit_events(item)[-1] if item else None

    def _key_of(self, stream: str, version: int) -> int:
        """Key of the commit that holds `version`: it may begin before it."""
        item = self._last_commit(stream, version)
        return int(item["version"]["N"]) if item else version

    def _last_commit(self, stream: str, upto: int) -> dict[str, Any] | None:
        """The last commit that begins at or before version `upto`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.query(
                TableName=self._tables.events,
                KeyConditionExpression="#stream = :stream AND #version <= :version",
                ExpressionAttributeNames={"#stream": "stream", "#version": "version"},
                ExpressionAttributeValues={":stream": {"S": stream}, ":version": {"N": str(upto)}},
                ScanIndexForward=False,
                Limit=1,
                ConsistentRead=True,
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(f"query of {stream} up to {upto}: {error}") from error
        items: list[dict[str, Any]] = answer["Items"]
        return items[0] if items else None

    def _query(self, stream: str, first: int, upto: int | None) -> Iterator[Commit]:
        for item in self._pages(stream, first, upto):
            yield commit_of(item)

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
        check_linked(append)
        events, last = append.events, append.events[-1]
        parts = split(events)
        puts = [self._commit_put(append.stream, part, commit_id) for part in parts]
        return [*puts, {"Put": self._head_put(append, events[0].version, last, carried(parts))}]

    def _head_put(self, append: Append, first: int, last: RecordedEvent, along: dict[str, Any]) -> dict[str, Any]:
        """HEAD put anew as a whole: it has no attribute that an append does not know (and an update costs more)."""
        head: dict[str, Any] = {
            "TableName": self._tables.streams,
            "Item": {
                "stream": {"S": append.stream},
                "version": {"N": str(last.version)},
                "hash": {"S": last.hash},
                "lo": {"N": str(first)},
                "category": {"S": append.stream.partition("#")[0]},
                "updated_at": {"S": format_time(last.envelope.recorded_at)},
                **along,
            },
            "ConditionExpression": "attribute_not_exists(#stream)",
            "ExpressionAttributeNames": {"#stream": "stream"},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if append.expected:
            head["ConditionExpression"] = "#version = :expected AND #hash = :previous"
            head["ExpressionAttributeNames"] = {"#version": "version", "#hash": "hash"}
            head["ExpressionAttributeValues"] = {
                ":expected": {"N": str(append.expected)},
                ":previous": {"S": append.prev_hash},
            }
        return head

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
        also: list[dict[str, Any]] = []
        for item, reason in zip(items, reasons, strict=False):
            if reason.get("Code") != "ConditionalCheckFailed":
                continue
            operation = item.get("Put") or item["Update"]
            if operation["TableName"] not in (self._tables.events, self._tables.streams):
                also.append(item)
                continue
            is_head = operation["TableName"] == self._tables.streams
            key = operation["Item"]["stream"]["S"]
            (failed_heads if is_head else failed_puts).add(key)
        if also and not failed_puts and not failed_heads:
            raise AlsoRefused(place, also) from error
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


def _is_ours(reasons: Sequence[dict[str, Any]], commit_id: str) -> bool:
    """The commit that stands in the way is this very one: we were first and lost the answer."""
    return any(reason.get("Item", {}).get("commit_id", {}).get("S") == commit_id for reason in reasons)
