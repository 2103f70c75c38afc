"""ingest, on `group#<account>:<span>`: which signals began or joined an incident, for those that come after them."""

from typing import ClassVar, Literal

from pydantic import Field

from resilibot.contracts.event import Category, DomainEvent, EmitterName, UtcTime
from resilibot.contracts.signal import ResourceRef

Relation = Literal["resource", "service", "change", "family", "neighbour"]
Basis = Literal["opened", "reopened"] | Relation


class SignalGroupedV1(DomainEvent):
    """A fingerprint began to belong to an incident. Committed together with what made it so.

    `basis` is how it came there; a relation names the rule by which it was correlated.
    """

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "group"
    incident_id: str
    fingerprint: str
    signal_name: str
    resource: ResourceRef
    labels: dict[str, str] = Field(default_factory=dict)  # of its tags those that correlation reads
    fired_at: UtcTime
    basis: Basis
    reason: str = Field(default="", max_length=1024)  # in words, with the data that it rests on
