"""message: what travels on the queues: one stored event, or a timer that fell due. A hint: the store is the truth.

Event:  {"stream", "version", "type", "hash", "prev_hash", "body"}; body is the stored text, or null above 64 KB
        (the store has it).
Timer:  {"timer": {"id", "owner", "kind", "stream", "cause", "due_at"}}
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import format_time
from resilibot.contracts.faults import faults_of
from resilibot.runtime.event_store.port import Timer

INLINE_BYTES = 64_000
StreamId = Annotated[str, StringConstraints(pattern=r"^[a-z]+#.+$", max_length=512)]  # as the envelope has it


class MalformedMessage(Exception):
    """The text is no message of ours; the error names the field."""

    code = "malformed_message"


@dataclass(frozen=True)
class EventMessage:
    stream: StreamId
    version: Annotated[int, Field(ge=1)]
    type: str
    hash: str
    prev_hash: str
    body: str | None


@dataclass(frozen=True)
class TimerMessage:
    timer: Timer


_EVENT = TypeAdapter(EventMessage)
_TIMER = TypeAdapter(Timer)


def encode(recorded: RecordedEvent) -> str:
    return json.dumps(
        {
            "stream": recorded.stream,
            "version": recorded.version,
            "type": recorded.type,
            "hash": recorded.hash,
            "prev_hash": recorded.prev_hash,
            "body": recorded.body.decode() if len(recorded.body) <= INLINE_BYTES else None,
        },
        ensure_ascii=False,
    )


def encode_timer(timer: Timer) -> str:
    fields = {
        "id": timer.id,
        "owner": timer.owner,
        "kind": timer.kind,
        "stream": timer.stream,
        "cause": timer.cause,
        "due_at": format_time(timer.due_at),
    }
    return json.dumps({"timer": fields}, ensure_ascii=False)


def decode(text: str) -> EventMessage | TimerMessage:
    """Raises MalformedMessage naming the field."""
    try:
        data: Any = json.loads(text)
    except ValueError as error:
        raise MalformedMessage(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise MalformedMessage(f"an object is needed, not {type(data).__name__}")
    try:
        if "timer" in data:
            timer = _TIMER.validate_python(data["timer"])
            if not isinstance(timer.due_at, datetime) or timer.due_at.tzinfo is None:
                raise MalformedMessage("timer.due_at: a time with a zone is needed")
            return TimerMessage(timer)
        return _EVENT.validate_python(data)
    except ValidationError as error:
        raise MalformedMessage(faults_of(error, "message")) from error
