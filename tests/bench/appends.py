"""appends: the event store's append against a bare conditional PutItem of the same size, on the same emulator."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import uuid4

from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.event_store.tables import Tables
from tests.support.event_store_contract import EVENTS, append_of
from tests.support.house import House

TABLES = Tables.prefixed("bench")  # nobody relays these
ROUNDS = 4  # in turn, so that a machine that slows down slows both


def ratio(house: House, threads: int, each: int = 60) -> dict[str, float]:
    """Appends and puts per second, and their ratio. Each thread writes a stream of its own."""
    dynamodb = house.client("dynamodb")
    for definition in TABLES.definitions():
        with suppress(dynamodb.exceptions.ResourceInUseException):
            dynamodb.create_table(**definition)
    store = DynamoEventStore(dynamodb, TABLES)
    append_s = put_s = 0.0
    for _ in range(ROUNDS):
        append_s += _timed(threads, lambda: _append_many(store, each))
        put_s += _timed(threads, lambda: _put_many(dynamodb, each))
    total = ROUNDS * threads * each
    return {
        "threads": threads,
        "appends_per_s": round(total / append_s, 1),
        "puts_per_s": round(total / put_s, 1),
        "ratio": round(put_s / append_s, 2),
    }


def _append_many(store: DynamoEventStore, count: int) -> None:
    stream = Stream(f"target#bench-{uuid4().hex}")
    for _ in range(count):
        append = append_of(stream, EVENTS[:1])
        store.append([append])
        stream = Stream(stream.id, (), stream.version + 1, append.events[-1].hash)


def _put_many(dynamodb: Any, count: int) -> None:
    key = f"target#put-{uuid4().hex}"
    for version in range(1, count + 1):
        append = append_of(Stream(key), EVENTS[:1])
        dynamodb.put_item(
            TableName=TABLES.events,
            Item={
                "stream": {"S": key},
                "version": {"N": str(version)},
                "last": {"N": str(version)},
                "events": {"L": [{"S": append.events[0].body.decode()}]},
            },
            ConditionExpression="attribute_not_exists(#stream)",
            ExpressionAttributeNames={"#stream": "stream"},
        )


def _timed(threads: int, work: Any) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work) for _ in range(threads)]:
            future.result()
    return time.perf_counter() - started
