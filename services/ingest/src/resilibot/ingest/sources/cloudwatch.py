"""cloudwatch: an alarm in CloudWatch's words, by whatever route, becomes a Signal. Pure.

Four shapes: the SNS notification (AlarmName, NewStateValue), the EventBridge event ("CloudWatch Alarm State Change",
detail), what a rule's InputPath or transformer leaves of it (its detail alone; alarmName and state), the direct
invocation of a Lambda function (alarmData). Formats: "Amazon CloudWatch User Guide", alarm
notifications, "Alarm events and EventBridge", "Invoke a Lambda function from an alarm". Only name and state are
required: emulators, tests and older alarms leave out all the rest, and spell it in their own way.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from resilibot.contracts import strict_json
from resilibot.contracts.signal import MetricRef, ResourceRef, SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.errors import ForgedSignal
from resilibot.ingest.sources.fields import at, clean, mapping, objects, one_of, pairs, text, words
from resilibot.ingest.sources.record import Item, Record, Source, ignored
from resilibot.ingest.sources.regions import region_code
from resilibot.ingest.sources.severity import by_alarm_text

NAME = "cloudwatch"
NAMED = "aws.cloudwatch"
STATE_CHANGES = ("CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change")
MARKS = ("alarmData", "AlarmName", "NewStateValue")
CONFIGURATION_CHANGE = "CloudWatch Alarm Configuration Change"
STATES: dict[str, SignalState] = {"ALARM": "ALARM", "OK": "OK", "INSUFFICIENT_DATA": "INSUFFICIENT_DATA"}
STATISTICS = {s.upper(): s for s in ("Average", "Sum", "Minimum", "Maximum", "SampleCount")}
SERVICE_DIMENSIONS = ("Service", "ServiceName", "FunctionName", "LoadBalancer", "DBInstanceIdentifier", "InstanceId")


def recognises(body: dict[str, Any]) -> bool:
    kind = body.get("detail-type")
    if kind in (*STATE_CHANGES, CONFIGURATION_CHANGE) or any(key in body for key in MARKS):
        return True
    is_envelope = "version" in body and "id" in body  # whole but for its detail-type: damaged, not transformed
    is_rest = "detail-type" not in body and not is_envelope and (body.get("source") == NAMED or "detail" not in body)
    return is_rest and (_is_detail(body) or _is_detail(body.get("detail")))


def read(record: Record) -> Iterator[Item]:
    body = record.body
    if "alarmData" in body:
        if body.get("source", NAMED) != NAMED:
            raise ForgedSignal(f"{record.place}source: a CloudWatch alarm comes from aws.cloudwatch")
        yield _invocation(record, mapping(body, "alarmData", record.place))
    elif "detail-type" in body:
        yield _event(record)
    elif "AlarmName" not in body and "NewStateValue" not in body:
        yield _transformed(record)
    else:
        yield _notification(record)


SOURCE = Source(NAME, recognises, read)


def _event(record: Record) -> Item:
    """Anyone can publish to a bus of their own: only AWS itself can be `aws.cloudwatch` there."""
    if record.body.get("source") != NAMED:
        raise ForgedSignal(f"{record.place}source: a CloudWatch alarm comes from aws.cloudwatch")
    if record.body["detail-type"] == CONFIGURATION_CHANGE:
        return ignored(record, NAME, f"aws.cloudwatch: {CONFIGURATION_CHANGE}", "no state changed", _id(record))
    detail = mapping(record.body, "detail", record.place)
    return _from_detail(
        record,
        detail,
        place=f"{record.place}detail.",
        account=words(record.body, "account"),
        region=words(record.body, "region"),
        arn=at(record.body, "resources.0"),
        sent_at=record.body.get("time"),
    )


def _is_detail(value: Any) -> bool:
    """An alarm's name and a state in CloudWatch's own words: `state.value`, or the bare word of a transformer."""
    if not isinstance(value, dict) or not isinstance(value.get("alarmName"), str):
        return False
    state = value.get("state")
    word = state.get("value") if isinstance(state, dict) else state
    return isinstance(word, str) and word in STATES


def _transformed(record: Record) -> Item:
    """What a rule leaves of the event that only AWS's own source can send; the queue's policy knows the rule."""
    body = record.body
    is_whole = isinstance(body.get("detail"), dict) and not _is_detail(body)
    detail, place = (body["detail"], f"{record.place}detail.") if is_whole else (body, record.place)
    if body.get("source", NAMED) != NAMED:
        raise ForgedSignal(f"{record.place}source: a CloudWatch alarm comes from aws.cloudwatch")
    if "operation" in detail or "previousConfiguration" in detail:
        return ignored(record, NAME, f"aws.cloudwatch: {CONFIGURATION_CHANGE}", "no state changed", _id(record))
    sent_at = next((body[key] for key in ("time", "timestamp") if key in body), None)
    if not isinstance(detail["state"], dict):
        told = {"value": detail["state"], "reason": detail.get("reason")}
        detail = {**detail, "state": told}
    return _from_detail(
        record,
        detail,
        place=place,
        account=words(body, "account", "accountId"),
        region=words(body, "region"),
        arn=at(body, "resources.0") or body.get("alarmArn"),
        sent_at=sent_at,
    )


def _invocation(record: Record, alarm: dict[str, Any]) -> Item:
    body = record.body
    return _from_detail(
        record,
        alarm,
        place=f"{record.place}alarmData.",
        account=words(body, "accountId", "account"),
        region=words(body, "region"),
        arn=body.get("alarmArn") or at(body, "resources.0"),
        sent_at=body.get("time"),
    )


def _from_detail(
    record: Record, detail: dict[str, Any], *, place: str, account: str, region: str, arn: Any, sent_at: Any
) -> Item:
    """EventBridge's `detail` and Lambda's `alarmData` are the same object."""
    name = text(detail, "alarmName", place)
    state = one_of(detail, "state.value", STATES, place)
    suppressed_by = words(detail, "state.actionsSuppressedBy")
    if suppressed_by and state == "ALARM":
        reason = f"its owner suppresses its actions: {suppressed_by}"
        return ignored(record, NAME, f"suppressed alarm {name}", reason, _id(record))
    configuration = at(detail, "configuration")
    stats = _stats(objects(configuration, "metrics"))
    contributor = words(detail, "alarmContributor.id")
    return _signal(
        record,
        name=name,
        state=state,
        reason=words_of_lines(detail, "state.reason"),
        description=words_of_lines(configuration, "description"),
        fired_at=at(detail, "state.timestamp") or sent_at,
        account=account,
        region=region,
        arn=arn,
        stats=stats,
        threshold=None if _is_math(configuration) else _threshold(at(detail, "state.reasonData")),
        comparison=None,
        contributor=contributor,
        tags=pairs(at(detail, "alarmContributor.attributes")),
    )


def _notification(record: Record) -> Item:
    alarm, place = record.body, record.place
    name = text(alarm, "AlarmName", place)
    state = one_of(alarm, "NewStateValue", STATES, place)
    suppressed_by = words(alarm, "ActionsSuppressedBy")
    if suppressed_by and state == "ALARM":
        return ignored(record, NAME, f"suppressed alarm {name}", f"its owner suppresses its actions: {suppressed_by}")
    trigger = alarm["Trigger"] if isinstance(alarm.get("Trigger"), dict) else {}
    single = _metric_of_trigger(trigger)
    arn = alarm.get("AlarmArn")
    return _signal(
        record,
        name=name,
        state=state,
        reason=words_of_lines(alarm, "NewStateReason"),
        description=words_of_lines(alarm, "AlarmDescription"),
        fired_at=alarm.get("StateChangeTime"),
        account=words(alarm, "AWSAccountId") or build.arn_part(arn, 4),
        region=build.arn_part(arn, 3) or region_code(words(alarm, "Region")),
        arn=arn,
        stats=[single] if single else _stats(objects(trigger, "Metrics")),
        threshold=_number(trigger.get("Threshold")) if single else None,
        comparison=words(trigger, "ComparisonOperator") or None,
        contributor=words(alarm, "AlarmContributorId"),
        tags=pairs(alarm.get("AlarmContributorAttributes")),
    )


def _signal(
    record: Record,
    *,
    name: str,
    state: SignalState,
    reason: str,
    description: str,
    fired_at: Any,
    account: str,
    region: str,
    arn: Any,
    stats: list[MetricRef],
    threshold: float | None,
    comparison: str | None,
    contributor: str,
    tags: Mapping[str, str],
) -> Item:
    metric = _primary(stats)
    if metric is not None and len(stats) == 1 and threshold is not None:  # of math it is not the metric's own
        metric = metric.model_copy(update={"threshold": threshold, "comparison": comparison})
    return build.signal(
        record,
        source=NAME,
        source_id=_id(record),
        name=name,
        identity=f"{name} {contributor}" if contributor else "",
        state=state,
        reason=reason,
        severity=by_alarm_text(name, description),
        fired_at=fired_at,
        resource=_resource(account, region, metric, name, arn),
        metric=metric,
        metrics=stats if len(stats) > 1 or metric is None else [],
        tags=tags,
    )


def _id(record: Record) -> str:
    """The id of the EventBridge event, else of the SNS or SQS message around it."""
    return words(record.body, "id") or record.own_id


def words_of_lines(data: Any, path: str) -> str:
    value = at(data, path)
    return value if isinstance(value, str) else ""


def _resource(account: str, region: str, metric: MetricRef | None, name: str, arn: Any) -> ResourceRef:
    dimensions = metric.dimensions if metric else {}
    service = next((dimensions[key] for key in SERVICE_DIMENSIONS if key in dimensions), "")
    readable = " ".join([metric.namespace, *(f"{k}={v}" for k, v in sorted(dimensions.items()))]) if metric else name
    return build.resource_ref(name=readable, account=account, region=region, service=service, arn=arn)


def _primary(stats: list[MetricRef]) -> MetricRef | None:
    """The metric to look at. Of several (math, an anomaly band) the first, if all are of one resource; else none."""
    resources = {(m.namespace, tuple(sorted(m.dimensions.items()))) for m in stats}
    return stats[0] if len(resources) == 1 else None


def _metric_of_trigger(trigger: Mapping[str, Any]) -> MetricRef | None:
    """The notification of an alarm on one metric has it in the Trigger itself."""
    name, namespace = words(trigger, "MetricName"), words(trigger, "Namespace")
    if not name or not namespace:
        return None
    statistic = words(trigger, "ExtendedStatistic", "Statistic") or "Average"
    return _metric(namespace, name, pairs(trigger.get("Dimensions")), statistic, trigger.get("Period"))


def _stats(metrics: list[dict[str, Any]]) -> list[MetricRef]:
    """Every metric of a list of MetricDataQuery, in either spelling: metricStat of EventBridge, MetricStat of SNS.

    The one whose data the alarm watches comes first. Expressions name no metric and are left out.
    """
    found = []
    for query in sorted(metrics, key=lambda q: not (q.get("returnData") is True or q.get("ReturnData") is True)):
        lowered = _lower_keys(query)
        stat = _lower_keys(lowered.get("metricstat"))
        metric = _lower_keys(stat.get("metric")) or (lowered if "expression" not in lowered else {})
        name, namespace = words(metric, "metricname", "name"), words(metric, "namespace")
        if name and namespace:
            dimensions = pairs(metric.get("dimensions"))
            found.append(_metric(namespace, name, dimensions, words(stat, "stat") or "Average", stat.get("period")))
    return found


def _is_math(configuration: Any) -> bool:
    return any("expression" in _lower_keys(query) for query in objects(configuration, "metrics"))


def _metric(namespace: str, name: str, dimensions: dict[str, str], statistic: str, period: Any) -> MetricRef:
    seconds = _number(period)
    return MetricRef(
        namespace=clean(namespace, 255),
        name=clean(name, 255),
        statistic=STATISTICS.get(statistic.upper(), clean(statistic, 64)),
        period_s=int(seconds) if seconds is not None and 1 <= seconds <= 604_800 else 60,
        dimensions={clean(k, 255): clean(v, 1024) for k, v in list(dimensions.items())[:30]},
    )


def _lower_keys(value: Any) -> dict[str, Any]:
    return {key.lower(): item for key, item in value.items()} if isinstance(value, dict) else {}


def _threshold(reason_data: Any) -> float | None:
    """EventBridge has the threshold only inside state.reasonData, JSON in a string."""
    try:
        data = strict_json.parse(reason_data) if isinstance(reason_data, str) else {}
    except strict_json.NotStrictJson:
        return None
    return _number(data.get("threshold")) if isinstance(data, dict) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
