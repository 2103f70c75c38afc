"""Taking checkpoints: one number once, a row without holes, a key that is named; what lies in the way is told."""

import pytest

from resilibot.runtime.audit.checkpoint import CheckpointRefused, SigningKey, opened
from resilibot.runtime.audit.checkpoints import InMemoryCheckpoints, NumberTaken, Row, open_all, take
from resilibot.runtime.audit.coverage import audit_covered
from tests.support.ledger import KEY, OTHER_KEY, OWN, Ledger, make_ledger
from tests.support.story import at


@pytest.fixture
def ledger() -> Ledger:
    ledger = make_ledger(1)
    ledger.checkpoints.stored.clear()
    return ledger


def test_each_names_the_root_before_it(ledger: Ledger) -> None:
    first, second = (take(ledger, ledger.checkpoints, KEY, at(n)) for n in (1, 2))
    assert first
    assert second
    assert (first.number, second.number) == (1, 2)
    assert second.statement.previous_root == first.statement.root
    assert open_all(ledger.checkpoints, KEY.key_id).genuine == (first, second)


def test_nothing_is_taken_of_nothing_nor_again_of_the_same(ledger: Ledger) -> None:
    assert take(Ledger({}, {}), ledger.checkpoints, KEY, at(0)) is None
    assert take(ledger, ledger.checkpoints, KEY, at(0), only_if_changed=True)
    assert take(ledger, ledger.checkpoints, KEY, at(1), only_if_changed=True) is None
    del ledger.raw_heads[OWN]
    assert take(ledger, ledger.checkpoints, KEY, at(2), only_if_changed=True)


def test_of_two_that_take_at_once_each_gets_a_number(ledger: Ledger) -> None:
    class Raced(InMemoryCheckpoints):
        """Somebody puts the next number just before us, twice."""

        races = 2

        def put(self, number: int, content: bytes, now: object) -> None:
            if self.races:
                self.races -= 1
                take(ledger, self, KEY, at(0))
            super().put(number, content, at(0))

    raced = Raced()
    taken = take(ledger, raced, KEY, at(1))
    assert taken
    assert [row.number for row in raced.rows()] == [1, 2, 3]
    assert open_all(raced, KEY.key_id).refused == ()


def test_rubbish_in_the_way_is_passed_by_and_told(ledger: Ledger) -> None:
    ledger.sign()
    ledger.checkpoints.stored[2] = b"rubbish"
    ledger.checkpoints.stored[10**9] = b"far away"
    ledger.sign()
    assert sorted(ledger.checkpoints.stored) == [1, 2, 3, 10**9]
    told = [(refused.number, refused.why) for refused in open_all(ledger.checkpoints, KEY.key_id).refused]
    assert told == [(2, "unreadable"), (4, "missing"), (10**9, "unreadable")]
    for number in range(4, 9):
        ledger.checkpoints.stored[number] = b"a wall"
    with pytest.raises(NumberTaken):
        ledger.sign()


def test_one_taken_away_or_moved_is_told(ledger: Ledger) -> None:
    for seconds in range(3):
        ledger.sign(seconds=seconds)
        del ledger.raw_heads[sorted(ledger.raw_heads)[0]]
    moved = ledger.checkpoints.stored.pop(2)
    report = open_all(ledger.checkpoints, KEY.key_id)
    assert [(r.number, r.why) for r in report.refused] == [(2, "missing"), (3, "broken_link")]
    ledger.checkpoints.stored[4] = moved
    assert (4, "misplaced") in [(r.number, r.why) for r in open_all(ledger.checkpoints, KEY.key_id).refused]


def test_something_written_over_one_is_told_and_the_first_counts(ledger: Ledger) -> None:
    class CoveredUp(InMemoryCheckpoints):
        def rows(self) -> list[Row]:
            return [Row(row.number, is_covered_up=True) for row in super().rows()]

    place = CoveredUp()
    taken = take(ledger, place, KEY, at(0))
    report = open_all(place, KEY.key_id)
    assert report.genuine == (taken,)
    assert [(refused.number, refused.why) for refused in report.refused] == [(1, "covered_up")]


def test_a_key_that_was_changed_does_not_prove_what_the_old_one_did(ledger: Ledger) -> None:
    ledger.sign(OTHER_KEY)
    report = audit_covered(ledger, open_all(ledger.checkpoints, KEY.key_id))
    assert [(f.stream, f.version) for f in report.audit.faults] == [("checkpoints", 1)]
    assert "other_key" in report.audit.faults[0].detail
    assert len(report.coverage.windows) == len(ledger.raw_heads)


def test_a_refused_checkpoint_is_told_to_who_asks_about_one_stream_too(ledger: Ledger) -> None:
    """It may be the one that would have spoken against that stream."""
    ledger.sign()
    ledger.sign(OTHER_KEY, seconds=1)
    for stream in (None, *ledger.raw_heads):
        report = audit_covered(ledger, ledger.opened(), stream)
        assert [(f.stream, f.version, f.kind) for f in report.audit.faults] == [("checkpoints", 2, "checkpoint")]


def test_the_secret_is_a_seed_and_its_fingerprint_names_the_key(ledger: Ledger) -> None:
    key = SigningKey(SigningKey.new_seed())
    ledger.sign(key)
    assert opened(ledger.checkpoints.stored[1], key.key_id).public_key == key.public_key
    with pytest.raises(CheckpointRefused, match="not by"):
        opened(ledger.checkpoints.stored[1], KEY.key_id)
