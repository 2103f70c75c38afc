"""timers: durable timers: set by events, kept in a table, sent to their owner's queue when they fall due.

Each timer follows from an event and its id derives from it, so setting one twice sets it once, and the table could
be rebuilt from the store. A TimerDue may arrive twice (a crash between send and delete): reactions are idempotent by
causation, with the timer's id as the cause.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from resilibot.contracts.event import format_time
from resilibot.runtime.bus.message import encode_timer
from resilibot.runtime.event_store.items import TIMER_BUCKET, timer_item
from resilibot.runtime.event_store.port import Timer
from resilibot.runtime.event_store.tables import Tables

log = logging.getLogger(__name__)

AT_ONCE = 50


class TimerStore(Protocol):
    def schedule(self, timers: Sequence[Timer]) -> None:
        """Set timers; one that is set already stays as it is."""
        ...


class InMemoryTimers:
    def __init__(self) -> None:
        self.timers: dict[str, Timer] = {}

    def schedule(self, timers: Sequence[Timer]) -> None:
        for timer in timers:
            self.timers.setdefault(timer.id, timer)


class TimerTable:
    """`client` is a boto3 DynamoDB client."""

    def __init__(self, client: Any, tables: Tables | None = None) -> None:
        self._client = client
        self._table = (tables or Tables()).timers

    def schedule(self, timers: Sequence[Timer]) -> None:
        for timer in timers:
            self._client.put_item(TableName=self._table, Item=timer_item(timer))

    def due(self, now: datetime, limit: int = AT_ONCE) -> list[Timer]:
        """Timers with due_at <= now, oldest first."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="#bucket = :bucket AND #due <= :now",
            ExpressionAttributeNames={"#bucket": "bucket", "#due": "due"},
            # "~" sorts after "#", so that a timer due in this very microsecond is included
            ExpressionAttributeValues={":bucket": {"S": TIMER_BUCKET}, ":now": {"S": f"{format_time(now)}~"}},
            Limit=limit,
            ConsistentRead=True,
        )
        return [_timer(item) for item in answer["Items"]]

    def done(self, timer: Timer) -> None:
        key = timer_item(timer)
        self._client.delete_item(TableName=self._table, Key={"bucket": key["bucket"], "due": key["due"]})


def _timer(item: Mapping[str, Any]) -> Timer:
    return Timer(
        id=item["id"]["S"],
        owner=item["owner"]["S"],
        kind=item["kind"]["S"],
        stream=item["stream"]["S"],
        cause=item["cause"]["S"],
        due_at=datetime.fromisoformat(item["due"]["S"].partition("#")[0]),
    )


def tick(table: TimerTable, sqs: Any, queue_urls: Mapping[str, str], now: datetime) -> int:
    """Send every due timer to its owner's queue, then delete it. Returns how many were sent.

    A timer of an owner that is not deployed (any more) is named and dropped: it follows from an event that stays.
    """
    sent = 0
    while True:
        due = table.due(now, AT_ONCE)
        for timer in due:
            _send(table, sqs, queue_urls, timer)
        sent += len(due)
        if len(due) < AT_ONCE:
            return sent


def _send(table: TimerTable, sqs: Any, queue_urls: Mapping[str, str], timer: Timer) -> None:
    if timer.owner in queue_urls:
        sqs.send_message(
            QueueUrl=queue_urls[timer.owner],
            MessageBody=encode_timer(timer),
            MessageGroupId=timer.stream,
            MessageDeduplicationId=f"timer:{timer.id}"[-128:],
        )
    else:
        log.error("a timer of an unknown owner is dropped", extra={"timer": timer.id, "owner": timer.owner})
    table.done(timer)
