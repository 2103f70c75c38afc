"""ports: what ingest needs from the world."""

from dataclasses import dataclass

from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.clock import Clock


@dataclass(frozen=True)
class Ports:
    settings: IngestSettings
    clock: Clock
