"""Envelope: who said it, when, where in which stream and because of what; RecordedEvent: an envelope in the chain."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, ValidationError

from resilibot.contracts.canonical import canonical, link
from resilibot.contracts.event import DomainEvent, UnknownEventType, UtcTime, Value, parse_event

ULID = r"^[0-9A-HJKMNP-TV-Z]{26}$"


class Actor(Value):
    """Who caused the event: a service reacting, a person (verified identity), a timer, or an outside system."""

    kind: Literal["service", "person", "timer", "system"]
    id: str = Field(min_length=1, max_length=256)


class Producer(Value):
    """Which service wrote the event, and which build of it."""

    service: str
    build: str


class Envelope(Value):
    """The hashed part of a stored event; its canonical JSON is the stored body."""

    id: str = Field(pattern=ULID)
    type: str = Field(pattern=r"^[A-Z][A-Za-z]+\.v[1-9][0-9]*$")
    schema_version: int = Field(ge=1)
    stream: str = Field(pattern=r"^[a-z]+#.+$", max_length=512)
    version: int = Field(ge=1)
    occurred_at: UtcTime
    recorded_at: UtcTime  # never before that of the previous event of the stream
    correlation_id: str  # id of the incident, or of the stream where there is none
    causation_id: str | None = None  # id of the event (or timer, or request) reacted to
    command_id: str | None = None  # id of the outside request, for deduplication
    actor: Actor
    producer: Producer
    data: dict[str, Any]
    traceparent: str | None = None

    def body(self) -> bytes:
        return canonical(self.model_dump(mode="json"))


@dataclass(frozen=True)
class RecordedEvent:
    """One stored event: the exact bytes, their place in the chain, and the parsed envelope."""

    envelope: Envelope
    body: bytes
    prev_hash: str
    hash: str

    @classmethod
    def after(cls, prev_hash: str, envelope: Envelope) -> "RecordedEvent":
        """The event appended after `prev_hash`."""
        body = envelope.body()
        return cls(envelope, body, prev_hash, link(prev_hash, body))

    @classmethod
    def from_body(cls, prev_hash: str, body: bytes) -> "RecordedEvent":
        """The event of stored bytes; the hash is recomputed, never trusted. Raises pydantic.ValidationError.

        model_validate_json reads in one pass, a third faster than json.loads and model_validate (make bench).
        """
        return cls(Envelope.model_validate_json(body), body, prev_hash, link(prev_hash, body))

    @cached_property
    def event(self) -> DomainEvent:
        """The typed event, in its newest version. Raises UnknownEventType or pydantic.ValidationError."""
        return parse_event(self.envelope.type, self.envelope.data)

    @property
    def readable(self) -> DomainEvent | None:
        """The typed event; None when this build does not know the type, or the data does not fit it."""
        try:
            return self.event
        except (UnknownEventType, ValidationError):
            return None

    @property
    def id(self) -> str:
        return self.envelope.id

    @property
    def type(self) -> str:
        return self.envelope.type

    @property
    def stream(self) -> str:
        return self.envelope.stream

    @property
    def version(self) -> int:
        return self.envelope.version


def chain(prev_hash: str, bodies: Iterable[bytes]) -> list[RecordedEvent]:
    """Stored bodies of one stream, in order, linked from `prev_hash`."""
    events: list[RecordedEvent] = []
    for body in bodies:
        recorded = RecordedEvent.from_body(prev_hash, body)
        events.append(recorded)
        prev_hash = recorded.hash
    return events


def stream_id(category: str, key: str) -> str:
    return f"{category}#{key}"
