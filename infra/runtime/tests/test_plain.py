"""Foreign text: nothing hidden goes to a model, no link and no markup comes back from it."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilibot.runtime.models.plain import HIDDEN, between_marks, fitted, sentence, visible

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=60) | st.dictionaries(st.text(), inner, max_size=60),
    max_leaves=60,
)


@pytest.mark.parametrize(
    ("hidden", "seen"),
    [
        ("a\u202eb", "ab"),  # right-to-left override
        ("a\u200bb\u2060c\ufeffd", "abcd"),  # zero width
        ("\U000e0049\U000e0067nore", "nore"),  # tag characters: an instruction that nobody sees
        ("a\nb\tc\r\u2028d", "a b c  d"),
        ("\x1b[31mred\x07", "[31mred"),
        ("\ue000\ud800x", "x"),
        ("Prüfung 検査 ✓", "Prüfung 検査 ✓"),
    ],
)
def test_what_is_not_seen_is_taken_out(hidden: str, seen: str) -> None:
    assert visible(hidden) == seen


@pytest.mark.parametrize(
    "said",
    [
        "see [the fix](https://evil.example/run) now",
        "see https://evil.example/a?b=c now",
        "see JAVASCRIPT:alert(1) now",
        "see //evil.example/x now",
        "see www.evil.example now",
        "see data:text/html;base64,xyz now",
        "<img src=x onerror=alert(1)> mailto:a@evil.example",
        "![x](http\u200b://evil.example)",
        "<!channel> `rm -rf /`",
    ],
)
def test_a_models_words_carry_no_link_and_no_markup(said: str) -> None:
    plain = sentence(said)
    assert "evil.example" not in plain
    assert not set("<>[]`|\\*") & set(plain)
    assert "alert(1) now" not in plain


def test_ordinary_words_stay_as_they_are() -> None:
    said = "CPU of i-0abc/web-1 rose from 10 % to 99.5 % at 12:00:03Z (p95: 600 ms), config a:b"
    assert sentence(said) == said


@given(st.text())
def test_a_sentence_is_one_short_line_of_visible_text(text: str) -> None:
    plain = sentence(text, 40)
    assert len(plain) <= 40
    assert not [c for c in plain if unicodedata.category(c) in HIDDEN]


@given(JSON, st.integers(50, 400))
def test_a_value_fits_or_is_left_out(value: object, most: int) -> None:
    shown = fitted(value, most)
    assert shown is None or len(json.dumps(shown, ensure_ascii=False)) <= most


def test_a_long_list_keeps_both_ends_and_says_what_is_missing() -> None:
    shown = fitted(list(range(100)), 4000)
    assert (shown[0], shown[-1], shown[12]) == (0, 99, "(76 left out)")


def test_what_fits_is_shown_whole() -> None:
    value = {"points": [["12:00", 1.5]], "sample": "x" * 500, "none": None}
    assert fitted(value, 4000) == value


@given(JSON)
def test_a_value_stands_on_one_line_between_two_marks(value: object) -> None:
    _, first, line, last = between_marks(value, "8f1e").split("\n")
    assert (first, json.loads(line), last) == ("8f1e", value, "8f1e")
