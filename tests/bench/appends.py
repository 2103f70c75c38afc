"""appends: the event store's append against a bare conditional PutItem of the same size, on the same emulator."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from statistics import median
from typing import Any
from uuid import uuid4

from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.event_store.tables import Tables
from tests.support.event_store_contract import EVENTS, append_of
from tests.support.house import House

TABLES = Tables.prefixed("bench")  # nobody relays these
WARM = 10  # of each thread's pairs, not counted: connections are made, caches fill


def ratio(house: House, threads: int, each: int = 240) -> dict[str, float]:
    """Appends and puts per second, and their ratio: the median put's time over the median append's.

    Each thread takes one append and one put in turn, on a stream of its own, so that whatever else the machine does
    slows both. Medians: a pause of the emulator is nobody's cost.
    """
    dynamodb = house.client("dynamodb")
    for definition in TABLES.definitions():
        with suppress(dynamodb.exceptions.ResourceInUseException):
            dynamodb.create_table(**definition)
    store = DynamoEventStore(dynamodb, TABLES)
    with ThreadPoolExecutor(threads) as pool:
        pairs = [pair for done in pool.map(lambda _: _pairs(store, dynamodb, each), range(threads)) for pair in done]
    append_s, put_s = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    return {
        "threads": threads,
        "appends_per_s": round(threads / append_s, 1),
        "puts_per_s": round(threads / put_s, 1),
        "ratio": round(put_s / append_s, 2),
    }


def _pairs(store: DynamoEventStore, dynamodb: Any, count: int) -> list[tuple[float, float]]:
    """Seconds of an append and of a put, in turn."""
    stream, key = Stream(f"target#bench-{uuid4().hex}"), f"target#put-{uuid4().hex}"
    pairs = []
    for version in range(1, WARM + count + 1):
        started = time.perf_counter()
        append = append_of(stream, EVENTS[:1])
        store.append([append])
        appended = time.perf_counter()
        _put(dynamodb, key, version)
        pairs.append((appended - started, time.perf_counter() - appended))
        stream = Stream(stream.id, (), stream.version + 1, append.events[-1].hash)
    return pairs[WARM:]


def _put(dynamodb: Any, key: str, version: int) -> None:
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
