"""Published read models: what one answer of DynamoDB does not hold is asked for, and no more."""

import zlib
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from resilibot.runtime.aws_codes import DENIED
from resilibot.runtime.published import PublishedIncidents, PublishedUnavailable, pack

BEFORE = datetime(2026, 11, 24, tzinfo=UTC)


class Paged:
    """Rows 0, 1, 2 ...; each answer ends after `at_once`, as DynamoDB's do after a megabyte."""

    def __init__(self, rows: int, at_once: int) -> None:
        self.rows, self.at_once = rows, at_once
        self.limits: list[int] = []

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {}

    def query(self, **asked: Any) -> dict[str, Any]:
        self.limits.append(asked["Limit"])
        first = int(asked.get("ExclusiveStartKey", {"n": "0"})["n"])
        last = min(first + self.at_once, first + asked["Limit"], self.rows)
        answer: dict[str, Any] = {"Items": [{"state": {"B": pack({"row": n})}} for n in range(first, last)]}
        return answer if last == self.rows else {**answer, "LastEvaluatedKey": {"n": str(last)}}


@pytest.mark.parametrize(
    ("rows", "limits"), [(3, [5, 3]), (9, [5, 3, 1]), (2, [5])], ids=["fewer than the limit", "more", "one answer"]
)
def test_an_answer_that_was_cut_is_gone_on_with_up_to_the_limit(rows: int, limits: list[int]) -> None:
    client = Paged(rows, at_once=2)
    found = PublishedIncidents(client, "cursors").before(BEFORE, 5)
    assert [row["row"] for row in found] == list(range(min(rows, 5)))
    assert client.limits == limits


@pytest.mark.parametrize(
    "item", [{}, {"state": {"S": "x"}}, {"state": {"B": b"no zlib"}}, {"state": {"B": zlib.compress(b"{")}}]
)
def test_a_row_that_cannot_be_read_is_a_named_error(item: dict[str, Any]) -> None:
    client = Paged(1, at_once=1)
    client.query = lambda **asked: {"Items": [item]}  # type: ignore[method-assign]
    with pytest.raises(PublishedUnavailable, match="a row cannot be read") as failed:
        PublishedIncidents(client, "cursors").before(BEFORE, 5)
    assert not failed.value.is_denied


@pytest.mark.parametrize(
    ("code", "is_denied"), [*((code, True) for code in sorted(DENIED)), ("ThrottlingException", False)]
)
def test_a_refusal_says_whether_it_is_for_want_of_permission(code: str, is_denied: bool) -> None:
    def refuse(**asked: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Query")

    client = Paged(1, at_once=1)
    client.query = refuse  # type: ignore[method-assign]
    with pytest.raises(PublishedUnavailable) as failed:
        PublishedIncidents(client, "cursors").before(BEFORE, 5)
    assert failed.value.is_denied is is_denied
