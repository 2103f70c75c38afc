"""Ledger: a whole event store with its checkpoints, as raw commits that a test may tamper with."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from resilibot.contracts import events as e
from resilibot.contracts.canonical import GENESIS, link
from resilibot.contracts.event import DomainEvent
from resilibot.runtime.audit.bundle import Bundle, build
from resilibot.runtime.audit.checkpoint import SigningKey
from resilibot.runtime.audit.checkpoints import InMemoryCheckpoints, Opened, open_all, take
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Head
from resilibot.runtime.event_store.verify import Commit
from tests.support.event_store_contract import append_of
from tests.support.story import FINGERPRINT, INCIDENT, INCIDENT_EVENTS, SIGNAL_EVENTS, TARGET_EVENTS, at

KEY = SigningKey("11" * 32)
OTHER_KEY = SigningKey("22" * 32)
OWN = f"incident#{INCIDENT}"
SIGNAL = f"signal#{FINGERPRINT}"
TARGET = "target#service/orders"
OPENED: dict[tuple[tuple[int, bytes], ...], Opened] = {}


@dataclass
class Ledger:
    """Raw HEADs and commits, what was signed of them, and the blobs they refer to. Any part may be changed."""

    raw_heads: dict[str, Head]
    raw_commits: dict[str, list[Commit]]
    checkpoints: InMemoryCheckpoints = field(default_factory=InMemoryCheckpoints)
    blobs: InMemoryBlobStore = field(default_factory=InMemoryBlobStore)

    def heads(self) -> Iterator[Head]:
        return iter(list(self.raw_heads.values()))

    def streams(self) -> set[str]:
        return {stream for stream, commits in self.raw_commits.items() if commits}

    def head(self, stream: str) -> Head | None:
        return self.raw_heads.get(stream)

    def commits(self, stream: str) -> list[Commit]:
        return sorted(self.raw_commits.get(stream, ()), key=lambda commit: commit.version)

    def put_commit(self, commit: Commit) -> bool:
        stored = self.raw_commits.setdefault(commit.stream, [])
        if any(there.version == commit.version for there in stored):
            return False
        stored.append(commit)
        return True

    def put_head(self, head: Head) -> bool:
        return self.raw_heads.setdefault(head.stream, head) is head

    def copy(self) -> "Ledger":
        checkpoints = InMemoryCheckpoints()
        checkpoints.stored = dict(self.checkpoints.stored)
        commits = {stream: list(commits) for stream, commits in self.raw_commits.items()}
        return Ledger(dict(self.raw_heads), commits, checkpoints, self.blobs)

    def sign(self, key: SigningKey = KEY, seconds: float = 0) -> None:
        assert take(self, self.checkpoints, key, at(seconds))

    def opened(self) -> Opened:
        known = tuple(self.checkpoints.stored.items())
        if known not in OPENED:  # the same few checkpoints are opened for thousands of cases
            OPENED[known] = open_all(self.checkpoints, KEY.key_id)
        return OPENED[known]

    def bundle(self) -> Bundle:
        return build(INCIDENT, self, self.opened().genuine, self.blobs)

    def relink(self, stream: str) -> None:
        """What a thorough forger does: redo every hash of the stream, and HEAD."""
        commits, prev_hash, version = [], GENESIS, 0
        for commit in self.raw_commits[stream]:
            running = prev_hash
            for body in commit.bodies:
                running = link(running, body)
            last = version + len(commit.bodies)
            commits.append(replace(commit, version=version + 1, last=last, prev_hash=prev_hash, hash=running))
            prev_hash, version = running, last
        self.raw_commits[stream] = commits
        self.raw_heads[stream] = replace(self.raw_heads[stream], version=version, hash=prev_hash)


def make_ledger(seed: int = 0) -> Ledger:
    """One incident with its signal and target among others, in random commits, signed now and then and at the end."""
    rng = random.Random(seed)
    store, checkpoints, blobs = InMemoryEventStore(), InMemoryCheckpoints(), InMemoryBlobStore()
    for stream, events in _streams(blobs, rng).items():
        waiting = list(events)
        while waiting:
            size = rng.randint(1, 4)
            store.append([append_of(store.load(stream), waiting[:size])])
            del waiting[:size]
            if rng.random() < 0.15:
                take(store, checkpoints, KEY, at(len(checkpoints.stored)))
    ledger = Ledger(
        {head.stream: head for head in store.heads()},
        {head.stream: store.commits(head.stream) for head in store.heads()},
        checkpoints,
        blobs,
    )
    ledger.sign(seconds=1000)
    return ledger


def _streams(blobs: InMemoryBlobStore, rng: random.Random) -> dict[str, list[DomainEvent]]:
    ref = blobs.put(b"# Postmortem\n", media_type="text/markdown")
    incident = [
        event.model_copy(update={"ref": ref}) if isinstance(event, e.PostmortemWrittenV1) else event
        for event in INCIDENT_EVENTS
    ]
    others = {f"incident#other-{n}": INCIDENT_EVENTS[: rng.randint(1, 12)] for n in range(rng.randint(1, 6))}
    return {**others, SIGNAL: SIGNAL_EVENTS * 3, TARGET: TARGET_EVENTS * 2, OWN: incident}
