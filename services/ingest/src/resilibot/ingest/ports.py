"""ports: what ingest needs from the world."""

from dataclasses import dataclass, field

from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.topology import Topology
from resilibot.runtime.clock import Clock


@dataclass(frozen=True)
class Ports:
    settings: IngestSettings
    clock: Clock
    topology: Topology = field(default_factory=Topology)
