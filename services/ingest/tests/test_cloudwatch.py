"""CloudWatch alarms by every spelling and route: one signal, one fingerprint; what is malformed is named."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilibot.contracts.signal import Severity, Signal
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.sources import Ignored, MalformedSignal, Refused, SignalError, read
from tests.support.story import NOON


def parse(body: str) -> Signal:
    """The one signal in a message."""
    (item,) = read(body, received_at=NOON)
    assert isinstance(item, Signal), item
    return item


def notification(**changes: Any) -> dict[str, Any]:
    """An alarm as CloudWatch describes it to SNS."""
    alarm: dict[str, Any] = {
        "AlarmName": "orders-failures",
        "AlarmDescription": "too many failures",
        "AWSAccountId": "111122223333",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: 1 datapoint [48.0] was greater than the threshold (10.0).",
        "StateChangeTime": "2026-11-24T12:00:00.123+0000",
        "Region": "EU (Ireland)",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:orders-failures",
        "OldStateValue": "OK",
        "Trigger": {
            "MetricName": "Failures",
            "Namespace": "Web",
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Dimensions": [{"value": "orders", "name": "Service"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 10.0,
        },
    }
    return alarm | changes


def sns(alarm: dict[str, Any]) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "m-1", "Message": json.dumps(alarm)})


def eventbridge(**changes: Any) -> dict[str, Any]:
    """The same alarm as an EventBridge event."""
    event: dict[str, Any] = {
        "version": "0",
        "id": "e-1",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "111122223333",
        "time": "2026-11-24T12:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:cloudwatch:eu-west-1:111122223333:alarm:orders-failures"],
        "detail": {
            "alarmName": "orders-failures",
            "state": {
                "value": "ALARM",
                "reason": "Threshold Crossed",
                "reasonData": '{"threshold": 10.0}',
                "timestamp": "2026-11-24T12:00:00.123+0000",
            },
            "previousState": {"value": "OK"},
            "configuration": {
                "description": "too many failures",
                "metrics": [
                    {
                        "id": "m1",
                        "metricStat": {
                            "metric": {"namespace": "Web", "name": "Failures", "dimensions": {"Service": "orders"}},
                            "period": 60,
                            "stat": "Average",
                        },
                    }
                ],
            },
        },
    }
    return event | changes


@pytest.mark.feature(1)
def test_both_routes_tell_the_same_thing() -> None:
    by_sns, by_event = parse(sns(notification())), parse(json.dumps(eventbridge()))
    assert fingerprint(by_sns) == fingerprint(by_event)
    for signal in (by_sns, by_event):
        assert signal.name == "orders-failures"
        assert signal.resource.service == "orders"
        assert (signal.resource.account, signal.resource.region) == ("111122223333", "eu-west-1")
        assert signal.metric is not None
        assert (signal.metric.statistic, signal.metric.period_s, signal.metric.threshold) == ("Average", 60, 10.0)
        assert signal.fired_at.isoformat() == "2026-11-24T12:00:00.123000+00:00"


def test_an_event_wrapped_in_sns_is_taken_too() -> None:
    wrapped = json.dumps({"Type": "Notification", "MessageId": "m-2", "Message": json.dumps(eventbridge())})
    assert fingerprint(parse(wrapped)) == fingerprint(parse(json.dumps(eventbridge())))


@pytest.mark.parametrize("spelling", [("Name", "Value"), ("name", "value")])
def test_the_emulators_spellings_give_the_same_fingerprint(spelling: tuple[str, str]) -> None:
    trigger = notification()["Trigger"] | {"Dimensions": [{spelling[0]: "Service", spelling[1]: "orders"}]}
    alarm = notification(Trigger=trigger, Region="eu-west-1")
    alarm.pop("AlarmArn")
    assert fingerprint(parse(sns(alarm))) == fingerprint(parse(sns(notification())))


@pytest.mark.feature(101)
def test_another_resource_is_another_fingerprint_and_another_alarm_on_the_same_is_not() -> None:
    first = fingerprint(parse(sns(notification())))
    billing = notification()["Trigger"] | {"Dimensions": [{"name": "Service", "value": "billing"}]}
    latency = notification()["Trigger"] | {"MetricName": "Latency"}
    assert fingerprint(parse(sns(notification(Trigger=billing)))) != first
    assert fingerprint(parse(sns(notification(AWSAccountId="999988887777")))) != first
    assert fingerprint(parse(sns(notification(AlarmName="orders-latency", Trigger=latency)))) == first


def test_a_metric_maths_alarm_is_taken_without_a_single_metric() -> None:
    maths = {"Metrics": [{"Id": "e1", "Expression": "m1/m2"}], "Threshold": 1.0}
    signal = parse(sns(notification(Trigger=maths)))
    assert signal.metric is None
    assert signal.resource.name == "orders-failures"


def test_the_alarms_words_may_set_the_severity_and_the_rule_is_named() -> None:
    signal = parse(sns(notification(AlarmDescription="[CRITICAL] money is lost")))
    assert (signal.severity, signal.severity_rule) == (Severity.CRITICAL, "alarm-text")
    assert parse(sns(notification())).severity_rule == "cloudwatch-default"
    mixed = parse(sns(notification(AlarmName="[LOW] orders", AlarmDescription="[CRITICAL] money is lost")))
    assert mixed.severity is Severity.CRITICAL, "the highest counts: nobody hides it behind a lower word"


@pytest.mark.feature(6)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"nonsense"', "message"),
        ("[]", "message"),
        (json.dumps({"Type": "Notification", "MessageId": "m", "Message": 7}), "Message"),
        (json.dumps({"Type": "Notification", "MessageId": "m", "Message": "{"}), "Message"),
        (sns({"AlarmName": "half"}), "NewStateValue"),
        (sns(notification(AlarmName="")), "AlarmName"),
        (sns(notification(NewStateValue="PANIC")), "NewStateValue"),
        (json.dumps(eventbridge(detail=None)), "detail"),
        (json.dumps(eventbridge(detail={"alarmName": "x"})), "state"),
    ],
)
def test_a_malformed_signal_names_the_field(body: str, field: str) -> None:
    with pytest.raises(MalformedSignal, match=field):
        parse(body)


def test_an_alarm_is_not_lost_for_an_odd_time_or_a_missing_id() -> None:
    """The time is then that of its arrival, the id that of its content: a redelivery is still known."""
    for stamp in ("noon", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", None, 7):
        assert parse(sns(notification(StateChangeTime=stamp))).fired_at == NOON
    bare = json.dumps(notification())
    assert parse(bare).source_id == parse(bare).source_id
    assert parse(bare).source_id != parse(json.dumps(notification(NewStateReason="another"))).source_id


def test_another_event_is_ignored_with_what_it_is() -> None:
    event = {"detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "id": "1", "detail": {}}
    (item,) = read(json.dumps(event))
    assert isinstance(item, Ignored)
    assert "EC2 Instance State-change" in item.kind
    assert item.source_id == "1"


def invocation(**changes: Any) -> dict[str, Any]:
    """The same alarm as CloudWatch invokes a function with it."""
    event = eventbridge()
    return {
        "source": "aws.cloudwatch",
        "alarmArn": event["resources"][0],
        "accountId": "111122223333",
        "time": "2026-11-24T12:00:00.123+0000",
        "region": "eu-west-1",
        "alarmData": event["detail"] | changes,
    }


def sqs(*bodies: str) -> str:
    records = [{"messageId": f"q-{n}", "eventSource": "aws:sqs", "body": body} for n, body in enumerate(bodies)]
    return json.dumps({"Records": records})


@pytest.mark.parametrize(
    "message",
    [
        json.dumps(invocation()),
        json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": json.loads(sns(notification()))}]}),
        sqs(sns(notification())),
        sqs(json.dumps(eventbridge())),
        sqs(sns(eventbridge())),
        json.dumps([eventbridge()]),
    ],
    ids=["direct", "sns to lambda", "sns in sqs", "event in sqs", "event in sns in sqs", "a list"],
)
def test_every_route_tells_the_same_thing(message: str) -> None:
    signal = parse(message)
    assert fingerprint(signal) == fingerprint(parse(sns(notification())))
    assert (signal.name, signal.state, signal.fired_at) == (
        "orders-failures",
        "ALARM",
        parse(sns(notification())).fired_at,
    )


def test_a_bad_record_hides_no_good_one() -> None:
    bad, good = read(sqs(sns({"AlarmName": "half"}), sns(notification())))
    assert isinstance(bad, Refused)
    assert bad.reason == "cloudwatch: Records.0.body.Message.NewStateValue: missing, or no text"
    assert isinstance(good, Signal)


@pytest.mark.parametrize("source", ["my.app", "aws.cloudwatch ", "aws.cloudw\u0430tch", "", None, ["aws.cloudwatch"]])
def test_nobody_but_cloudwatch_tells_of_its_alarms(source: Any) -> None:
    with pytest.raises(MalformedSignal, match="source"):
        parse(json.dumps(eventbridge(source=source)))
    with pytest.raises(MalformedSignal, match="source"):
        parse(json.dumps(invocation() | {"source": source}))


def test_an_anomaly_alarm_keeps_the_metric_to_look_at() -> None:
    band = {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "ReturnData": True}
    metric = {"Namespace": "Web", "MetricName": "Latency", "Dimensions": [{"name": "Service", "value": "orders"}]}
    stat = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 120, "Stat": "p99"}, "ReturnData": True}
    signal = parse(sns(notification(Trigger={"Metrics": [band, stat], "ThresholdMetricId": "ad1", "Threshold": 0})))
    assert signal.metric is not None
    assert (signal.metric.name, signal.metric.statistic, signal.metric.period_s) == ("Latency", "p99", 120)
    assert signal.metric.threshold is None, "the band is the threshold, no number"
    assert signal.resource.service == "orders"


@pytest.mark.parametrize(("other", "is_told"), [("orders", True), ("billing", False)])
def test_of_math_over_several_metrics_one_is_looked_at_if_all_are_of_one_resource(other: str, is_told: bool) -> None:
    def stat(name: str, service: str) -> dict[str, Any]:
        metric = {"namespace": "Web", "name": name, "dimensions": {"Service": service}}
        return {"id": name.lower(), "metricStat": {"metric": metric, "period": 60, "stat": "Sum"}, "returnData": False}

    event = eventbridge()
    ratio = {"id": "e1", "expression": "failures/requests", "returnData": True}
    event["detail"]["configuration"]["metrics"] = [ratio, stat("Failures", "orders"), stat("Requests", other)]
    signal = parse(json.dumps(event))
    assert [metric.name for metric in signal.metrics] == ["Failures", "Requests"]
    assert (signal.metric is not None) is is_told
    assert signal.metric is None or signal.metric.threshold is None


def test_a_composite_alarm_is_taken_unless_its_owner_suppresses_it() -> None:
    event = eventbridge()
    event["detail"]["configuration"] = {"alarmRule": "ALARM(a) OR ALARM(b)", "actionsSuppressor": "quiet"}
    assert parse(json.dumps(event)).state == "ALARM"
    event["detail"]["state"]["actionsSuppressedBy"] = "Alarm"
    (item,) = read(json.dumps(event))
    assert isinstance(item, Ignored)
    assert "suppresses" in item.reason


def test_titles_and_names_hold_nothing_that_steers_a_screen() -> None:
    name = "cpu\x1b[2J\u202ehigh\u0000\u200b\u2066"
    signal = parse(sns(notification(AlarmName=name, NewStateReason="a\x1b]0;x\x07\nb")))
    assert signal.name == "cpu [2Jhigh"
    assert signal.title == "cpu [2Jhigh is in ALARM"
    assert signal.reason == "a ]0;x\nb"
    with pytest.raises(MalformedSignal, match="AlarmName"):
        parse(sns(notification(AlarmName="\u202e\u0000 \u200b")))


@pytest.mark.feature(6)
@given(
    st.text(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)).map(
        json.dumps
    )
)
def test_no_text_at_all_raises_anything_else(body: str) -> None:
    with contextlib.suppress(SignalError):
        read(body)


@given(
    st.dictionaries(
        st.sampled_from(["AlarmName", "NewStateValue", "StateChangeTime", "Trigger", "Region", "AWSAccountId"]),
        st.none() | st.integers() | st.text() | st.lists(st.integers()) | st.dictionaries(st.text(), st.text()),
    )
)
def test_no_alarm_with_wrong_types_raises_anything_else(changes: dict[str, Any]) -> None:
    with contextlib.suppress(SignalError):
        read(sns(notification(**changes)))


@pytest.mark.feature(6)
@given(
    st.dictionaries(
        st.sampled_from(["Dimensions", "Period", "Threshold", "Statistic", "MetricName", "ComparisonOperator"]),
        st.none()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.integers() | st.dictionaries(st.text(), st.integers()))
        | st.dictionaries(st.text(), st.text()),
    )
)
def test_no_trigger_with_wrong_types_raises_anything_else(changes: dict[str, Any]) -> None:
    with contextlib.suppress(SignalError):
        read(sns(notification(Trigger=notification()["Trigger"] | changes)))
