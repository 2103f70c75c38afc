"""What one request to a model can have come to: figures beyond it are not believed."""

import pytest

from resilibot.runtime.models.streamed import AROUND_TOKENS, BYTES_PER_TOKEN, Bounds

SYSTEM, USER, SCHEMA = "be brief", "wörds", {"type": "object"}  # 8, 6 and 18 bytes
SENT = 32
BOUNDS = Bounds.of(SYSTEM, USER, SCHEMA, 500)


def test_a_token_is_at_least_a_byte_of_what_was_sent_and_the_answer_has_room() -> None:
    assert Bounds(SENT + AROUND_TOKENS, 500 * BYTES_PER_TOKEN, 500 * BYTES_PER_TOKEN) == BOUNDS


def test_a_text_that_has_no_bytes_is_counted_all_the_same() -> None:
    assert Bounds.of("\ud800", "", {}, 1).tokens_in == 3 + AROUND_TOKENS


@pytest.mark.parametrize(
    "told", [(1, 0), (SENT, 100), (BOUNDS.tokens_in, 100), (1, BOUNDS.tokens_out), (BOUNDS.tokens_in, 500)]
)
def test_figures_within_the_bounds_are_told_as_they_are(told: tuple[int, int]) -> None:
    assert BOUNDS.told(*told) == told


@pytest.mark.parametrize(
    "told", [(0, 0), (0, 5), (-1, 5), (5, -1), (BOUNDS.tokens_in + 1, 5), (5, BOUNDS.tokens_out + 1), (10**30, 5)]
)
def test_figures_beyond_them_are_none(told: tuple[int, int]) -> None:
    assert BOUNDS.told(*told) == (0, 0)
