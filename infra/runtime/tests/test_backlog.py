"""How many messages wait: SQS's own number, or one error that says whose queue did not answer."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from resilibot.runtime.bus.backlog import waiting_in
from resilibot.runtime.bus.publisher import BusUnavailable

URL = "https://sqs.eu-west-1.amazonaws.com/1/projections.fifo"
ASKED = {"QueueUrl": URL, "AttributeNames": ["ApproximateNumberOfMessages"]}


@pytest.fixture
def sqs() -> Any:
    return boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")


def test_what_nobody_has_received_yet_is_counted(sqs: Any) -> None:
    with Stubber(sqs) as stub:
        stub.add_response("get_queue_attributes", {"Attributes": {"ApproximateNumberOfMessages": "42"}}, ASKED)
        assert waiting_in(sqs, URL)() == 42


def refused(sqs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stubber(sqs)
    stub.add_client_error("get_queue_attributes", "AWS.SimpleQueueService.NonExistentQueue", http_status_code=400)
    stub.activate()


def unreachable(sqs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url=URL)

    monkeypatch.setattr(sqs, "get_queue_attributes", no_answer)


@pytest.mark.parametrize("fault", [refused, unreachable])
def test_a_queue_that_does_not_answer_is_named_and_may_be_asked_again(
    sqs: Any, fault: Callable[[Any, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(sqs, monkeypatch)
    with pytest.raises(BusUnavailable, match="projections") as raised:
        waiting_in(sqs, URL)()
    assert raised.value.retryable
