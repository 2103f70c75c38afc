"""DomainEvent: what every event is, and the registry of all versions ever released."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer

from resilibot.contracts.upcasts import UPCASTS

EmitterName = Literal["ingest", "observe", "reason", "plan", "act", "notify"]
Category = Literal["incident", "signal", "target", "control", "watch", "group"]

_NAME = re.compile(r"^(?P<word>[A-Z][A-Za-z]+)V(?P<version>[1-9][0-9]*)$")


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a zone")
    return value.astimezone(UTC)


def format_time(value: datetime) -> str:
    """UTC with Z and six digits, the one form in which times are stored (sorts as text)."""
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


UtcTime = Annotated[datetime, AfterValidator(_utc), PlainSerializer(format_time, return_type=str)]


class Value(BaseModel):
    """A frozen part of an event; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class UnknownEventType(Exception):
    """An event type that this build does not know. Consumers name and skip it; they never fail a batch for it."""

    code = "unknown_event_type"


class DomainEvent(Value):
    """A fact in the past tense. Subclasses are named `<Fact>V<n>`; their wire type is `<Fact>.v<n>`.

    `emitter` is the one service (or module with its own queue) that may emit it; `category` is the kind of stream.
    """

    emitter: ClassVar[EmitterName]
    category: ClassVar[Category] = "incident"
    wire_type: ClassVar[str]
    schema_version: ClassVar[int]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        match = _NAME.match(cls.__name__)
        if not match:
            raise TypeError(f"{cls.__name__}: an event class is named <Fact>V<n>")
        cls.schema_version = int(match["version"])
        cls.wire_type = f"{match['word']}.v{match['version']}"
        if cls.wire_type in REGISTRY:
            raise TypeError(f"{cls.wire_type} is declared twice")
        REGISTRY[cls.wire_type] = cls

    def payload(self) -> dict[str, Any]:
        """The event as plain JSON data, ready for canonical()."""
        return self.model_dump(mode="json")


REGISTRY: dict[str, type[DomainEvent]] = {}


def parse_event(wire_type: str, data: dict[str, Any]) -> DomainEvent:
    """The typed event of stored data, in its newest version.

    Raises UnknownEventType, or pydantic.ValidationError naming the field.
    """
    newest, upcast = UPCASTS.upcast(wire_type, data)
    try:
        model = REGISTRY[newest]
    except KeyError:
        raise UnknownEventType(wire_type) from None
    return model.model_validate(upcast)
