"""Sources under a sender who means harm: time, identity, repeats, and what is never kept."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resilibot.contracts.signal import Signal
from resilibot.ingest.fingerprint import fingerprint  # noqa: F401
from resilibot.ingest.sources import Ignored, Item, MalformedSignal, read  # noqa: F401
from resilibot.ingest.webhooks import delivery_id

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
