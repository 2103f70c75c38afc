"""Why a message lies among the dead letters of the intake."""

import pytest

from resilibot.ingest.arrival import pack
from resilibot.local.refusal import OWN_MAPPING, TAKEN, of_intake

ALARM = (
    '{"AlarmName": "half", "NewStateValue": "ALARM", "StateChangeTime": "2026-11-29T10:00:00.000+0000",'
    ' "Trigger": {"MetricName": "Errors", "Namespace": "Shop", "Dimensions": []}, "Region": "EU (Ireland)",'
    ' "AWSAccountId": "123456789012", "NewStateReason": "over"}'
)


def test_the_field_that_is_missing_is_named() -> None:
    message, reason = of_intake('{"AlarmName": "half"}')
    assert message == '{"AlarmName": "half"}'
    assert "NewStateValue" in reason


def test_a_webhook_is_shown_as_its_sender_sent_it_and_judged_as_that_sender() -> None:
    message, reason = of_intake(pack("alertmanager", "d-1", b'{"alerts": 7}'))
    assert message == '{"alerts": 7}'
    assert "alertmanager" in reason


@pytest.mark.parametrize("body", ["", "{no json", '{"resilibot.webhook.v1": {"sender": 7}}', "[" * 5000])
def test_whatever_it_is_there_is_a_reason(body: str) -> None:
    message, reason = of_intake(body)
    assert message == body
    assert reason
    assert reason != TAKEN


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    message, reason = of_intake(pack("alertmanager", "d-1", b"\xff\xfe{"))
    assert message.startswith("\\xff\\xfe")
    assert reason


def test_what_is_taken_by_now_says_so() -> None:
    assert of_intake(ALARM) == (ALARM, TAKEN)


def test_a_sender_of_the_homes_own_is_not_judged_without_its_mapping() -> None:
    assert of_intake(pack("our-own", "d-1", b"{}")) == ("{}", OWN_MAPPING)
