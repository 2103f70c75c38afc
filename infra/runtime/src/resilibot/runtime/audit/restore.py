"""restore: the way back from the archive for a stream that was lost. It never overwrites.

Everything is checked before anything is written: the copy by itself, against the checkpoints, and against what the
store still holds. Missing commits are filled in, and HEAD is put last: its feed tells the services, and they load a
whole stream, in which their own reactions are found, so that nothing is done twice.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from resilibot.contracts.canonical import GENESIS
from resilibot.runtime.audit.archive import Archive, NotArchived, RestoreRefused
from resilibot.runtime.audit.bundle import blobs_of, streams_of
from resilibot.runtime.audit.checkpoint import Checkpoint
from resilibot.runtime.audit.coverage import Anchor, anchors, verify_anchors
from resilibot.runtime.audit.verify_bundle import verify
from resilibot.runtime.blobs import BlobStore
from resilibot.runtime.event_store.items import linked
from resilibot.runtime.event_store.port import ChainBroken, Head
from resilibot.runtime.event_store.verify import AuditedStore, Commit


class RestorableStore(AuditedStore, Protocol):
    """Raw writes that only a restore makes. Both answer whether it was absent; neither ever overwrites."""

    def put_commit(self, commit: Commit) -> bool: ...

    def put_head(self, head: Head) -> bool: ...


@dataclass(frozen=True)
class Restored:
    """What became of one stream. `behind`: something newer is known to have been there; it is left alone."""

    stream: str
    state: Literal["restored", "present", "behind"]
    commits: int = 0
    detail: str = ""


def read(archive: Archive, incident_id: str, key_id: str) -> dict[str, list[Commit]]:
    """The newest archived copy's streams, verified: enough to replay without the store.

    Raises NotArchived, RestoreRefused (it does not verify), ArchiveUnavailable.
    """
    return streams_of(_verified(archive, incident_id, key_id))


def restore(
    incident_id: str,
    archive: Archive,
    checkpoints: Sequence[Checkpoint],
    store: RestorableStore,
    blob_store: BlobStore,
    key_id: str,
) -> list[Restored]:
    """Fill in what is missing of an archived incident and of the streams it is tied to.

    Everything is checked before anything is written. A repeat after a crash goes on where it stopped.
    Raises NotArchived, RestoreRefused, ArchiveUnavailable, StoreError.
    """
    content = _verified(archive, incident_id, key_id)
    signed = anchors(checkpoints)
    plans = [_plan(stream, commits, signed, store) for stream, commits in streams_of(content).items()]
    for body in blobs_of(content):
        blob_store.put(body, media_type="application/octet-stream")
    return [_carry_out(plan, store) for plan in plans]


def _verified(archive: Archive, incident_id: str, key_id: str) -> bytes:
    entries = archive.entries(incident_id)
    if not entries:
        raise NotArchived(f"incident {incident_id} is not archived")
    content = archive.get(entries[-1])
    if hashlib.sha256(content).hexdigest() != entries[-1].sha256:
        raise RestoreRefused(f"the archived copy of {incident_id} is not what was archived: its sha256 differs")
    faults = verify(content, key_id).faults
    if faults:
        raise RestoreRefused(f"the archived copy: {faults[0].kind} at {faults[0].place}: {faults[0].detail}")
    return content


@dataclass(frozen=True)
class _Plan:
    stream: str
    commits: Sequence[Commit]
    missing: Sequence[Commit]
    head: Head | None  # to put; None: it is there
    newest_signed: int


def _plan(
    stream: str, commits: Sequence[Commit], signed: Mapping[str, Sequence[Anchor]], store: RestorableStore
) -> _Plan:
    """What is missing of `stream`. Raises RestoreRefused if anything stored or signed speaks against the copy."""
    end = commits[-1]
    known = [anchor for anchor in signed.get(stream, ()) if anchor.version <= end.last]
    for fault in verify_anchors(stream, commits, known):
        raise RestoreRefused(f"{fault.stream}:{fault.version}: {fault.detail}")
    there = {commit.version: commit for commit in store.commits(stream)}
    for commit in commits:
        if there.get(commit.version, commit) != commit:
            raise RestoreRefused(f"{stream}:{commit.version}: the store holds another commit there; it is left alone")
    head = store.head(stream)
    at = (head.version, head.hash) if head else (0, GENESIS)
    beyond = [version for version in there if version > end.last]
    if head is None and beyond:
        raise RestoreRefused(f"{stream}:{beyond[0]}: the store goes on after the copy, but has no HEAD")
    if head and (at[0] < end.last or (at[0] == end.last and at[1] != end.hash)):
        raise RestoreRefused(f"{stream}: HEAD is at {at[0]} ({at[1][:16]}), the copy ends at {end.last}")
    missing = [commit for commit in commits if commit.version not in there]
    newest = max((anchor.version for anchor in signed.get(stream, ())), default=0)
    return _Plan(stream, commits, missing, None if head else _head(commits), newest)


def _carry_out(plan: _Plan, store: RestorableStore) -> Restored:
    end = plan.commits[-1].last
    if plan.head and plan.newest_signed > end:
        # a HEAD at the copy's end would be a truncation, and the next append a fork
        detail = f"the copy ends at {end}, a checkpoint saw version {plan.newest_signed}"
        return Restored(plan.stream, "behind", detail=detail)
    for commit in plan.missing:
        if not store.put_commit(commit):
            raise RestoreRefused(f"{plan.stream}:{commit.version}: somebody wrote there meanwhile; it is left alone")
    if plan.head and not store.put_head(plan.head):
        raise RestoreRefused(f"{plan.stream}: somebody wrote HEAD meanwhile; it is left alone")
    is_whole = not plan.missing and plan.head is None
    return Restored(plan.stream, "present" if is_whole else "restored", len(plan.missing))


def _head(commits: Sequence[Commit]) -> Head:
    """The HEAD that the last append left. Raises RestoreRefused."""
    try:
        last = linked(commits)[-1]
    except ChainBroken as error:  # the bodies hash right, but this build cannot read them as envelopes
        raise RestoreRefused(str(error)) from error
    category = last.stream.partition("#")[0]
    return Head(last.stream, last.version, last.hash, commits[-1].version, category, last.envelope.recorded_at)
