"""Sources under a sender who means harm: time, identity, repeats, and what is never kept."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resilibot.contracts.signal import Signal
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.intake import NOT_KEPT, _keyed
from resilibot.ingest.kept import Kept
from resilibot.ingest.sources import Ignored, Item, MalformedSignal, build, read
from resilibot.ingest.webhooks import delivery_id
from resilibot.runtime.blobs import InMemoryBlobStore

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


def items(body: Any, hint: str | None = None, **given: Any) -> list[Item]:
    return read(json.dumps(body), hint, **{"received_at": NOW, **given})


def one(body: Any, hint: str | None = None, **given: Any) -> Signal:
    (item,) = items(body, hint, **given)
    assert isinstance(item, Signal), item
    return item


def seconds(body: Any, hint: str) -> float:
    started = time.process_time()
    items(body, hint)
    return time.process_time() - started


def group(*alerts: Any, **more: Any) -> dict[str, Any]:
    return {"version": "4", "receiver": "r", "status": "firing", "groupLabels": {}, "alerts": list(alerts), **more}


def test_labels_of_a_group_are_read_once_and_not_for_each_alert() -> None:
    common = {f"label{number}": 1 for number in range(4_000)}
    body = group(*[{"labels": {"alertname": "a"}}] * 1_000, commonLabels=common, commonAnnotations={"summary": "x"})
    assert seconds(body, "alertmanager") < 3


def test_more_alerts_than_a_group_has_are_refused() -> None:
    with pytest.raises(MalformedSignal, match="alerts: 1001 are more than 1000"):
        items(group(*[{"labels": {"alertname": "a"}}] * 1_001))


def test_an_alerts_own_labels_come_before_those_of_its_group() -> None:
    common = {f"label{number}": "x" for number in range(200)}
    signal = one(group({"labels": {"alertname": "disk", "severity": "page"}}, commonLabels=common))
    assert (signal.name, signal.severity_rule) == ("disk", "alertmanager:severity=page")
    assert len(signal.tags) == 64


def test_no_title_of_datadog_takes_long() -> None:
    for title in ("[" + "a on " * 20_000, "[ on " * 20_000, "[a]" * 30_000):
        assert seconds({"title": title, "alert_transition": "Triggered", "alert_id": "1"}, "datadog") < 0.5


LEGACY_GRAFANA = {"ruleName": "DB down", "ruleId": 3, "orgId": 1, "state": "alerting", "evalMatches": []}
TIMELESS = [
    ("grafana", LEGACY_GRAFANA),
    ("pagerduty", {"event_action": "trigger", "dedup_key": "db", "routing_key": "k", "payload": {"summary": "db"}}),
    ("icinga", {"notification_type": "PROBLEM", "host_name": "a", "service_name": "disk"}),
    ("checkmk", {"notification_type": "PROBLEM", "what": "HOST", "host": "a"}),
    ("conventional", {"alert_name": "disk", "status": "firing", "severity": "high"}),
    ("alertmanager", group({"labels": {"alertname": "a"}, "startsAt": "2026-11-24T11:00:00Z", "fingerprint": "f"})),
    (
        "newrelic",
        {"issueId": "1", "issueUrl": "https://x", "state": "ACTIVATED", "title": "t"},
    ),
]


@pytest.mark.parametrize(("sender", "body"), TIMELESS, ids=[sender for sender, _ in TIMELESS])
def test_the_same_body_is_a_redelivery_within_minutes_and_a_new_signal_later(sender: str, body: Any) -> None:
    """The webhook door names a delivery without an id after its bytes."""
    given = {"message_id": delivery_id(json.dumps(body).encode(), None)}
    first = one(body, sender, **given)
    assert one(body, sender, received_at=NOW + timedelta(minutes=2), **given).source_id == first.source_id
    assert one(body, sender, received_at=NOW + timedelta(days=1), **given).source_id != first.source_id


def test_an_id_of_the_sender_or_the_transport_stays_the_same_for_ever() -> None:
    first = one(LEGACY_GRAFANA, message_id="q-1")
    assert one(LEGACY_GRAFANA, message_id="q-1", received_at=NOW + timedelta(days=1)).source_id == first.source_id


def aws(source: str, kind: str, **detail: Any) -> dict[str, Any]:
    told = {"source": source, "detail-type": kind, "account": "1", "region": "eu-west-1", "detail": detail}
    return {"id": "e-1", "time": "2026-11-24T12:00:00Z", **told}


def icinga(host: str, kind: str = "PROBLEM") -> dict[str, Any]:
    return {"notification_type": kind, "host_name": host, "service_name": "disk"}


def riemann(host: str, state: str = "critical") -> dict[str, Any]:
    return {"host": host, "service": "cpu", "state": state, "metric": 1}


def datadog(host: str, state: str = "Triggered", figure: str = "95.2", **more: Any) -> dict[str, Any]:
    title = f"[{state} on {{host:{host}}}] CPU is {figure} %"
    event = {"id": "9", "title": title, "alert_transition": state, "event_type": "query_alert_monitor", "org": {}}
    return event | more


def task(cluster: str) -> dict[str, Any]:
    arn = f"arn:aws:ecs:eu-west-1:1:cluster/{cluster}"
    stop = {"stopCode": "TaskFailedToStart", "lastStatus": "STOPPED", "group": "service:web"}
    return aws("aws.ecs", "ECS Task State Change", clusterArn=arn, **stop)


def deployed(to: str) -> dict[str, Any]:
    kind = "CodeDeploy Deployment State-change Notification"
    return aws("aws.codedeploy", kind, application="shop", deploymentGroup=to, state="FAILURE")


def triggered(to: str) -> dict[str, Any]:
    about = {"eventTriggerName": "t", "deploymentId": "d", "applicationName": "shop", "deploymentGroupName": to}
    return {**about, "status": "FAILED"}


def splunk(host: str) -> dict[str, Any]:
    return {"search_name": "5xx", "sid": "s", "result": {"host": host}}


def graylog(key: str) -> dict[str, Any]:
    return {"event_definition_id": "d", "event_definition_title": "t", "event": {"id": "e", "key": key}}


@pytest.mark.parametrize(
    "told", [icinga, riemann, datadog, task, deployed, triggered, splunk, graylog], ids=lambda told: told.__name__
)
def test_two_resources_are_two_fingerprints(told: Any) -> None:
    assert fingerprint(one(told("a"))) != fingerprint(one(told("b")))


def test_two_groups_of_one_datadog_monitor_are_two() -> None:
    assert fingerprint(one(datadog("a", alert_id="7"))) != fingerprint(one(datadog("b", alert_id="7")))


def test_parts_of_an_identity_stay_in_their_places() -> None:
    assert build.joined("a", "") != build.joined("", "a")
    assert build.joined("a | b", "c") != build.joined("a", "b | c")
    assert (build.joined("", ""), build.joined("a|b")) == ("", "a|b")


def newrelic(state: str, *conditions: str) -> dict[str, Any]:
    return {"issueId": "1", "issueUrl": "https://x", "state": state, "title": "t", "alertConditionNames": conditions}


def unnamed(status: str, summary: str) -> dict[str, Any]:
    return group({"status": status, "labels": {"zone": "1"}, "annotations": {"summary": summary}, "fingerprint": "f"})


def sentry(action: str, **data: Any) -> dict[str, Any]:
    return {"action": action, "installation": {"uuid": "u"}, "data": data}


@pytest.mark.parametrize(
    ("fires", "clears"),
    [
        (icinga("a"), icinga("a", "RECOVERY")),
        (riemann("a"), riemann("a", "ok")),
        (datadog("a", alert_id="7"), datadog("a", "Recovered", "20.1", alert_id="7")),
        (datadog("a"), datadog("a", "Recovered")),
        (
            {"ProblemID": "P-1", "PID": "1", "State": "OPEN", "ProblemTitle": "Failure rate"},
            {"ProblemID": "P-1", "PID": "1", "State": "RESOLVED", "ProblemTitle": "Several problems"},
        ),
        (newrelic("ACTIVATED", "a", "b"), newrelic("CLOSED", "b", "a")),
        (unnamed("firing", "at 95"), unnamed("resolved", "at 5")),
        (
            sentry("created", error={"issue_id": "9", "title": "boom", "project": 3}),
            sentry("resolved", issue={"id": "9", "title": "boom", "project": {"slug": "shop"}}),
        ),
    ],
    ids=["icinga", "riemann", "datadog", "datadog-title", "dynatrace", "newrelic", "alertmanager", "sentry"],
)
def test_an_alarm_is_called_the_same_when_it_fires_and_when_it_recovers(fires: Any, clears: Any) -> None:
    firing, over = one(fires), one(clears)
    assert (firing.state, over.state) == ("ALARM", "OK")
    assert (fingerprint(firing), firing.name) == (fingerprint(over), over.name)


def test_a_title_still_says_what_it_is() -> None:
    assert one(unnamed("firing", "at 95")).title == "at 95"
    assert one(datadog("a", alert_id="7")).title == "[Triggered on {host:a}] CPU is 95.2 %"


DETAIL = {
    "alarmName": "cpu",
    "state": {"value": "ALARM", "reason": "high", "timestamp": "2026-11-24T12:00:00.000+0000"},
    "previousState": {"value": "OK"},
    "configuration": {"metrics": []},
}


@pytest.mark.parametrize(
    "body",
    [
        DETAIL,
        {"alarmName": "cpu", "state": "ALARM", "reason": "high", "time": "2026-11-24T12:00:00Z"},
        {"source": "aws.cloudwatch", "time": "2026-11-24T12:00:00Z", "detail": DETAIL},
        {"source": "aws.cloudwatch", "alarmName": "cpu", "state": DETAIL["state"]},
    ],
    ids=["detail", "words", "without detail-type", "source and state"],
)
def test_what_a_rule_leaves_of_an_alarm_is_the_alarm(body: Any) -> None:
    signal = one(body, "queue")
    assert (signal.source, signal.name, signal.state, signal.reason) == ("cloudwatch", "cpu", "ALARM", "high")
    assert signal.fired_at == datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_changed_configuration_is_no_alarm_in_any_form() -> None:
    (item,) = items({**DETAIL, "operation": "update", "previousConfiguration": {}}, "queue")
    assert isinstance(item, Ignored)


@pytest.mark.parametrize(
    "body",
    [
        {"source": "aws.cloudwatch ", "detail-type": "CloudWatch Alarm State Change", "detail": DETAIL},
        {"source": "my.shop", "detail-type": "CloudWatch Alarm State Change", "detail": DETAIL},
        {"detail-type": "CloudWatch Alarm State Change", "detail": DETAIL},
        {"source": "my.shop", **DETAIL},
        {"source": "my.shop", "detail": DETAIL},
        {"version": "0", "id": "e-1", "source": "aws.cloudwatch", "detail": DETAIL},
    ],
)
def test_nobody_else_speaks_for_cloudwatch(body: Any) -> None:
    with pytest.raises(MalformedSignal):
        items(body, "queue")


def test_another_word_of_state_is_not_cloudwatchs() -> None:
    assert not any(isinstance(item, Signal) for item in items({"alarmName": "cpu", "state": "enabled"}, "queue"))


@pytest.mark.parametrize(
    "body",
    [
        {"severity": "INFO", "message": "pool ready", "state": "active"},
        {"severity": "NOTICE", "message": "subscription opened", "status": "opened"},
    ],
)
def test_a_line_of_a_log_opens_nothing(body: Any) -> None:
    assert all(isinstance(item, Ignored) for item in items(body, "queue"))


def test_who_says_more_than_a_severity_or_a_clear_state_is_an_alert() -> None:
    assert one({"severity": "INFO", "title": "disk", "state": "firing"}).state == "ALARM"
    assert one({"severity": "INFO", "alert_name": "disk", "state": "active"}).state == "ALARM"


@pytest.mark.parametrize(
    "code", [0xFE0F, 0xE0100, 0xE01EF, 0x34F, 0x115F, 0x1160, 0x3164, 0xFFA0, 0x180B, 0x180F, 0x2800]
)
def test_what_nobody_sees_is_in_no_name(code: int) -> None:
    assert one({"AlarmName": f"d{chr(code)}b", "NewStateValue": "ALARM"}).name == "db"
    with pytest.raises(MalformedSignal):
        items({"AlarmName": chr(code), "NewStateValue": "ALARM"})


@pytest.mark.parametrize(
    "body",
    [
        {"type": "TOKEN", "authorizationToken": "Bearer abc", "methodArn": "arn:aws:execute-api:x"},
        {"type": "REQUEST", "routeArn": "arn:aws:execute-api:x", "headers": {"authorization": "Bearer abc"}},
    ],
)
def test_a_question_to_an_authorizer_is_not_kept(body: Any) -> None:
    (item,) = items(body, "queue")
    assert isinstance(item, Ignored)
    assert item.source in NOT_KEPT


def test_a_slash_command_is_not_kept() -> None:
    (item,) = read("token=not-a-token&team_id=T1&command=%2Fweather", "queue", received_at=NOW)
    assert isinstance(item, Ignored)
    assert item.source in NOT_KEPT


def test_a_message_is_kept_only_if_all_of_it_may_be() -> None:
    request = {"Sns": {"MessageId": "a", "Message": json.dumps({"requestContext": {}, "headers": {"a": "b"}})}}
    alarm = {"Sns": {"MessageId": "b", "Message": json.dumps({"AlarmName": "x", "NewStateValue": "OK"})}}
    ingest_, kept = items({"Records": [request, alarm]}, "queue"), Kept(InMemoryBlobStore())
    assert [arrived.index for _, arrived in _keyed(ingest_, kept, b"{}")] == [None, None]
    assert [arrived.index for _, arrived in _keyed(items(alarm, "queue"), kept, b"{}")] == [0]


def health(status: str, minute: int, **more: Any) -> dict[str, Any]:
    times = {"startTime": "2026-11-24T10:00:00Z", "lastUpdatedTime": f"2026-11-24T12:0{minute}:00Z"}
    about = {
        "eventTypeCode": "AWS_EC2_X",
        "eventTypeCategory": "issue",
        "eventArn": "arn:h",
        "eventRegion": "eu-west-1",
    }
    return aws("aws.health", "AWS Health Event", **times, **about, statusCode=status, **more)


def test_what_aws_health_says_later_is_later_and_its_copy_is_the_same() -> None:
    first, last = one(health("open", 1)), one(health("closed", 2))
    assert first.fired_at < last.fired_at
    copy = one({**health("open", 1, backupEvent="true"), "region": "us-west-2"})
    assert fingerprint(copy) == fingerprint(first)


def test_a_finding_of_the_second_form_is_read() -> None:
    info = {"title": "bucket is public", "uid": "u"}
    finding = {"finding_info": info, "severity": "High", "status": "New", "cloud": {"account": {"uid": "1"}}}
    signal = one(aws("aws.securityhub", "Findings Imported V2", findings=[finding]))
    assert (signal.title, signal.identity, signal.severity, signal.resource.account) == (
        info["title"],
        "u",
        "HIGH",
        "1",
    )
    (item,) = items(aws("aws.securityhub", "Findings Imported V2", findings=[{**finding, "status": "Resolved"}]))
    assert isinstance(item, Ignored)


def rds(message: str) -> dict[str, Any]:
    arn = "arn:aws:rds:eu-west-1:1:db:orders"
    return {"Event Source": "db-instance", "Source ID": "orders", "Source ARN": arn, "Event Message": message}


def test_rds_fails_where_it_says_so_and_is_one_by_both_routes() -> None:
    for message in ("failover completed", "innodb_file_fail_x was set"):
        assert isinstance(items(rds(message))[0], Ignored)
    arn = rds("")["Source ARN"]
    event = aws("aws.rds", "RDS DB Instance Event", EventCategories=["failure"], SourceArn=arn, Message="it has failed")
    assert fingerprint(one(rds("it has failed"))) == fingerprint(one(event))
