"""stored: between the library's StoredEvent and our recorded event. Pure.

The id decides. An originator id of the form `category#key` is a stream of ours: its state is the exact body of an
envelope. A UUID is the stream `uuid#<uuid>` and any other text `text#<text>`: topic and state are wrapped into an
envelope of type LibraryEvent.v1. Streams start at version 1; the library's aggregates may start at 0.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from eventsourcing.persistence import DataError, IntegrityError, StoredEvent
from ulid import ULID

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.envelope import Actor, Envelope, Producer, RecordedEvent
from resilibot.runtime.event_store.port import Append

WRAPPED = "LibraryEvent.v1"  # no DomainEvent: services name and skip it, as they do with any type they do not know
_OURS = re.compile(r"^(?!uuid#|text#)[a-z]+#.+")


@dataclass(frozen=True)
class Writing:
    """Who writes, and when: what a wrapped event's envelope says."""

    application: str
    build: str
    now: datetime


def stream_of(originator_id: UUID | str) -> str:
    """The stream of an originator; every originator has its own."""
    if isinstance(originator_id, UUID):
        return f"uuid#{originator_id}"
    return originator_id if _OURS.fullmatch(originator_id) else f"text#{originator_id}"


def originator_of(stream: str) -> UUID | str:
    """The originator id that `stream_of` made this stream from."""
    category, _, key = stream.partition("#")
    return {"uuid": UUID, "text": str}[category](key) if category in ("uuid", "text") else stream


def stored_of(event: RecordedEvent) -> StoredEvent:
    """The event as the library knows it."""
    originator_id = originator_of(event.stream)
    if event.type == WRAPPED:
        data = event.envelope.data
        state = base64.b64decode(data["state"])
        return StoredEvent(originator_id, data["originator_version"], data["topic"], state)
    return StoredEvent(originator_id, event.version, event.type, event.body)


def appends_of(
    stored_events: Sequence[StoredEvent], ends: Mapping[str, RecordedEvent | None], writing: Writing
) -> list[Append]:
    """The events linked to the ends of their streams, one append per stream.

    Raises IntegrityError unless each version is exactly the one after the last; DataError for a body that is not
    that of its own place.
    """
    linked: dict[str, list[RecordedEvent]] = {}
    for stored in stored_events:
        stream = stream_of(stored.originator_id)
        before = linked[stream][-1] if stream in linked else ends[stream]
        linked.setdefault(stream, []).append(_recorded(stream, stored, before, writing))
    return [Append(stream, events[0].version - 1, tuple(events)) for stream, events in linked.items()]


def _recorded(stream: str, stored: StoredEvent, before: RecordedEvent | None, writing: Writing) -> RecordedEvent:
    is_ours = _OURS.fullmatch(stream) is not None
    expected = {stored_of(before).originator_version + 1} if before else {1} if is_ours else {0, 1}
    if stored.originator_version not in expected:
        at = f"it is at {min(expected) - 1}" if before else "it is new"
        raise IntegrityError(f"{stream}:{stored.originator_version} does not continue the stream: {at}")
    prev_hash = before.hash if before else GENESIS
    if not is_ours:
        return RecordedEvent.after(prev_hash, _wrapped(stream, stored, before, writing))
    recorded = RecordedEvent.from_body(prev_hash, stored.state)
    place = (recorded.stream, recorded.version, recorded.type)
    if place != (stream, stored.originator_version, stored.topic) or recorded.envelope.body() != stored.state:
        raise DataError(f"{stream}:{stored.originator_version}: the state is not the canonical body of this event")
    return recorded


def _wrapped(stream: str, stored: StoredEvent, before: RecordedEvent | None, writing: Writing) -> Envelope:
    now = max(writing.now, before.envelope.recorded_at) if before else writing.now
    return Envelope(
        id=str(ULID()),
        type=WRAPPED,
        schema_version=1,
        stream=stream,
        version=before.version + 1 if before else 1,
        occurred_at=now,
        recorded_at=now,
        correlation_id=stream,
        actor=Actor(kind="system", id=writing.application),
        producer=Producer(service=writing.application, build=writing.build),
        data={
            "originator_version": stored.originator_version,
            "topic": stored.topic,
            "state": base64.b64encode(stored.state).decode(),
        },
    )
