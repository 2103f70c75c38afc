"""Eight kinds of tampering, 200 random cases each: all are found, with their place, in the store and in a bundle.

What needs a checkpoint is shown to be unseen without one. An untouched store always passes.
"""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from resilibot.contracts.canonical import GENESIS, link
from resilibot.runtime.audit.coverage import audit_covered
from resilibot.runtime.audit.verify_bundle import Fault, verify
from resilibot.runtime.event_store.items import linked
from resilibot.runtime.event_store.port import ChainBroken
from resilibot.runtime.event_store.verify import Commit, audit
from tests.support.ledger import KEY, OWN, SIGNAL, TARGET, Ledger, make_ledger

CASES = 200
BASES = [make_ledger(seed) for seed in range(8)]

Place = tuple[int, int]  # the first fault lies in these versions
Tampering = Callable[[random.Random, Ledger, str], Place]


def edit(rng: random.Random, ledger: Ledger, stream: str) -> Place:
    """One character of one event, or the hash of a commit; some forgers redo the commit's own hash."""
    commits = ledger.raw_commits[stream]
    number = rng.randrange(len(commits))
    commit = commits[number]
    if rng.random() < 0.1:
        name = rng.choice(["hash", "prev_hash"])
        commits[number] = replace(commit, **{name: "f" * 64})
        return commit.version, commit.version
    bodies = list(commit.bodies)
    at = rng.randrange(len(bodies))
    text = bodies[at].decode()
    place = rng.randrange(len(text))
    bodies[at] = (text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]).encode()
    hash_ = rehash(commit.prev_hash, bodies) if rng.random() < 0.3 else commit.hash
    commits[number] = replace(commit, bodies=tuple(bodies), hash=hash_)
    return commit.version, commit.last + 1


def delete_in_the_middle(rng: random.Random, ledger: Ledger, stream: str) -> Place:
    commits = ledger.raw_commits[stream]
    gone = commits.pop(rng.randrange(len(commits) - 1))
    return gone.version, gone.version


def delete_the_tail(rng: random.Random, ledger: Ledger, stream: str) -> Place:
    commits = ledger.raw_commits[stream]
    first = rng.randrange(len(commits))
    gone = commits[first]
    del commits[first:]
    return gone.version, gone.version


def insert(rng: random.Random, ledger: Ledger, stream: str) -> Place:
    """A forged commit between two, or a well linked one after the end, or one that holds nothing."""
    commits = ledger.raw_commits[stream]
    number = rng.randint(1, len(commits))
    before = commits[number - 1]
    body = before.bodies[-1].replace(b'"version":%d' % before.last, b'"version":%d' % (before.last + 1))
    bodies = () if rng.random() < 0.2 else (body,)
    last = before.last + len(bodies)
    forged = Commit(stream, before.last + 1, last, before.hash, rehash(before.hash, bodies), bodies)
    commits.insert(number, forged)
    return before.last + 1, before.last + 2


def swap(rng: random.Random, ledger: Ledger, stream: str) -> Place:
    """The events of two commits, under each other's keys; half of the forgers redo the hash of both."""
    commits = ledger.raw_commits[stream]
    one, two = sorted(rng.sample(range(len(commits)), 2))
    is_thorough = rng.random() < 0.5
    first, second = commits[one], commits[two]
    for at, bodies in ((one, second.bodies), (two, first.bodies)):
        old = commits[at]
        redone = {"hash": rehash(old.prev_hash, bodies), "last": old.version + len(bodies) - 1} if is_thorough else {}
        commits[at] = replace(old, bodies=bodies, **redone)
    return first.version, first.last


def foreign(rng: random.Random, ledger: Ledger, stream: str) -> Place:
    """A genuine commit of another stream in the place of one; half of the forgers link it in well."""
    commits = ledger.raw_commits[stream]
    number = rng.randrange(len(commits))
    other = rng.choice([name for name in ledger.raw_commits if name != stream])
    old, taken = commits[number], rng.choice(ledger.raw_commits[other])
    last = old.version + len(taken.bodies) - 1
    commits[number] = replace(taken, stream=stream, version=old.version, last=last)
    if rng.random() < 0.5:
        linked = rehash(old.prev_hash, taken.bodies)
        commits[number] = replace(commits[number], prev_hash=old.prev_hash, hash=linked)
    return old.version, old.version


def rewrite(rng: random.Random, ledger: Ledger, stream: str) -> Place:
    """History from a random commit on is another, every hash and HEAD are redone: by the chain alone all is well."""
    commits = ledger.raw_commits[stream]
    number = rng.randrange(len(commits))
    old = commits[number]
    how = rng.choice(["edit", "truncate", "drop"])
    if how == "truncate" and number:
        del commits[number:]
    elif how == "drop" and number:
        ledger.raw_commits[stream] = [renumbered(c, -len(old.bodies)) for c in commits[number + 1 :]]
        ledger.raw_commits[stream][:0] = commits[:number]
    else:
        bodies = tuple(body.replace(b'"build":"example"', b'"build":"exbmple"') for body in old.bodies)
        commits[number] = replace(old, bodies=bodies)
    ledger.relink(stream)
    return 1, old.last  # the last good checkpoint says from where on


def renumbered(commit: Commit, by: int) -> Commit:
    bodies = []
    for version, body in enumerate(commit.bodies, start=commit.version):
        bodies.append(body.replace(b'"version":%d}' % version, b'"version":%d}' % (version + by)))
    return replace(commit, bodies=tuple(bodies))


def rehash(prev_hash: str, bodies: "tuple[bytes, ...] | list[bytes]") -> str:
    for body in bodies:
        prev_hash = link(prev_hash, body)
    return prev_hash


SEEN_BY_THE_CHAIN: list[Tampering] = [edit, delete_in_the_middle, delete_the_tail, insert, swap, foreign]


def cases(tampering: Tampering) -> list[tuple[int, Ledger, str, Place]]:
    made = []
    for seed in range(CASES):
        rng = random.Random(f"{tampering.__name__}{seed}")
        ledger, stream = rng.choice(BASES).copy(), rng.choice([OWN, OWN, SIGNAL, TARGET])
        before = ledger.copy()
        if len(ledger.raw_commits[stream]) < 2:
            stream = OWN
        made.append((seed, ledger, stream, tampering(rng, ledger, stream)))
        assert (ledger.raw_commits, ledger.raw_heads) != (before.raw_commits, before.raw_heads), seed
    return made


@pytest.mark.feature(141)
@pytest.mark.parametrize("tampering", SEEN_BY_THE_CHAIN, ids=lambda t: t.__name__)
def test_the_chain_shows_it_with_its_place(tampering: Tampering) -> None:
    for seed, ledger, stream, (first, last) in cases(tampering):
        faults = audit(ledger).faults
        assert {fault.stream for fault in faults} == {stream}, seed
        assert first <= faults[0].version <= last, (seed, faults)


@pytest.mark.feature(40)
@pytest.mark.parametrize("tampering", SEEN_BY_THE_CHAIN, ids=lambda t: t.__name__)
def test_a_bundle_made_of_it_names_the_place(tampering: Tampering) -> None:
    for seed, ledger, stream, (first, last) in cases(tampering):
        if tampering is insert and first > ledger.raw_heads[stream].version:
            continue  # a bundle ends where the newest checkpoint saw the end: what was forged after it is not in it
        versions = places(verify(ledger.bundle().content, KEY.key_id).faults, stream)
        assert first <= min(versions) <= last, (seed, versions)


@pytest.mark.feature(40)
def test_a_bundle_made_of_a_rewritten_stream_does_not_agree_with_its_checkpoints() -> None:
    for seed, ledger, stream, _ in cases(rewrite):
        faults = verify(ledger.bundle().content, KEY.key_id).faults
        assert places(faults, stream), seed
        assert {fault.kind for fault in faults} <= {"checkpoint_differs", "not_covered"}, (seed, faults)


def places(faults: list[Fault], stream: str) -> list[int]:
    """Versions of `stream` that faults name; every fault must be about it."""
    assert {fault.place.rpartition(":")[0] or fault.place for fault in faults} == {stream}
    return [int(fault.place.rpartition(":")[2]) for fault in faults if ":" in fault.place]


@pytest.mark.feature(205)
def test_a_rewrite_with_its_head_is_not_seen_without_a_checkpoint_and_seen_with_one() -> None:
    for seed, ledger, stream, (_, last) in cases(rewrite):
        assert audit(ledger).ok, seed
        faults = audit_covered(ledger, ledger.opened()).audit.faults
        assert {(fault.stream, fault.kind) for fault in faults} == {(stream, "checkpoint_differs")}, seed
        assert faults[0].version <= last, (seed, faults)


@pytest.mark.feature(205)
def test_a_stream_gone_with_its_head_is_not_seen_without_a_checkpoint_and_seen_with_one() -> None:
    for base in BASES:
        ledger = base.copy()
        del ledger.raw_commits[SIGNAL], ledger.raw_heads[SIGNAL]
        assert audit(ledger).ok
        (fault, *_) = audit_covered(ledger, ledger.opened()).audit.faults
        assert (fault.stream, fault.version, fault.kind) == (SIGNAL, 1, "checkpoint_differs")


@pytest.mark.feature(205)
def test_what_came_after_the_newest_checkpoint_is_a_window_and_a_rewrite_in_it_is_not_seen() -> None:
    ledger = BASES[0].copy()
    signed = ledger.raw_heads[OWN].version
    last = ledger.raw_commits[OWN][-1]
    body = last.bodies[-1].replace(b'"version":%d}' % signed, b'"version":%d}' % (signed + 1))
    for text in (body, body.replace(b"example", b"exbmple")):
        ledger.raw_commits[OWN] = [
            *BASES[0].raw_commits[OWN],
            Commit(OWN, signed + 1, signed + 1, GENESIS, GENESIS, (text,)),
        ]
        ledger.relink(OWN)
        report = audit_covered(ledger, ledger.opened())
        assert report.ok
        (window,) = report.coverage.windows
        assert (window.stream, window.first, window.last) == (OWN, signed + 1, signed + 1)


@pytest.mark.parametrize("base", BASES)
def test_an_untouched_store_passes(base: Ledger) -> None:
    assert audit(base).ok
    report = audit_covered(base, base.opened())
    assert report.ok
    assert (report.coverage.windows, report.coverage.streams) == ((), len(base.raw_heads))
    assert verify(base.bundle().content, KEY.key_id).faults == []


def test_a_commit_that_holds_nothing_breaks_the_chain_for_a_reader_too() -> None:
    first = BASES[0].raw_commits[OWN][0]
    empty = Commit(OWN, first.last + 1, first.last, first.hash, first.hash, ())
    with pytest.raises(ChainBroken, match=f"{OWN}:{first.last + 1}"):
        linked([first, empty])
