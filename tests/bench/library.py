"""library: our fold against the same fold in the `eventsourcing` library's own in-memory application, in one run.

Both start from stored bytes in memory and end at the same case. Ours checks the hash chain, the envelope and every
event against its class; the library trusts what it stored and sets `__dict__`, so our event classes are asked to
validate the data there too, as our mapper does: else it would fold wrong data without a word.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from resilibot.contracts.canonical import GENESIS
from resilibot.contracts.case import IncidentCase, empty_case, evolve, fold
from resilibot.contracts.envelope import chain
from resilibot.contracts.event import DomainEvent, parse_event
from tests.support.synthetic import bodies, incident_id

LENGTH = 30
STREAMS = 100
ROUNDS = 5  # in turn, so that a machine that slows down slows both


@dataclass(frozen=True)
class _Envelope:
    recorded_at: datetime


@dataclass(frozen=True)
class _Heard:
    """What our fold asks of a recorded event."""

    event: DomainEvent
    id: str
    type: str
    version: int
    envelope: _Envelope

    @property
    def readable(self) -> DomainEvent:
        return self.event


class Incident(Aggregate):
    """The case as an aggregate: each of its events carries one of ours."""

    def __init__(self, incident: str) -> None:
        self.case: IncidentCase = empty_case(incident)

    @event("Happened")
    def happen(self, event_id: str, wire_type: str, data: dict[str, Any], at: str) -> None:
        version = self.case.version + 1
        heard: Any = _Heard(
            parse_event(wire_type, data), event_id, wire_type, version, _Envelope(datetime.fromisoformat(at))
        )
        self.case = evolve(self.case, heard)


def ratio() -> dict[str, float]:
    """Events per second of both, and ours over the library's. Raises AssertionError if the cases differ."""
    ours = [list(bodies(number, LENGTH)) for number in range(STREAMS)]
    application: Application[UUID] = Application()
    ids = [_store(application, number, stream) for number, stream in enumerate(ours)]
    own_s, library_s = [], []
    for _ in range(ROUNDS):
        began = time.process_time()
        cases = [fold(incident_id(number), chain(GENESIS, stream)) for number, stream in enumerate(ours)]
        own_s.append(time.process_time() - began)
        began = time.process_time()
        aggregates = [application.repository.get(one) for one in ids]
        library_s.append(time.process_time() - began)
        assert [aggregate.case for aggregate in aggregates] == cases
    events = STREAMS * LENGTH
    return {
        "events_per_s": round(events / median(own_s)),
        "library_events_per_s": round(events / median(library_s)),
        "ratio": round(median(library_s) / median(own_s), 2),
    }


def _store(application: "Application[UUID]", number: int, stream: list[bytes]) -> UUID:
    incident = Incident(incident_id(number))
    for recorded in chain(GENESIS, stream):
        envelope = recorded.envelope
        at = envelope.model_dump(mode="json")["recorded_at"]
        incident.happen(event_id=envelope.id, wire_type=envelope.type, data=envelope.data, at=at)
    application.save(incident)
    return incident.id
