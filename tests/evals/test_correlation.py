"""Correlation on drawn outages, a small part of what `python -m tests.evals.correlation` measures."""

import pytest

from resilibot.ingest.intake import Intake
from tests.evals.correlation import HELD_OUT, TUNED_ON, FingerprintOnly, Replay, Score, evaluate, score
from tests.evals.outages import draw

OUTAGES = 120


@pytest.mark.feature(102)
def test_what_belongs_together_is_put_together_and_little_else() -> None:
    assert not set(HELD_OUT) & set(TUNED_ON)
    found = sum((evaluate(seed, OUTAGES) for seed in HELD_OUT[:2]), Score())
    print(found.say())
    assert found.precision >= 0.93
    assert found.recall >= 0.90


def test_without_correlation_next_to_nothing_is_put_together() -> None:
    assert evaluate(HELD_OUT[0], OUTAGES, FingerprintOnly).recall < 0.2


def test_the_score_counts_pairs() -> None:
    """Two outages of three and two alarms; one alarm of the second came into the first one's incident."""
    assigned = {(1, "a"): "I", (1, "b"): "I", (1, "c"): "J", (2, "d"): "I", (2, "e"): "K"}
    found = score(assigned)
    assert (found.together, found.related, found.both) == (3, 4, 1)


def test_a_landscape_repeats_by_its_seed() -> None:
    assert draw(5, 20) == draw(5, 20)
    assert Replay(draw(5, 20), Intake).play().keys() == Replay(draw(5, 20), FingerprintOnly).play().keys()
