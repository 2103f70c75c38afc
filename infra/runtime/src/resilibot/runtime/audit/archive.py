"""archive: verified copies of closed incidents outside of the store.

ArchiveError
├── NotArchived         nothing is archived under that incident
├── RestoreRefused      the copy does not verify, or the store holds something else (restore.py; never retry)
└── ArchiveUnavailable  the archive did not answer                                  (retryable)

The event store is never deleted from, so archiving moves nothing: it copies a bundle (bundle.py) under its own sha256.
restore.py is the way back for a stream that was lost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from resilibot.contracts.case import fold
from resilibot.runtime.audit.bundle import Bundle, NotCheckpointed, build
from resilibot.runtime.audit.checkpoint import Checkpoint
from resilibot.runtime.audit.verify_bundle import verify
from resilibot.runtime.blobs import BlobStore
from resilibot.runtime.event_store.items import linked
from resilibot.runtime.event_store.port import ChainBroken, Head
from resilibot.runtime.event_store.verify import AuditedStore


class ArchiveError(Exception):
    code: ClassVar[str] = "archive_error"
    retryable: ClassVar[bool] = False


class NotArchived(ArchiveError):
    code = "not_archived"


class RestoreRefused(ArchiveError):
    code = "restore_refused"


class ArchiveUnavailable(ArchiveError):
    code = "archive_unavailable"
    retryable = True


@dataclass(frozen=True)
class Entry:
    """One archived bundle: the incident as of its stream's `version`."""

    incident_id: str
    version: int
    sha256: str


class Archive(Protocol):
    def entries(self, incident_id: str) -> list[Entry]:
        """By version."""
        ...

    def get(self, entry: Entry) -> bytes: ...

    def put(self, entry: Entry, content: bytes) -> None:
        """Putting the same again changes nothing."""
        ...


class InMemoryArchive:
    def __init__(self) -> None:
        self.stored: dict[Entry, bytes] = {}

    def entries(self, incident_id: str) -> list[Entry]:
        found = [entry for entry in self.stored if entry.incident_id == incident_id]
        return sorted(found, key=lambda entry: entry.version)

    def get(self, entry: Entry) -> bytes:
        return self.stored[entry]

    def put(self, entry: Entry, content: bytes) -> None:
        self.stored.setdefault(entry, content)


@dataclass(frozen=True)
class Archived:
    """What became of one closed incident: archived now, archived before, or why not."""

    incident_id: str
    state: Literal["archived", "kept", "not_covered", "faulty"]
    entry: Entry | None = None
    detail: str = ""


def archive_closed(
    store: AuditedStore,
    checkpoints: Sequence[Checkpoint],
    blob_store: BlobStore,
    archive: Archive,
    *,
    closed_before: datetime,
) -> Iterator[Archived]:
    """Archive every incident that is CLOSED and was last touched before `closed_before`.

    A bundle is archived only if it verifies by itself: what is faulty is told, never kept as if it were sound.
    """
    for head in store.heads():
        if head.category != "incident" or head.updated_at > closed_before:
            continue
        incident_id = head.stream.partition("#")[2]
        try:
            is_closed = fold(incident_id, linked(store.commits(head.stream))).status == "CLOSED"
        except ChainBroken as error:
            yield Archived(incident_id, "faulty", detail=str(error))
            continue
        if is_closed:
            yield _archive(incident_id, head, store, checkpoints, blob_store, archive)


def _archive(
    incident_id: str,
    head: Head,
    store: AuditedStore,
    checkpoints: Sequence[Checkpoint],
    blob_store: BlobStore,
    archive: Archive,
) -> Archived:
    kept = next((entry for entry in archive.entries(incident_id) if entry.version == head.version), None)
    if kept:
        return Archived(incident_id, "kept", kept)
    try:
        bundle = build(incident_id, store, checkpoints, blob_store)
    except NotCheckpointed as error:
        return Archived(incident_id, "not_covered", detail=str(error))
    if bundle.ends[head.stream] < head.version:
        return Archived(incident_id, "not_covered", detail=f"version {head.version} came after the newest checkpoint")
    fault = _fault(bundle, checkpoints[-1].statement.key_id)
    if fault:
        return Archived(incident_id, "faulty", detail=fault)
    entry = Entry(incident_id, head.version, bundle.sha256)
    archive.put(entry, bundle.content)
    return Archived(incident_id, "archived", entry)


def _fault(bundle: Bundle, key_id: str) -> str:
    faults = verify(bundle.content, key_id).faults
    return f"{faults[0].kind} at {faults[0].place}: {faults[0].detail}" if faults else ""
