"""alertmanager: alerts of Prometheus Alertmanager, and of Grafana's unified alerting, which speaks the same. Pure.

Formats: Prometheus, alerting configuration, <webhook_config> (versions 3 and 4); Alertmanager API v2, postable alerts;
Grafana, "Webhook notifier". Each alert is a signal of its own, told apart by its fingerprint or its labels.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from resilibot.contracts.canonical import content_hash
from resilibot.contracts.signal import SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.errors import MalformedSignal
from resilibot.ingest.sources.fields import at, mapping, moment, one_of, pairs, words
from resilibot.ingest.sources.record import Item, Record, Refused, Source
from resilibot.ingest.sources.severity import by_word

STATES: dict[str, SignalState] = {
    **dict.fromkeys(("firing", "alerting", "Alerting", "active", "pending"), "ALARM"),
    **dict.fromkeys(("resolved", "ok", "normal", "Normal", "inactive"), "OK"),
    **dict.fromkeys(("nodata", "no_data", "NoData", "DatasourceNoData"), "INSUFFICIENT_DATA"),
}
MARKS = ("receiver", "groupLabels", "commonLabels", "groupKey", "externalURL")
OF_AN_ALERT = ("labels", "annotations", "startsAt")
NAMING = ("summary", "title", "message", "description")  # annotations that tell what an alert without a name is
MAX_ALERTS = 1_000  # of one message: Alertmanager's max_alerts holds a group below it
SERVICE_LABELS = ("service", "app", "job", "workload", "deployment", "container", "service_name")
RESOURCE_LABELS = ("instance", "pod", "node", "host", "hostname", "deployment", "service", "job")


def recognises(body: dict[str, Any]) -> bool:
    if "alerts" in body:
        is_known = any(at(body, f"alerts.0.{key}") is not None for key in OF_AN_ALERT)
        is_damaged = "status" in body and not isinstance(at(body, "alerts.0"), dict)
        return any(mark in body for mark in MARKS) or is_known or is_damaged
    return isinstance(at(body, "labels.alertname"), str) and ("status" in body or "startsAt" in body)


def read(record: Record) -> Iterator[Item]:
    """Raises MalformedSignal if `alerts` is no list of 1 to 1,000 objects; one bad alert among others is Refused."""
    body = record.body
    if "alerts" not in body:
        yield _alert(record, body, {}, {}, {})
        return
    alerts = body["alerts"]
    if not isinstance(alerts, list) or not alerts:
        raise MalformedSignal(f"{record.place}alerts: a list with something in it is needed")
    if len(alerts) > MAX_ALERTS:
        raise MalformedSignal(f"{record.place}alerts: {len(alerts)} are more than {MAX_ALERTS} in one message")
    labels, notes = _some(body.get("commonLabels")), _some(body.get("commonAnnotations"))
    for number, alert in enumerate(alerts):
        placed = record.within(f"alerts.{number}")
        try:
            if not isinstance(alert, dict):
                raise MalformedSignal(f"{placed.place}: an object is needed, not {type(alert).__name__}")
            yield _alert(placed, alert, body, labels, notes)
        except MalformedSignal as error:
            yield Refused(str(error))


SOURCE = Source("alertmanager", recognises, read)


def _some(value: Any) -> dict[str, str]:
    """Labels, as many as a signal holds."""
    return _cut(pairs(value))


def _cut(labels: Mapping[str, str]) -> dict[str, str]:
    return dict(islice(labels.items(), build.MAX_TAGS))


def _alert(
    record: Record,
    alert: dict[str, Any],
    group: dict[str, Any],
    common_labels: dict[str, str],
    common_notes: dict[str, str],
) -> Item:
    """The alert's own labels come first where there are too many."""
    own = _some(mapping(alert, "labels", record.place) if "labels" in alert else {})
    labels = _cut(own | {key: value for key, value in common_labels.items() if key not in own})
    notes = common_notes | _some(alert.get("annotations"))
    if not alert:
        raise MalformedSignal(f"{record.place[:-1]}: an alert with nothing in it")
    told = next((notes[note] for note in NAMING if notes.get(note)), "") or words(group, "title")
    if not labels.get("alertname") and not told and not words(alert, "fingerprint"):
        raise MalformedSignal(f"{record.place}labels.alertname: missing, and nothing else tells what it is")
    state = _state(record, alert, group)
    source = "grafana" if "orgId" in group or "valueString" in alert or "dashboardURL" in alert else "alertmanager"
    key = words(alert, "fingerprint") or content_hash(labels)
    name = labels.get("alertname") or f"alert {key}"  # an annotation may tell today's figure
    summary = notes.get("summary") or ("" if labels.get("alertname") else told)
    about = next((labels[label] for label in RESOURCE_LABELS if labels.get(label)), name)
    started = words(alert, "startsAt")
    return build.signal(
        record,
        source=source,
        source_id=record.of_content(f"{key}@{started}@{state}") if started else record.own_id + f"/{key}",
        name=name,
        identity=key,
        state=state,
        title=(f"{name}: {summary}" if labels.get("alertname") else summary) if summary not in ("", name) else name,
        reason=notes.get("description") or notes.get("message") or notes.get("summary", ""),
        severity=by_word(source, "severity", labels.get("severity") or labels.get("priority") or notes.get("severity")),
        fired_at=alert.get("endsAt") if state == "OK" else alert.get("startsAt"),
        resource=build.resource_ref(
            name=about,
            account=labels.get("account") or labels.get("account_id", ""),
            region=labels.get("region", ""),
            service=next((labels[label] for label in SERVICE_LABELS if labels.get(label)), ""),
            arn=labels.get("arn"),
        ),
        tags=labels,
        links=[alert.get("generatorURL"), alert.get("panelURL"), alert.get("dashboardURL"), *notes.values()],
    )


def _state(record: Record, alert: dict[str, Any], group: dict[str, Any]) -> SignalState:
    """Its own status, else the group's; a postable alert has none: it is over when it has ended."""
    for told in (alert, group):
        if "status" in told:
            status = told["status"]
            word = status.get("state") if isinstance(status, dict) else status
            state: SignalState = one_of({"status": word}, "status", STATES, record.place)
            return state
    return "OK" if moment(alert.get("endsAt"), record.received_at) < record.received_at else "ALARM"
