"""items: what lies in the tables: commits, HEADs and timers as DynamoDB items. Pure; every link is recomputed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.envelope import RecordedEvent, chain
from resilibot.contracts.event import format_time
from resilibot.runtime.event_store.port import Append, ChainBroken, Head, Timer
from resilibot.runtime.event_store.verify import Commit

CARRIED_BYTES = 16_000  # of a commit that HEAD carries along; a larger one would make each move of HEAD dear
COMMIT_BYTES = 300_000  # DynamoDB allows 400 KB per item; attribute names and hashes need room too
TIMER_BUCKET = "due"  # one partition: a tick asks once; incidents are far below what one partition carries


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


def carried(parts: Sequence[Sequence[RecordedEvent]]) -> dict[str, Any]:
    """Attributes by which a HEAD carries the commit that moved it, so that its feed need not be followed by a read.

    A copy, and a hint: whoever uses it recomputes its hashes. Empty for a commit of several items or a large one.
    """
    events = parts[0]
    if len(parts) > 1 or sum(len(event.body) for event in events) > CARRIED_BYTES:
        return {}
    return {"prev_hash": {"S": events[0].prev_hash}, "events": {"L": [{"S": e.body.decode()} for e in events]}}


def carried_commit(item: dict[str, Any]) -> Commit | None:
    """The commit that a HEAD item carries; None when it was too large."""
    if "events" not in item:
        return None
    return Commit(
        stream=item["stream"]["S"],
        version=int(item["lo"]["N"]),
        last=int(item["version"]["N"]),
        prev_hash=item["prev_hash"]["S"],
        hash=item["hash"]["S"],
        bodies=tuple(body["S"].encode() for body in item["events"]["L"]),
    )


def commit_of(item: dict[str, Any]) -> Commit:
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
    return linked([commit_of(item)])


def linked(commits: Sequence[Commit]) -> list[RecordedEvent]:
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
            chained = chain(prev_hash, commit.bodies)
        except ValueError as error:  # not JSON, or no envelope any more (pydantic.ValidationError is a ValueError)
            raise ChainBroken(place, f"a stored body cannot be read: {error}") from error
        if not chained or chained[-1].hash != commit.hash:
            raise ChainBroken(place, f"events {commit.version}..{commit.last} do not give the commit's hash")
        for at, event in enumerate(chained, start=commit.version):
            if event.stream != commit.stream or event.version != at:
                raise ChainBroken(f"{commit.stream}:{at}", f"the event says it is {event.stream}:{event.version}")
        events += chained
        version, prev_hash = commit.last, commit.hash
    return events


def check_linked(append: Append) -> None:
    """Raises ValueError: the caller built the append wrongly."""
    if not append.events:
        raise ValueError(f"{append.stream}: nothing to append")
    version, prev_hash = append.expected, append.events[0].prev_hash
    for event in append.events:
        if event.stream != append.stream or event.version != version + 1 or event.prev_hash != prev_hash:
            raise ValueError(f"{event.stream}:{event.version} does not continue {append.stream}:{version}")
        version, prev_hash = event.version, event.hash


def split(events: Sequence[RecordedEvent]) -> list[list[RecordedEvent]]:
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
