"""Partial batches: what fails, fails alone."""

from typing import Any

from resilibot.runtime.bus.batch import handle_by_key, handle_each


def batch(*bodies: str) -> dict[str, Any]:
    """Records m0, m1 ...; the group is the first letter of the body."""
    return {
        "Records": [
            {"messageId": f"m{number}", "body": body, "attributes": {"MessageGroupId": body[0]}}
            for number, body in enumerate(bodies)
        ]
    }


def failed(response: dict[str, list[dict[str, str]]]) -> list[str]:
    return [item["itemIdentifier"] for item in response["batchItemFailures"]]


def explode_on_x(body: str) -> None:
    if "x" in body:
        raise KeyError(body)


def test_a_failing_record_does_not_hold_back_its_group() -> None:
    assert failed(handle_each(batch("a1", "bx", "b2", "a2"), explode_on_x)) == ["m1"]


def test_a_record_that_cannot_be_read_fails_by_itself() -> None:
    seen: dict[str, list[str]] = {}

    def read(body: str) -> tuple[str, str]:
        explode_on_x(body)
        return body[0], body

    assert failed(handle_by_key(batch("a1", "ax", "b1", "a2"), read, seen.__setitem__)) == ["m1"]
    assert seen == {"a": ["a1", "a2"], "b": ["b1"]}


def test_an_unexpected_error_of_one_key_fails_its_records_only() -> None:
    def handle(key: str, items: list[str]) -> None:
        explode_on_x("".join(items))

    response = handle_by_key(batch("a1", "bx", "a2", "b1"), lambda body: (body[0], body), handle)
    assert failed(response) == ["m1", "m3"]
