"""The hash chain by its worked example: whoever implements it again must get these digits."""

import pytest

from resilibot.contracts.canonical import GENESIS, canonical, content_hash, link

STREAM = "incident#01JD9Z3K6Q8V7W2X4Y5Z6A7B8C"
BODY_1 = {
    "type": "IncidentOpened.v1",
    "version": 1,
    "stream": STREAM,
    "id": "01JD9Z3K6QE000000000000001",
    "data": {"title": "Checkout 5xx é"},
}
BODY_2 = {
    "type": "SignalAttached.v1",
    "version": 2,
    "stream": STREAM,
    "id": "01JD9Z3K6QE000000000000002",
    "data": {"count": 2},
}


def test_the_worked_example() -> None:
    body = canonical(BODY_1)
    assert len(body) == 156
    first = link(GENESIS, body)
    assert first == "45906657fa1f3c1025d71dcc5436d59b27139a7d4c7c55eb6b3b7be286036f0f"
    assert link(first, canonical(BODY_2)) == "bbfa00587e861ecb050827df2dd9c86e1a1a43b5570400c5ab527c4c593382f5"


def test_key_order_does_not_matter_and_nan_is_refused() -> None:
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    with pytest.raises(ValueError, match=r"nan|Out of range"):
        canonical({"value": float("nan")})
