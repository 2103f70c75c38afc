"""Archive and restore: a verified copy of what is closed; what is lost comes back; nothing is ever overwritten."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from resilibot.contracts.case import fold
from resilibot.runtime.audit.archive import Archived, InMemoryArchive, NotArchived, RestoreRefused, archive_closed
from resilibot.runtime.audit.coverage import audit_covered
from resilibot.runtime.audit.restore import Restored, read, restore
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.event_store.items import linked
from tests.support.ledger import INCIDENT, KEY, OWN, SIGNAL, TARGET, Ledger, make_ledger
from tests.support.story import at

LATER = at(10_000)


@pytest.fixture
def ledger() -> Ledger:
    return make_ledger(2)


@pytest.fixture
def archive(ledger: Ledger) -> InMemoryArchive:
    archive = InMemoryArchive()
    assert [one.state for one in run_archive(ledger, archive)] == ["archived"]
    return archive


def run_archive(ledger: Ledger, archive: InMemoryArchive, closed_before: datetime = LATER) -> list[Archived]:
    genuine = ledger.opened().genuine
    return list(archive_closed(ledger, genuine, ledger.blobs, archive, closed_before=closed_before))


def rewrite_first_commit(ledger: Ledger) -> None:
    first = ledger.raw_commits[OWN][0]
    bodies = tuple(body.replace(b"example", b"exbmple") for body in first.bodies)
    ledger.raw_commits[OWN][0] = replace(first, bodies=bodies)


def run_restore(ledger: Ledger, archive: InMemoryArchive) -> list[Restored]:
    return restore(INCIDENT, archive, ledger.opened().genuine, ledger, ledger.blobs, KEY.key_id)


def drop(ledger: Ledger, *streams: str) -> None:
    for stream in streams:
        del ledger.raw_commits[stream], ledger.raw_heads[stream]


@pytest.mark.feature(41)
def test_only_closed_incidents_older_than_the_setting_are_archived_and_each_version_once(ledger: Ledger) -> None:
    archive = InMemoryArchive()
    assert run_archive(ledger, archive, closed_before=at(0)) == []
    assert [(one.incident_id, one.state) for one in run_archive(ledger, archive)] == [(INCIDENT, "archived")]
    ledger.sign(seconds=2000)
    assert [one.state for one in run_archive(ledger, archive)] == ["kept"]
    assert len(archive.stored) == 1


@pytest.mark.feature(41)
def test_an_archived_incident_replays_without_the_store(ledger: Ledger, archive: InMemoryArchive) -> None:
    streams = read(archive, INCIDENT, KEY.key_id)
    assert streams == {stream: ledger.commits(stream) for stream in (OWN, SIGNAL, TARGET)}
    assert fold(INCIDENT, linked(streams[OWN])) == fold(INCIDENT, linked(ledger.commits(OWN)))


@pytest.mark.feature(41)
def test_what_was_lost_comes_back_to_the_byte(ledger: Ledger, archive: InMemoryArchive) -> None:
    before = ledger.copy()
    drop(ledger, OWN, SIGNAL, TARGET)
    ledger.blobs = InMemoryBlobStore()
    assert not audit_covered(ledger, ledger.opened()).ok
    assert [(one.stream, one.state) for one in run_restore(ledger, archive)] == [
        (OWN, "restored"),
        (SIGNAL, "restored"),
        (TARGET, "restored"),
    ]
    assert (ledger.raw_commits, ledger.raw_heads) == (before.raw_commits, before.raw_heads)
    assert audit_covered(ledger, ledger.opened()).ok
    assert ledger.bundle().missing_blobs == {}
    assert {one.state for one in run_restore(ledger, archive)} == {"present"}


def test_a_restore_that_died_half_way_goes_on(ledger: Ledger, archive: InMemoryArchive) -> None:
    before = ledger.copy()
    del ledger.raw_heads[OWN]
    del ledger.raw_commits[OWN][3:]
    ledger.raw_commits[TARGET].pop(0)
    states = {one.stream: one.state for one in run_restore(ledger, archive)}
    assert states == {OWN: "restored", SIGNAL: "present", TARGET: "restored"}
    assert (ledger.raw_heads, ledger.commits(OWN)) == (before.raw_heads, before.commits(OWN))
    assert audit_covered(ledger, ledger.opened()).ok


def test_a_tied_stream_of_which_more_is_known_is_left_alone(ledger: Ledger, archive: InMemoryArchive) -> None:
    """A HEAD at the copy's end would be a truncation."""
    last = ledger.raw_commits[SIGNAL][-1]
    body = last.bodies[-1].replace(b'"version":%d}' % last.last, b'"version":%d}' % (last.last + 1))
    ledger.put_commit(replace(last, version=last.last + 1, bodies=(body,)))
    ledger.relink(SIGNAL)
    ledger.sign(seconds=3000)
    drop(ledger, SIGNAL, OWN)
    states = {one.stream: one.state for one in run_restore(ledger, archive)}
    assert states == {OWN: "restored", SIGNAL: "behind", TARGET: "present"}
    assert SIGNAL not in ledger.raw_heads


def another_commit(ledger: Ledger) -> None:
    ledger.raw_commits[OWN][0] = replace(ledger.raw_commits[OWN][0], bodies=(b"{}",))


def another_head(ledger: Ledger) -> None:
    ledger.raw_heads[TARGET] = replace(ledger.raw_heads[TARGET], hash="f" * 64)


def a_head_rolled_back(ledger: Ledger) -> None:
    ledger.raw_heads[OWN] = replace(ledger.raw_heads[OWN], version=2)


def commits_beyond_without_head(ledger: Ledger) -> None:
    last = ledger.raw_commits[OWN][-1]
    ledger.put_commit(replace(last, version=last.last + 1))
    del ledger.raw_heads[OWN]


@pytest.mark.parametrize(
    "stands", [another_commit, another_head, a_head_rolled_back, commits_beyond_without_head], ids=lambda s: s.__name__
)
def test_what_the_store_holds_is_never_overwritten_and_nothing_is_written_then(
    ledger: Ledger, archive: InMemoryArchive, stands: Callable[[Ledger], None]
) -> None:
    drop(ledger, SIGNAL)
    stands(ledger)
    before = ledger.copy()
    with pytest.raises(RestoreRefused):
        run_restore(ledger, archive)
    assert (ledger.raw_commits, ledger.raw_heads) == (before.raw_commits, before.raw_heads)


def test_a_copy_that_was_altered_or_that_a_checkpoint_speaks_against_restores_nothing(
    ledger: Ledger, archive: InMemoryArchive
) -> None:
    with pytest.raises(NotArchived):
        restore("another", archive, (), ledger, ledger.blobs, KEY.key_id)
    (entry,) = archive.stored
    content = archive.stored[entry]
    archive.stored[entry] = content.replace(b"exit code", b"exit c0de", 1).replace(b"orders", b"0rders", 1)
    with pytest.raises(RestoreRefused, match="sha256"):
        run_restore(ledger, archive)
    archive.stored[entry] = content
    rewrite_first_commit(ledger)
    ledger.relink(OWN)
    ledger.checkpoints.stored.clear()
    ledger.sign()
    drop(ledger, OWN)
    with pytest.raises(RestoreRefused, match="another history"):
        run_restore(ledger, archive)


def test_what_is_faulty_or_not_covered_is_told_and_not_archived(ledger: Ledger) -> None:
    archive = InMemoryArchive()
    assert [one.state for one in archive_closed(ledger, (), ledger.blobs, archive, closed_before=LATER)] == [
        "not_covered"
    ]
    unsigned = ledger.copy()
    unsigned.raw_heads[OWN] = replace(unsigned.raw_heads[OWN], version=99)
    assert [one.state for one in run_archive(unsigned, archive)] == ["not_covered"]
    rewritten = ledger.copy()
    rewrite_first_commit(rewritten)
    assert [(one.state, one.detail.split(":")[0]) for one in run_archive(rewritten, archive)] == [("faulty", f"{OWN}")]
    rewritten.relink(OWN)
    (faulty,) = run_archive(rewritten, archive)
    assert (faulty.state, "checkpoint_differs" in faulty.detail) == ("faulty", True)
    assert archive.stored == {}
