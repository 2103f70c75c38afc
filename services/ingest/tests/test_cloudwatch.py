"""CloudWatch alarms by every spelling and route: one signal, one fingerprint; what is malformed is named."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilibot.contracts.signal import Severity
from resilibot.ingest.cloudwatch import MalformedSignal, SignalError, UnsupportedSignal, fingerprint, parse


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


@pytest.mark.feature(6)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("nonsense", "message"),
        ("[]", "message"),
        (json.dumps({"Type": "Notification", "MessageId": "m"}), "Message"),
        (json.dumps({"Type": "Notification", "MessageId": "m", "Message": "{"}), "Message"),
        (json.dumps({"Type": "Notification", "Message": json.dumps(notification())}), "MessageId"),
        (sns({"AlarmName": "half"}), "NewStateValue"),
        (sns(notification(AlarmName="")), "AlarmName"),
        (sns(notification(NewStateValue="PANIC")), "NewStateValue"),
        (sns(notification(StateChangeTime="noon")), "StateChangeTime"),
        (json.dumps(eventbridge(detail=None)), "detail"),
        (json.dumps(eventbridge(detail={"alarmName": "x"})), "state"),
    ],
)
def test_a_malformed_signal_names_the_field(body: str, field: str) -> None:
    with pytest.raises(MalformedSignal, match=field):
        parse(body)


def test_another_event_is_refused_with_what_it_is() -> None:
    with pytest.raises(UnsupportedSignal, match="EC2 Instance State-change"):
        parse(json.dumps({"detail-type": "EC2 Instance State-change Notification", "id": "1"}))


@pytest.mark.feature(6)
@given(
    st.text(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)).map(
        json.dumps
    )
)
def test_no_text_at_all_raises_anything_else(body: str) -> None:
    with contextlib.suppress(SignalError):
        parse(body)


@given(
    st.dictionaries(
        st.sampled_from(["AlarmName", "NewStateValue", "StateChangeTime", "Trigger", "Region", "AWSAccountId"]),
        st.none() | st.integers() | st.text() | st.lists(st.integers()) | st.dictionaries(st.text(), st.text()),
    )
)
def test_no_alarm_with_wrong_types_raises_anything_else(changes: dict[str, Any]) -> None:
    with contextlib.suppress(SignalError):
        parse(sns(notification(**changes)))


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
        parse(sns(notification(Trigger=notification()["Trigger"] | changes)))
