"""cloudwatch: an alarm in CloudWatch's words, by SNS or by EventBridge, becomes a Signal. Pure.

    SignalError
    ├── MalformedSignal     a field is missing or of the wrong type; the message names it
    └── UnsupportedSignal   well-formed, but nothing that this door takes

Formats: "Amazon CloudWatch User Guide", alarm notifications (SNS) and "Alarm events and EventBridge". The emulators
differ in spelling (Name/name, Average/AVERAGE, AlarmArn present or not); both are taken.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import ValidationError

from resilibot.contracts.signal import MetricRef, ResourceRef, Severity, Signal, SignalState

STATISTICS = {
    "AVERAGE": "Average",
    "SUM": "Sum",
    "MINIMUM": "Minimum",
    "MAXIMUM": "Maximum",
    "SAMPLECOUNT": "SampleCount",
}
STATES: dict[str, SignalState] = {"ALARM": "ALARM", "OK": "OK", "INSUFFICIENT_DATA": "INSUFFICIENT_DATA"}
SERVICE_DIMENSIONS = ("Service", "ServiceName", "FunctionName", "LoadBalancer", "DBInstanceIdentifier", "InstanceId")


class SignalError(Exception):
    code: ClassVar[str] = "signal_error"


class MalformedSignal(SignalError):
    code = "malformed_signal"


class UnsupportedSignal(SignalError):
    code = "unsupported_signal"


def parse(body: str) -> Signal:
    """The signal in one intake message: an SNS envelope, or an EventBridge event. Raises SignalError."""
    outer = _json(body, "message")
    if outer.get("Type") == "Notification" or "Message" in outer:
        inner = _json(_text(outer, "Message"), "Message")
        source_id = _text(outer, "MessageId")
    else:
        inner, source_id = outer, str(outer.get("id", ""))
    try:
        if inner.get("detail-type") == "CloudWatch Alarm State Change":
            return _from_eventbridge(inner)
        if "AlarmName" in inner or "NewStateValue" in inner:
            return _from_notification(inner, source_id)
    except ValidationError as error:
        fields = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise MalformedSignal(fields) from error
    except (TypeError, ValueError, AttributeError) as error:  # a value of another type than CloudWatch sends
        raise MalformedSignal(f"{'detail' if 'detail' in inner else 'Trigger'}: {error}") from error
    kind = inner.get("detail-type") or inner.get("source") or sorted(inner)[:5]
    raise UnsupportedSignal(f"no CloudWatch alarm: {str(kind)[:200]}")


def fingerprint(signal: Signal) -> str:
    """What the signal is about, as a key: two alarms on one resource share it, by whatever route they came.

    The resource is account, region, namespace and dimensions of the metric; without dimensions, the alarm's name.
    """
    resource = signal.resource
    parts = [resource.account, resource.region]
    if signal.metric and signal.metric.dimensions:
        parts += [signal.metric.namespace, *(f"{k}={v}" for k, v in sorted(signal.metric.dimensions.items()))]
    elif signal.source == "manual" and resource.service:
        parts += ["manual", resource.service, signal.source_id]
    else:
        parts += [signal.source, signal.name]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:24]


def severity_of(name: str, description: str) -> tuple[Severity, str]:
    """Severity and the rule that set it. It orders work and never permits anything, so the alarm's words may set it."""
    for severity in Severity:
        if f"[{severity}]" in f"{name} {description}".upper():
            return severity, "alarm-text"
    return Severity.HIGH, "cloudwatch-default"


def _from_notification(alarm: Mapping[str, Any], source_id: str) -> Signal:
    trigger = alarm.get("Trigger") or {}
    arn = alarm.get("AlarmArn")
    account = str(alarm.get("AWSAccountId") or _arn_part(arn, 4) or "")
    region = _arn_part(arn, 3) or _region_code(str(alarm.get("Region") or ""))
    return _signal(
        source_id=source_id,
        name=_text(alarm, "AlarmName"),
        state=_state(_text(alarm, "NewStateValue"), "NewStateValue"),
        reason=str(alarm.get("NewStateReason") or ""),
        description=str(alarm.get("AlarmDescription") or ""),
        fired_at=_time(_text(alarm, "StateChangeTime"), "StateChangeTime"),
        account=account,
        region=region,
        metric=_metric_of_trigger(trigger),
        arn=arn,
    )


def _from_eventbridge(event: Mapping[str, Any]) -> Signal:
    detail = _object(event, "detail")
    state = _object(detail, "state", "detail.")
    configuration = detail.get("configuration") or {}
    resources = event.get("resources") or []
    return _signal(
        source_id=_text(event, "id"),
        name=_text(detail, "alarmName", "detail."),
        state=_state(_text(state, "value", "detail.state."), "detail.state.value"),
        reason=str(state.get("reason") or ""),
        description=str(configuration.get("description") or ""),
        fired_at=_time(str(state.get("timestamp") or event.get("time") or ""), "detail.state.timestamp"),
        account=str(event.get("account") or ""),
        region=str(event.get("region") or ""),
        metric=_metric_of_configuration(configuration, state),
        arn=str(resources[0]) if resources else None,
    )


def _signal(
    *,
    source_id: str,
    name: str,
    state: SignalState,
    reason: str,
    description: str,
    fired_at: datetime,
    account: str,
    region: str,
    metric: MetricRef | None,
    arn: str | None,
) -> Signal:
    severity, rule = severity_of(name, description)
    return Signal(
        source="cloudwatch",
        source_id=source_id or f"{name}@{fired_at.isoformat()}",
        name=name,
        state=state,
        title=f"{name} is in {state}"[:512],
        reason=reason[:2048],
        resource=_resource(account, region, metric, name, arn),
        metric=metric,
        fired_at=fired_at,
        severity=severity,
        severity_rule=rule,
    )


def _resource(account: str, region: str, metric: MetricRef | None, name: str, arn: str | None) -> ResourceRef:
    dimensions = metric.dimensions if metric else {}
    service = next((dimensions[key] for key in SERVICE_DIMENSIONS if key in dimensions), None)
    words = [f"{k}={v}" for k, v in sorted(dimensions.items())]
    readable = " ".join([metric.namespace, *words]) if metric else name
    return ResourceRef(account=account, region=region, service=service, arn=arn, name=readable)


def _metric_of_trigger(trigger: Mapping[str, Any]) -> MetricRef | None:
    if "MetricName" not in trigger or "Namespace" not in trigger:
        return None  # metric maths and composite alarms watch no single metric
    dimensions = {}
    for pair in trigger.get("Dimensions") or []:
        lowered = {str(key).lower(): value for key, value in pair.items()}
        dimensions[str(lowered.get("name"))] = str(lowered.get("value"))
    statistic = str(trigger.get("ExtendedStatistic") or trigger.get("Statistic") or "Average")
    threshold = trigger.get("Threshold")
    return MetricRef(
        namespace=str(trigger["Namespace"]),
        name=str(trigger["MetricName"]),
        statistic=STATISTICS.get(statistic.upper(), statistic),
        period_s=int(trigger.get("Period") or 60),
        dimensions=dimensions,
        threshold=float(threshold) if threshold is not None else None,
        comparison=trigger.get("ComparisonOperator"),
    )


def _metric_of_configuration(configuration: Mapping[str, Any], state: Mapping[str, Any]) -> MetricRef | None:
    """EventBridge has the metrics in configuration, and the threshold only inside state.reasonData (JSON text)."""
    stats = [m["metricStat"] for m in configuration.get("metrics") or [] if isinstance(m.get("metricStat"), dict)]
    if len(stats) != 1 or not isinstance(stats[0].get("metric"), dict):
        return None
    metric, statistic = stats[0]["metric"], str(stats[0].get("stat") or "Average")
    try:
        threshold = json.loads(str(state.get("reasonData") or "{}")).get("threshold")
    except ValueError:
        threshold = None
    return MetricRef(
        namespace=str(metric.get("namespace")),
        name=str(metric.get("name")),
        statistic=STATISTICS.get(statistic.upper(), statistic),
        period_s=int(stats[0].get("period") or 60),
        dimensions={str(k): str(v) for k, v in (metric.get("dimensions") or {}).items()},
        threshold=float(threshold) if isinstance(threshold, int | float) else None,
    )


def _json(text: str, field: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedSignal(f"{field}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise MalformedSignal(f"{field}: an object is needed, not {type(value).__name__}")
    return value


def _object(outer: Mapping[str, Any], field: str, path: str = "") -> dict[str, Any]:
    value = outer.get(field)
    if not isinstance(value, dict):
        raise MalformedSignal(f"{path}{field}: an object is needed, not {type(value).__name__}")
    return value


def _text(outer: Mapping[str, Any], field: str, path: str = "") -> str:
    value = outer.get(field)
    if not isinstance(value, str) or not value:
        raise MalformedSignal(f"{path}{field}: missing, or no text")
    return value


def _state(value: str, field: str) -> SignalState:
    try:
        return STATES[value]
    except KeyError:
        raise MalformedSignal(f"{field}: {value[:40]} is none of {', '.join(STATES)}") from None


def _time(value: str, field: str) -> datetime:
    text = value.replace("Z", "+00:00")
    if len(text) > 5 and text[-5] in "+-" and ":" not in text[-5:]:
        text = f"{text[:-2]}:{text[-2:]}"  # CloudWatch writes +0000
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedSignal(f"{field}: {value[:60]!r} is no time") from error
    if not 2000 <= at.year < 2100:
        raise MalformedSignal(f"{field}: {value[:60]!r} is no time of an alarm")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _arn_part(arn: Any, part: int) -> str:
    pieces = str(arn or "").split(":")
    return pieces[part] if len(pieces) > part else ""


def _region_code(name: str) -> str:
    """SNS notifications name the region in words; only the codes that emulators send are taken as they are."""
    return REGIONS.get(name, name)


REGIONS = {
    "US East (N. Virginia)": "us-east-1",
    "US East (Ohio)": "us-east-2",
    "US West (N. California)": "us-west-1",
    "US West (Oregon)": "us-west-2",
    "EU (Ireland)": "eu-west-1",
    "EU (London)": "eu-west-2",
    "EU (Paris)": "eu-west-3",
    "EU (Frankfurt)": "eu-central-1",
    "EU (Stockholm)": "eu-north-1",
    "Asia Pacific (Tokyo)": "ap-northeast-1",
    "Asia Pacific (Seoul)": "ap-northeast-2",
    "Asia Pacific (Mumbai)": "ap-south-1",
    "Asia Pacific (Singapore)": "ap-southeast-1",
    "Asia Pacific (Sydney)": "ap-southeast-2",
    "Canada (Central)": "ca-central-1",
    "South America (Sao Paulo)": "sa-east-1",
}
