"""coverage: the audit against checkpoints: does every stream still hold what was signed, and what came after?

Seen with checkpoints only: a stream rewritten as a whole together with its HEAD, a tail cut off with HEAD rolled
back, a stream gone altogether. What was appended after the newest checkpoint is not covered yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from resilibot.contracts.canonical import GENESIS, link
from resilibot.contracts.event import format_time
from resilibot.runtime.audit.checkpoint import Checkpoint
from resilibot.runtime.audit.checkpoints import Opened
from resilibot.runtime.audit.contents import Contents
from resilibot.runtime.event_store.verify import (
    AuditedStore,
    AuditReport,
    Commit,
    Fault,
    at_rest,
    verify_stream,
)


@dataclass(frozen=True)
class Anchor:
    """A signed end of one stream: what checkpoint `number` of `taken_at` saw."""

    version: int
    hash: str
    number: int
    taken_at: datetime


@dataclass(frozen=True)
class Window:
    """Events `first..last` of a stream that no checkpoint covers yet."""

    stream: str
    first: int
    last: int


@dataclass(frozen=True)
class Coverage:
    """How far the checkpoints reach. `since` is the time of the newest: what came later is in `windows`."""

    checkpoints: int
    since: datetime | None
    streams: int
    windows: tuple[Window, ...]


@dataclass(frozen=True)
class CoveredReport:
    """An audit and how far it was covered. `audit.faults` holds what the checkpoints show too."""

    audit: AuditReport
    coverage: Coverage

    @property
    def ok(self) -> bool:
        return self.audit.ok


def audit_covered(
    store: AuditedStore, opened: Opened, stream: str | None = None, contents: Contents | None = None
) -> CoveredReport:
    """Every stream that has a HEAD or was ever signed, or one, against its chain and against the checkpoints.

    contents: with it, what the events refer to is read too. Raises BlobUnavailable then.
    A checkpoint that was refused is a fault of one stream's audit too: it may be what would have spoken against it.

    `opened` must have been read before: a stream may go on meanwhile, and is never behind a checkpoint.
    """
    signed = anchors(opened.genuine)
    names = {stream} if stream else {head.stream for head in store.heads()} | store.streams() | set(signed)
    faults: list[Fault] = []
    windows: list[Window] = []
    events = 0
    for name in sorted(names):
        head, commits = at_rest(store, name)
        events += sum(len(commit.bodies) for commit in commits)
        faults += [*verify_stream(head, commits), *verify_anchors(name, commits, signed.get(name, ()))]
        faults += contents.faults(name, commits) if contents else []
        covered = max((anchor.version for anchor in signed.get(name, ())), default=0)
        if covered < head.version:
            windows.append(Window(name, covered + 1, head.version))
    faults += [Fault("checkpoints", r.number, "checkpoint", f"{r.why}: {r.detail}") for r in opened.refused]
    since = opened.genuine[-1].taken_at if opened.genuine else None
    coverage = Coverage(len(opened.genuine), since, len(names & set(signed)), tuple(windows))
    return CoveredReport(AuditReport(len(names), events, tuple(faults)), coverage)


def anchors(checkpoints: Sequence[Checkpoint]) -> Mapping[str, Sequence[Anchor]]:
    """By stream, each signed end once: with the earliest checkpoint that saw it."""
    found: dict[str, dict[tuple[int, str], Anchor]] = {}
    for checkpoint in checkpoints:
        for leaf in checkpoint.leaves:
            anchor = Anchor(leaf.version, leaf.hash, checkpoint.number, checkpoint.taken_at)
            found.setdefault(leaf.stream, {}).setdefault((leaf.version, leaf.hash), anchor)
    return {stream: tuple(by_end.values()) for stream, by_end in found.items()}


def verify_anchors(stream: str, commits: Sequence[Commit], signed: Sequence[Anchor]) -> list[Fault]:
    """Ends that were signed and do not stand there any more. The place is the first version that may be changed."""
    if not signed:
        return []
    hashes = [GENESIS]
    for commit in commits:
        for body in commit.bodies:
            hashes.append(link(hashes[-1], body))
    faults: list[Fault] = []
    good = 0
    for anchor in sorted(signed, key=lambda anchor: (anchor.version, anchor.number)):
        place = f"checkpoint {anchor.number} of {format_time(anchor.taken_at)}"
        if anchor.version >= len(hashes):
            detail = f"{place} saw version {anchor.version}, the stream ends at {len(hashes) - 1}"
            faults.append(Fault(stream, good + 1, "checkpoint_differs", detail))
        elif hashes[anchor.version] != anchor.hash:
            detail = f"{place} saw another history: it differs somewhere in {good + 1}..{anchor.version}"
            faults.append(Fault(stream, good + 1, "checkpoint_differs", detail))
        else:
            good = anchor.version
    return faults
