"""AWS's answers as evidence: by the service models of botocore, so that a wrong field name fails here."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.parsers import QueryParser
from botocore.stub import Stubber

from resilibot.contracts.signal import MetricRef
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.cloudtrail_changes import CloudTrailChanges
from resilibot.observe.adapters.cloudwatch_logs import PAGES, CloudWatchLogs
from resilibot.observe.adapters.cloudwatch_metrics import CloudWatchMetrics
from resilibot.observe.adapters.parameter_releases import ParameterReleases
from resilibot.observe.ports import SourceFailed

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
END = START + timedelta(minutes=10)
MS = int(START.timestamp() * 1000)

Stubbed = Callable[[str], tuple[Any, Stubber]]


@pytest.fixture
def stubbed() -> Iterator[Stubbed]:
    stubbers = []

    def make(service: str) -> tuple[Any, Stubber]:
        client: Any = boto3.session.Session("k", "s", region_name="eu-central-1").client(service)  # type: ignore[call-overload]
        stubber = Stubber(client)
        stubber.activate()
        stubbers.append(stubber)
        return client, stubber

    yield make
    for stubber in stubbers:
        stubber.assert_no_pending_responses()


def test_empty_pages_of_logs_are_passed_and_lines_come_in_order(stubbed: Stubbed) -> None:
    client, stub = stubbed("logs")
    query = {"logGroupName": "/app", "startTime": MS, "endTime": MS + 600_000}
    stub.add_response("filter_log_events", {"events": [], "nextToken": "a"}, query)
    second = [{"logStreamName": "s", "timestamp": MS + 2000, "message": "late"}]
    stub.add_response("filter_log_events", {"events": second, "nextToken": "b"}, {**query, "nextToken": "a"})
    third = [{"logStreamName": "s", "timestamp": MS + 1000, "message": "early"}]
    stub.add_response("filter_log_events", {"events": third}, {**query, "nextToken": "b"})
    read = CloudWatchLogs(client).read("/app", START, END, 100)
    assert [line.message for line in read.lines] == ["early", "late"]
    assert not read.is_truncated


def test_logs_that_go_on_are_said_to_be_truncated(stubbed: Stubbed) -> None:
    client, stub = stubbed("logs")
    for page in range(PAGES):
        event = {"logStreamName": "s", "timestamp": MS + page, "message": str(page)}
        stub.add_response("filter_log_events", {"events": [event], "nextToken": "more"})
    read = CloudWatchLogs(client).read("/app", START, END, 1000)
    assert (len(read.lines), read.is_truncated) == (PAGES, True)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("AccessDeniedException", "no_permission"),
        ("ResourceNotFoundException", "no_data"),
        ("ThrottlingException", "error"),
        ("InternalFailure", "not_supported"),
    ],
)
def test_a_source_that_refuses_is_a_gap_with_its_reason_and_its_question(
    stubbed: Stubbed, code: str, reason: str
) -> None:
    client, stub = stubbed("logs")
    stub.add_client_error("filter_log_events", code)
    with pytest.raises(SourceFailed, match="/app") as failed:
        CloudWatchLogs(client).read("/app", START, END, 100)
    assert failed.value.reason == reason


def test_an_answer_that_its_parser_refuses_is_an_error_with_its_question() -> None:
    """botocore says so of XML that is none, with an error that is not of its own tree."""
    with pytest.raises(SourceFailed, match="DescribeEvents: Unable to parse") as failed, asking("DescribeEvents"):
        QueryParser().parse({"status_code": 200, "headers": {}, "body": b"<html>"}, None)
    assert failed.value.reason == "error"


def test_cloudtrail_gives_writes_with_who_and_when(stubbed: Stubbed) -> None:
    client, stub = stubbed("cloudtrail")
    shared = {"EventSource": "ecs.amazonaws.com", "EventTime": START, "Username": "ana"}
    events = [
        {**shared, "EventName": "UpdateService", "ReadOnly": "false"},
        {**shared, "EventName": "DescribeServices", "ReadOnly": "true"},
    ]
    stub.add_response("lookup_events", {"Events": events})
    (read,) = CloudTrailChanges(client).changes("checkout", START, END)
    assert (read.change.what, read.change.by, read.change.at) == ("ecs.amazonaws.com UpdateService", "ana", START)


def test_a_release_is_what_followed_another_within_the_window(stubbed: Stubbed) -> None:
    client, stub = stubbed("ssm")
    history = [
        {"Version": 3, "Value": "1.5.0", "LastModifiedDate": START + timedelta(minutes=2), "LastModifiedUser": "ci"},
        {"Version": 1, "Value": "1.4.0", "LastModifiedDate": START - timedelta(days=9)},
        {"Version": 2, "Value": "1.4.1", "LastModifiedDate": START - timedelta(days=1)},
    ]
    stub.add_response("get_parameter_history", {"Parameters": history}, {"Name": "/releases/checkout"})
    (read,) = ParameterReleases(client, "/releases/{service}").changes("checkout", START, END)
    assert (read.change.before, read.change.after, read.change.by) == ("1.4.1", "1.5.0", "ci")


def test_metrics_are_read_over_all_pages_and_record_how_they_were_asked(stubbed: Stubbed) -> None:
    client, stub = stubbed("cloudwatch")
    metric = MetricRef(namespace="Web", name="Errors", statistic="Sum", period_s=60, dimensions={"Service": "s"})

    def page(minute: int, token: str | None) -> dict[str, Any]:
        result = {"Id": "m0", "Timestamps": [START + timedelta(minutes=minute)], "Values": [float(minute)]}
        return {"MetricDataResults": [result], **({"NextToken": token} if token else {})}

    stub.add_response("get_metric_data", page(1, "next"))
    stub.add_response("get_metric_data", page(0, None))
    (series,) = CloudWatchMetrics(client).read([metric], START, END)
    assert [value for _, value in series.points] == [0.0, 1.0]
    assert series.query["Dimensions"] == [{"Name": "Service", "Value": "s"}]
    assert (series.query["Stat"], series.query["StartTime"]) == ("Sum", "2026-11-24T12:00:00.000000Z")
