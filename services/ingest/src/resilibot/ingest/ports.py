"""ports: what ingest needs from the world."""

from dataclasses import dataclass

from resilibot.contracts.door_policy import DEFAULT, DoorPolicy
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.clock import Clock
from resilibot.runtime.event_store.port import EventStore


@dataclass(frozen=True)
class Ports:
    settings: IngestSettings
    clock: Clock
    policy: DoorPolicy = DEFAULT
    history: EventStore | None = None  # None: nothing held back is looked at again (tests of what needs no such thing)
