"""The command line's way to the API: a filtered list is read to its end, not to the end of its first page."""

from typing import Any

from resilibot.local.client import ApiClient


class Paged(ApiClient):
    """Answers from pages, and notes what it was asked."""

    def __init__(self, *pages: list[str]) -> None:
        self._pages = list(pages)
        self.asked: list[dict[str, Any]] = []

    def get(self, path: str, **params: str | int | None) -> Any:
        self.asked.append(params)
        rows = self._pages.pop(0)
        return {"incidents": [{"incident_id": row} for row in rows], "cursor": "more" if self._pages else None}


def test_pages_without_a_fitting_row_are_passed() -> None:
    client = Paged([], ["a"], [], ["b", "c"], ["d"])
    assert [row["incident_id"] for row in client.incidents(2, status="OPEN")] == ["a", "b"]
    assert [asked["cursor"] for asked in client.asked] == [None, "more", "more", "more"]
    assert {asked["status"] for asked in client.asked} == {"OPEN"}


def test_the_end_of_the_list_ends_it() -> None:
    assert len(Paged(["a"], ["b"]).incidents(20)) == 2
