"""Redaction on drawn lines, a small part of what `python -m tests.evals.redaction` measures."""

import json
from pathlib import Path

import pytest

from tests.evals.redaction import HELD_OUT, TUNED_ON, false_positives, recall, strings_in
from tests.support.seeded_secrets import SECRETS, is_readable


@pytest.mark.feature(124)
def test_secrets_of_every_kind_are_found_in_lines_that_nobody_looked_at() -> None:
    found = recall(HELD_OUT, 60)
    assert HELD_OUT != TUNED_ON
    assert set(found.drawn) == set(SECRETS)
    assert found.missed == []


def test_what_nothing_says_is_secret_is_not_found_and_is_counted() -> None:
    """The limit that the page tells. Whoever finds some of these changes the page."""
    assert recall(HELD_OUT, 30, hard=True).total == 0


def test_clean_lines_stay_but_for_one_in_ten_thousand() -> None:
    assert len(false_positives(HELD_OUT, 4000)) == 0
    assert len(false_positives(7, 4000)) <= 1


def test_a_secret_is_readable_by_any_part_that_matters() -> None:
    assert is_readable("abcdefghijklmnop", "x abcdefghijkl y")
    assert not is_readable("abcdefghijklmnop", "x abcdefghijk y")
    assert is_readable("short", "a short one")


def test_strings_of_json_and_lines_of_text_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"a": ["x", {"b": "y"}], "n": 1}))
    (tmp_path / "b.txt").write_text("one\ntwo\n")
    assert list(strings_in(tmp_path)) == ["x", "y", "one", "two"]
