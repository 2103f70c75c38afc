"""ports: what ingest needs from the world."""

from dataclasses import dataclass

from resilibot.ingest import sources
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.blobs import BlobStore
from resilibot.runtime.clock import Clock


@dataclass(frozen=True)
class Ports:
    settings: IngestSettings
    clock: Clock
    blobs: BlobStore  # the senders' own bytes
    read: sources.Reader = sources.read
