"""What the DynamoDB store makes of DynamoDB's answers: lost, refused, throttled. No emulator gives these on demand."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from resilibot.runtime.event_store.dynamodb import ATTEMPTS, AlsoRefused, DynamoEventStore
from resilibot.runtime.event_store.port import StoreCorrupt, StoreUnavailable, Stream, VersionConflict
from tests.support.event_store_contract import append_of
from tests.support.story import INCIDENT_EVENTS

STREAM = Stream("incident#01")
Answer = Callable[[dict[str, Any]], None]


class ScriptedDynamo:
    """Answers transact_write_items from a script; keeps what it was sent."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent: list[dict[str, Any]] = []

    def transact_write_items(self, **request: Any) -> None:
        self.sent.append(request)
        self.answers.pop(0)(request)

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {}

    def get_paginator(self, _: str) -> "ScriptedDynamo":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Items": [_stray_commit()]}]


def ok(_: dict[str, Any]) -> None:
    """Done."""


def lost(_: dict[str, Any]) -> None:
    raise ReadTimeoutError(endpoint_url="http://dynamodb")


def failed(code: str, *reasons: dict[str, Any]) -> Answer:
    def answer(_: dict[str, Any]) -> None:
        response: Any = {"Error": {"Code": code, "Message": ""}, "CancellationReasons": list(reasons)}
        raise ClientError(response, "TransactWriteItems")

    return answer


def refused_by_our_own(request: dict[str, Any]) -> None:
    ours = {"Code": "ConditionalCheckFailed", "Item": {"commit_id": {"S": request["ClientRequestToken"]}}}
    failed("TransactionCanceledException", ours, {"Code": "ConditionalCheckFailed"})(request)


REFUSED = {"Code": "ConditionalCheckFailed", "Item": {"commit_id": {"S": "somebody else's"}}}
NOT_REFUSED = {"Code": "None"}


def append(*answers: Answer) -> ScriptedDynamo:
    dynamodb = ScriptedDynamo(*answers)
    DynamoEventStore(dynamodb, pause=lambda _: None).append([append_of(STREAM, INCIDENT_EVENTS[:2])])
    return dynamodb


@pytest.mark.parametrize(
    "hiccup",
    [
        lost,
        failed("ThrottlingException"),
        failed("InternalServerError"),
        failed("TransactionInProgressException"),
        failed("TransactionCanceledException", {"Code": "TransactionConflict"}, NOT_REFUSED),
    ],
)
def test_an_undecided_answer_is_asked_again_with_the_same_token_and_bytes(hiccup: Answer) -> None:
    dynamodb = append(hiccup, ok)
    assert len(dynamodb.sent) == 2
    assert dynamodb.sent[0] == dynamodb.sent[1]


def test_a_lost_answer_of_our_own_commit_counts_as_written() -> None:
    append(lost, refused_by_our_own)


def test_somebody_elses_commit_is_a_conflict_also_after_a_lost_answer() -> None:
    with pytest.raises(VersionConflict, match="incident#01:0"):
        append(lost, failed("TransactionCanceledException", REFUSED, REFUSED))


def test_only_the_commit_refused_means_that_head_and_commits_disagree() -> None:
    with pytest.raises(StoreCorrupt, match="HEAD is at 0, the commits end at 2"):
        append(failed("TransactionCanceledException", REFUSED, NOT_REFUSED))


def test_silence_is_unavailable_never_success() -> None:
    with pytest.raises(StoreUnavailable, match="incident#01:0"):
        append(*[lost] * ATTEMPTS)


def test_a_denied_write_is_told_at_once() -> None:
    with pytest.raises(ClientError):
        append(failed("AccessDeniedException"))


def _stray_commit() -> dict[str, Any]:
    return {
        "stream": {"S": STREAM.id},
        "version": {"N": "1"},
        "last": {"N": "2"},
        "prev_hash": {"S": ""},
        "hash": {"S": "ab"},
        "events": {"L": []},
    }


ALSO = {"Update": {"TableName": "resilibot-cursors", "Key": {"name": {"S": "log#main"}}}}


def append_with(*answers: Answer) -> None:
    store = DynamoEventStore(ScriptedDynamo(*answers), pause=lambda _: None)
    store.append([append_of(STREAM, INCIDENT_EVENTS[:2])], also=[ALSO])


def test_what_was_to_be_written_with_the_append_is_named_when_only_it_is_refused() -> None:
    with pytest.raises(AlsoRefused) as caught:
        append_with(failed("TransactionCanceledException", NOT_REFUSED, NOT_REFUSED, REFUSED))
    assert caught.value.refused == [ALSO]


def test_a_lost_race_is_a_conflict_whatever_else_was_refused() -> None:
    with pytest.raises(VersionConflict):
        append_with(failed("TransactionCanceledException", REFUSED, REFUSED, REFUSED))
