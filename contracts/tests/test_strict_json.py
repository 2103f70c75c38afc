"""Strict JSON: what two readers could understand in two ways is refused, and the message says why."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilibot.contracts.strict_json import MAX_BYTES, MAX_DEPTH, NotStrictJson, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e400}', "double"),
        (b'{"a": -1e999}', "double"),
        (b'{"a": ' + b"9" * 309 + b"}", "309 digits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": 1, "a": true}', "twice"),
        (b'{"x": [{"a": "OK", "a": ["OK"]}]}', "twice"),
        (b'"\xff"', "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        ("\ud800", "surrogate"),
        (b"[" * 200_000, "nested"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested"),
        (b'"' + b"x" * MAX_BYTES + b'"', "bytes"),
        ('"' + "é" * (MAX_BYTES // 2) + '"', "bytes"),
    ],
)
def test_what_is_not_plain_json_is_refused_with_the_reason(raw: bytes | str, said: str) -> None:
    with pytest.raises(NotStrictJson, match=said):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('\ufeff{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 1}', {"a": 1}),
        (b'"\\ud83d\\udea8"', "\U0001f6a8"),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b'{"a": ' + b"9" * 308 + b"}", {"a": int("9" * 308)}),
        (b'"' + b"x" * 262_144 + b'"', "x" * 262_144),
    ],
)
def test_what_every_reader_takes_alike_is_taken(raw: bytes | str, value: Any) -> None:
    parsed = parse(raw)
    assert value is None or parsed == value


@given(JSON)
def test_every_value_comes_back(value: Any) -> None:
    assert parse(json.dumps(value)) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    with contextlib.suppress(NotStrictJson):
        parse(raw)
