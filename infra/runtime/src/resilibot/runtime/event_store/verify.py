"""verify: is what is stored what was written? Pure checks over raw commits; nothing is trusted, all is recomputed.

Detected: an altered body, a broken link, a gap, an inserted, swapped or foreign commit, an event that says it
belongs elsewhere, a HEAD that differs. Not detected here: a stream rewritten as a whole together with its HEAD; that
takes a checkpoint outside of the store (resilibot.runtime.audit.coverage).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from resilibot.contracts.canonical import GENESIS, link
from resilibot.runtime.event_store.port import Head

READS_OF_A_MOVING_STREAM = 3

FaultKind = Literal[
    "altered",
    "broken_link",
    "gap",
    "foreign",
    "misplaced",
    "head_differs",
    "unreadable",
    "checkpoint_differs",
    "checkpoint",
    "blob",
]


@dataclass(frozen=True)
class Commit:
    """One stored commit item as it lies in the table: events `version..last`."""

    stream: str
    version: int
    last: int
    prev_hash: str
    hash: str
    bodies: tuple[bytes, ...]


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where: the first version of `stream` that does not fit."""

    stream: str
    version: int
    kind: FaultKind
    detail: str


@dataclass(frozen=True)
class AuditReport:
    streams: int
    events: int
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        return not self.faults


class AuditedStore(Protocol):
    """What an audit reads: every HEAD, one HEAD, which streams have commits, and those of one in key order."""

    def heads(self) -> Iterator[Head]: ...

    def streams(self) -> set[str]:
        """Names of all streams that hold a commit, whether they have a HEAD or not."""
        ...

    def head(self, stream: str) -> Head | None: ...

    def commits(self, stream: str) -> list[Commit]: ...


def audit(store: AuditedStore, stream: str | None = None) -> AuditReport:
    """Verify every stream, or one. A stream without HEAD is reported as one that differs from it."""
    names = [stream] if stream is not None else sorted({head.stream for head in store.heads()} | store.streams())
    faults: list[Fault] = []
    events = 0
    for name in names:
        head, commits = at_rest(store, name)
        events += sum(len(commit.bodies) for commit in commits)
        faults += verify_stream(head, commits)
    return AuditReport(len(names), events, tuple(faults))


def at_rest(store: AuditedStore, stream: str) -> tuple[Head, list[Commit]]:
    """HEAD and commits of one moment: an append between two reads is no fault. A stream in use is read again.

    Of one that does not rest: the HEAD that was read before the commits, and the commits up to it. What lies beyond
    is looked at when it rests.
    """
    nothing = Head(stream, 0, GENESIS, 0, "", _NEVER)
    head = store.head(stream) or nothing
    for _ in range(READS_OF_A_MOVING_STREAM):
        commits = store.commits(stream)
        before, head = head, store.head(stream) or nothing
        if head == before:
            return head, commits
    return before, [commit for commit in commits if commit.last <= before.version]


def verify_stream(head: Head, commits: Sequence[Commit]) -> list[Fault]:
    """Faults of one stream, first per commit; empty when the chain runs unbroken from the beginning to HEAD."""
    faults: list[Fault] = []
    version, prev_hash = 0, GENESIS
    for commit in commits:
        fault = _verify_commit(head.stream, commit, version, prev_hash)
        if fault:
            faults.append(fault)
        version, prev_hash = commit.last, commit.hash
    if (version, prev_hash) != (head.version, head.hash):
        detail = f"HEAD is at {head.version} ({head.hash[:16]}), the commits end at {version} ({prev_hash[:16]})"
        faults.append(Fault(head.stream, min(version, head.version) + 1, "head_differs", detail))
    return faults


def _verify_commit(stream: str, commit: Commit, version: int, prev_hash: str) -> Fault | None:
    """`version` and `prev_hash`: where the commits before this one ended."""
    first = commit.version
    if first != version + 1:
        return Fault(stream, version + 1, "gap", f"version {version + 1} is missing, the next commit starts at {first}")
    if commit.prev_hash != prev_hash:
        return Fault(stream, first, "broken_link", "the commit does not continue the hash before it")
    if not commit.bodies or commit.last != version + len(commit.bodies):
        return Fault(
            stream, first, "altered", f"it says it ends at {commit.last}, but holds {len(commit.bodies)} events"
        )
    running = prev_hash
    for place, body in enumerate(commit.bodies, start=first):
        fault = _verify_place(stream, place, body)
        if fault:
            return fault
        running = link(running, body)
    if running != commit.hash:
        return Fault(stream, first, "altered", f"events {first}..{commit.last} do not give the commit's hash")
    return None


def _verify_place(stream: str, place: int, body: bytes) -> Fault | None:
    try:
        envelope: Any = json.loads(body)
    except (ValueError, RecursionError):  # nested beyond reading: no audit may end there
        return Fault(stream, place, "unreadable", "the stored body is not JSON any more")
    if not isinstance(envelope, dict):
        return Fault(stream, place, "unreadable", "the stored body is not an envelope")
    if envelope.get("stream") != stream:
        return Fault(stream, place, "foreign", f"the event says it belongs to {envelope.get('stream')}")
    if envelope.get("version") != place:
        return Fault(stream, place, "misplaced", f"the event says it is version {envelope.get('version')}")
    return None


def _never() -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(0, UTC)


_NEVER = _never()
