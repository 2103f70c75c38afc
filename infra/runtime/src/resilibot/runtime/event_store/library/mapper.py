"""EnvelopeMapper: our events for the library: topic = stable wire type, state = the exact canonical body.

MAPPER_TOPIC=resilibot.runtime.event_store.library.mapper:EnvelopeMapper

The library's own mapper makes an object by object.__new__ and sets its __dict__: a wrong or missing field comes back
as a "valid" event. This one validates envelope and event. It takes neither cipher nor compressor: the bytes that are
stored are the bytes that are hashed, and personal fields are encrypted before the body is built.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    Cipher,
    Compressor,
    Mapper,
    MapperDeserialisationError,
    ProgrammingError,
    StoredEvent,
    Transcoder,
)

import resilibot.contracts.events  # noqa: F401  fills the registry
from resilibot.contracts.envelope import Envelope
from resilibot.contracts.event import DomainEvent, UnknownEventType, parse_event


@dataclass(frozen=True)
class EnvelopeEvent:
    """One of our events as the library's domain event: a stream is its originator."""

    envelope: Envelope
    event: DomainEvent

    @property
    def originator_id(self) -> str:
        return self.envelope.stream

    @property
    def originator_version(self) -> int:
        return self.envelope.version


class EnvelopeMapper(Mapper[str]):
    """`parse` makes the typed event of a wire type and its stored data; upcasting comes in here."""

    parse: ClassVar[Callable[[str, dict[str, Any]], DomainEvent]] = staticmethod(parse_event)

    def __init__(
        self, transcoder: Transcoder, compressor: Compressor | None = None, cipher: Cipher | None = None
    ) -> None:
        if compressor is not None or cipher is not None:
            raise ProgrammingError("EnvelopeMapper stores the exact bytes that are hashed: no cipher, no compressor")
        super().__init__(transcoder)

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """Raises ProgrammingError for any other kind of event."""
        if not isinstance(domain_event, EnvelopeEvent):
            raise ProgrammingError(f"EnvelopeMapper stores EnvelopeEvent, not {type(domain_event).__name__}")
        envelope = domain_event.envelope
        return StoredEvent(envelope.stream, envelope.version, envelope.type, envelope.body())

    def to_domain_event(self, stored_event: StoredEvent) -> EnvelopeEvent:
        """Raises MapperDeserialisationError naming the event and the field."""
        place = f"{stored_event.originator_id}:{stored_event.originator_version} ({stored_event.topic})"
        try:
            envelope = Envelope.model_validate(json.loads(stored_event.state))
            event = type(self).parse(envelope.type, envelope.data)
        except (ValueError, UnknownEventType) as error:
            raise MapperDeserialisationError(f"{place}: {error}") from error
        said = (envelope.stream, envelope.version, envelope.type)
        if said != (stored_event.originator_id, stored_event.originator_version, stored_event.topic):
            raise MapperDeserialisationError(f"{place}: the body says that it is {said[0]}:{said[1]} ({said[2]})")
        return EnvelopeEvent(envelope, event)
