"""GlobalLog: one order over the events of all streams, derived from them and kept in table `log`.

An entry is to the log what a commit is to a stream: it lies at its first position and covers `position .. last`.
It holds no event, only refs (stream, lo, hi); the events are read from the commits. The log's head lies at position
0. One transaction per entry: put the entry if absent, move the head if it still is where it was read, move the cursor
`log#<name>#<stream>` of each stream if it still is where it was read. So positions have no gap, each event has
exactly one, a stream's order is kept, and whoever tries twice or second changes nothing.

The order between streams is that in which they were sequenced, near that of time, no more. Other logs (other names)
over the same streams may order them differently.
"""

from collections.abc import Sequence
from typing import Any

from resilibot.runtime.event_store.dynamodb import UNDECIDED, DynamoEventStore
from resilibot.runtime.event_store.log_entries import Entry, LogState, Sequenced, entry_of
from resilibot.runtime.event_store.port import StoreCorrupt, StoreUnavailable
from resilibot.runtime.event_store.tables import Tables

MAIN = "main"  # the log that the sequencer keeps
HEAD = "0"  # position of the log's head; entries begin at 1
ENTRY_STREAMS = 98  # a transaction takes 100 items: entry, head, one cursor per stream


class GlobalLog:
    """`client` is a boto3 DynamoDB client. `name` names the log: each has positions and cursors of its own."""

    def __init__(self, client: Any, tables: Tables | None = None, name: str = MAIN) -> None:
        self._client = client
        self._tables = tables or Tables()
        self._key = f"log#{name}"
        self._store = DynamoEventStore(client, self._tables)

    def state(self, streams: Sequence[str]) -> LogState:
        """Head and cursors of at most ENTRY_STREAMS streams. Not one snapshot: `append` checks each of them."""
        keys: dict[str, Any] = {
            self._tables.log: {"Keys": [self._head_key()], "ConsistentRead": True},
            self._tables.cursors: {"Keys": [self._cursor_key(s) for s in streams], "ConsistentRead": True},
        }
        last, done = 0, {}
        while keys:
            answer = self._call("batch_get_item", RequestItems=keys)
            for item in answer["Responses"].get(self._tables.log, []):
                last = int(item["last"]["N"])
            for item in answer["Responses"].get(self._tables.cursors, []):
                done[item["name"]["S"].removeprefix(f"{self._key}#")] = int(item["version"]["N"])
            keys = answer.get("UnprocessedKeys") or {}
        return LogState(last, done)

    def append(self, entry: Entry, state: LogState) -> bool:
        """Store `entry`, made by next_entry from `state`. False: not stored, since the log moved on or was busy.

        A repeat after a lost answer finds the cursors moved: nothing is sequenced twice.
        Raises StoreUnavailable; ClientError for what no repeat can mend.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.transact_write_items(TransactItems=self.items(entry, state))
        except ClientError as error:
            reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
            codes = {reason.get("Code", "None") for reason in reasons} | {error.response["Error"]["Code"]}
            if codes & (UNDECIDED | {"ConditionalCheckFailed"}):
                return False
            raise
        except BotoCoreError as error:
            raise StoreUnavailable(f"entry {entry.position} of {self._key}: {error}") from error
        return True

    def items(self, entry: Entry, state: LogState) -> list[dict[str, Any]]:
        """The transaction of `entry`. In counter mode it is part of the append itself."""
        refs = [{"M": {"stream": {"S": r.stream}, "lo": _n(r.lo), "hi": _n(r.hi)}} for r in entry.refs]
        put = {
            "TableName": self._tables.log,
            "Item": {
                "log": {"S": self._key},
                "position": _n(entry.position),
                "last": _n(entry.last),
                "refs": {"L": refs},
            },
            "ConditionExpression": "attribute_not_exists(#log)",
            "ExpressionAttributeNames": {"#log": "log"},
        }
        return [
            {"Put": put},
            _moved(self._tables.log, self._head_key(), "last", state.last, entry.last),
            *(_moved(self._tables.cursors, self._cursor_key(r.stream), "version", r.lo - 1, r.hi) for r in entry.refs),
        ]

    def last(self) -> int:
        """The last position given, 0 for an empty log."""
        answer = self._call("get_item", TableName=self._tables.log, Key=self._head_key(), ConsistentRead=True)
        return int(answer["Item"]["last"]["N"]) if "Item" in answer else 0

    def read(self, after: int = 0, limit: int = 100) -> list[Sequenced]:
        """At most `limit` events with a position above `after`, in order. Read on after the last one to catch up.

        Raises ChainBroken; StoreCorrupt if the log names an event that its stream does not have; StoreUnavailable.
        """
        entries = self._entries(after, limit)
        wanted = [place for entry in entries for place in entry.places() if place[0] > after][:limit]
        spans: dict[str, tuple[int, int]] = {}
        for _, stream, version in wanted:
            lo, _ = spans.get(stream, (version, version))
            spans[stream] = (lo, version)
        events = {
            (stream, event.version): event
            for stream, (lo, hi) in spans.items()
            for event in self._store.load(stream, after=lo - 1, upto=hi).events
        }
        missing = [(stream, version) for _, stream, version in wanted if (stream, version) not in events]
        if missing:
            raise StoreCorrupt(f"{self._key} names {missing[0][0]}:{missing[0][1]}, which is not there")
        return [Sequenced(position, events[stream, version]) for position, stream, version in wanted]

    def _entries(self, after: int, limit: int) -> list[Entry]:
        """Entries that hold the `limit` positions above `after`; the first may begin at or before it."""
        first = self._query("#position BETWEEN :one AND :from", after + 1, 1, forward=False)
        found = [*first, *self._query("#position > :from", after + 1, limit, forward=True)]
        return [entry for entry in map(entry_of, found) if entry.last > after]

    def _query(self, condition: str, position: int, limit: int, *, forward: bool) -> list[dict[str, Any]]:
        values: dict[str, Any] = {":log": {"S": self._key}, ":from": _n(position)}
        if ":one" in condition:
            values[":one"] = _n(1)
        arguments: dict[str, Any] = {
            "TableName": self._tables.log,
            "KeyConditionExpression": f"#log = :log AND {condition}",
            "ExpressionAttributeNames": {"#log": "log", "#position": "position"},
            "ExpressionAttributeValues": values,
            "ScanIndexForward": forward,
            "ConsistentRead": True,
        }
        items: list[dict[str, Any]] = []
        while len(items) < limit:
            answer = self._call("query", **arguments, Limit=limit - len(items))
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                break
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return items

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(f"{operation} of {self._key}: {error}") from error
        return answer

    def _head_key(self) -> dict[str, Any]:
        return {"log": {"S": self._key}, "position": {"N": HEAD}}

    def _cursor_key(self, stream: str) -> dict[str, Any]:
        return {"name": {"S": f"{self._key}#{stream}"}}


def _moved(table: str, key: dict[str, Any], attribute: str, before: int, after: int) -> dict[str, Any]:
    """Update `attribute` from `before` (0: the item is absent) to `after`, or refuse."""
    return {
        "Update": {
            "TableName": table,
            "Key": key,
            "UpdateExpression": "SET #at = :after",
            "ConditionExpression": "#at = :before" if before else "attribute_not_exists(#at)",
            "ExpressionAttributeNames": {"#at": attribute},
            "ExpressionAttributeValues": {":after": _n(after), **({":before": _n(before)} if before else {})},
        }
    }


def _n(number: int) -> dict[str, str]:
    return {"N": str(number)}
