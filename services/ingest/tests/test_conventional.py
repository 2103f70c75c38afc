"""Alerts of senders nobody described: what is one, how it stands, what it is about; and what is none."""

import json
from typing import Any

import pytest

from resilibot.contracts.signal import Severity, SignalState
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.sources import Ignored
from resilibot.ingest.sources.states import state_of, state_of_event
from tests.support.read_message import one, only


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Firing", "ALARM"),
        ("ALARM_TRIGGERED", "ALARM"),
        ("ResolvedCritical", "OK"),
        ("Not Responding", "ALARM"),
        ("OK -> CRITICAL", "ALARM"),
        ("DOWN → UP", "OK"),
        ("OK > ALARM", "ALARM"),
        ("OK/CRITICAL", "ALARM"),
        ("Normal: firing", "ALARM"),
        ("CRITICAL (was OK)", "ALARM"),
        ("firing <- ok", "ALARM"),
        ("recovery failed", "ALARM"),
        ("recovered from down", "OK"),
        ("ok to warning", "ALARM"),
        ("🔴 Down", "ALARM"),
        ("UNRESOLVED", "ALARM"),
        ("not ok", None),
        ("acknowledged", None),
        ("the alert went critical and then somebody resolved it again", None),
        ("", None),
        ("critical " * 20, None),
    ],
)
def test_a_state_is_known_by_its_usual_words_and_by_no_others(word: str, meant: SignalState | None) -> None:
    assert state_of(word) == meant


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("alert.fired", "ALARM"),
        ("incident_created", "ALARM"),
        ("alert-resolved", "OK"),
        ("alert.resolve.failed", "ALARM"),
        ("ALERT_RECOVERY", "OK"),
        ("check.down", "ALARM"),
        ("monitor_online", "OK"),
        ("OK_TO_FIRING", "ALARM"),
        ("RECOVERY", "OK"),
        ("monitor.created", None),
        ("monitor.closed", None),
        ("alert_rule.updated", None),
        ("incident.acknowledged", None),
        ("deployment.failed", None),
        ("warning.raised", None),
        ("incident", None),
        ("error", None),
    ],
)
def test_an_event_tells_a_state_only_if_it_is_about_an_alert(kind: str, meant: SignalState | None) -> None:
    assert state_of_event(kind) == meant


FORMS = {
    "a word that only alerts use": ({"title": "API errors"}, ("status", "firing", "resolved"), "API errors"),
    "capitals": ({"NOTIFICATIONTYPE": "", "HOSTNAME": "web-2", "SERVICEDESC": "Disk"}, None, "Disk"),
    "mixed case": ({"AlertName": "Node down", "NodeName": "sw-2"}, ("Status", "Down", "Up"), "Node down"),
    "an object as state": (
        {"name": "ping", "alert": "ping on a"},
        ("status", {"name": "CRITICAL"}, {"name": "OK"}),
        "ping",
    ),
    "the name of the event": (
        {"alert": {"id": "7", "name": "API down"}},
        ("event", "alert.fired", "alert.resolved"),
        "API down",
    ),
    "an envelope": (
        {"data": {"incident": {"name": "Queue stuck"}}},
        ("type", "incident.opened", "incident.closed"),
        "Queue stuck",
    ),
    "an event named so": (
        {"data": {"id": "6", "title": "DB down"}},
        ("event_type", "alert.created", "alert.resolved"),
        "DB down",
    ),
    "a body": ({"body": {"id": 1, "name": "API slow"}}, ("event", "incident.created", "incident.closed"), "API slow"),
    "a trigger": ({"trigger_name": "CPU", "trigger_severity": "High"}, ("trigger_status", "PROBLEM", "OK"), "CPU"),
    "a check of a host": ({"check": "disk", "host": "db-1"}, ("state", "critical", "ok"), "disk"),
    "a watched service": (
        {"data": {"service": {"name": "front page"}, "alert": {"id": 5, "output": "timeout"}}},
        ("event", "alert_raised", "alert_cleared"),
        "front page",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_alert_is_read_in_any_usual_form_and_ends_as_the_same_one(form: str) -> None:
    body, told, title = FORMS[form]
    key, fires, clears = told or ("NOTIFICATIONTYPE", "PROBLEM", "RECOVERY")
    marked = {**body, key: fires} if form != "a word that only alerts use" else {**body, key: fires, "dedup_key": "k"}
    firing, over = one(marked), one({**marked, key: clears})
    assert (firing.source, firing.title, firing.state) == ("conventional", title, "ALARM")
    assert (over.state, fingerprint(over), over.name) == ("OK", fingerprint(firing), firing.name)


def test_a_number_is_no_state_and_hides_none() -> None:
    assert one({"alert_name": "disk", "status": 2, "state": "failing"}).state == "ALARM"


def test_who_fires_needs_no_other_mark() -> None:
    assert one({"status": "firing", "title": "API errors"}).state == "ALARM"


def test_the_same_check_of_two_hosts_is_two_signals() -> None:
    first, second = (one({"check": "disk", "host": host, "status": "critical"}) for host in ("db-1", "db-2"))
    assert fingerprint(first) != fingerprint(second)
    assert (first.resource.name, first.title) == ("db-1", "disk")


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ({"monitor_id": 7, "name": "CPU"}, "host"),
        ({"alert_name": "CPU"}, "labels"),
        ({"alert_name": "CPU"}, "tags"),
    ],
)
def test_the_recovery_of_one_host_ends_no_alarm_of_another(told: Any, where: str) -> None:
    on = {"host": str, "labels": lambda host: {"instance": host}, "tags": lambda host: [f"host:{host}"]}[where]
    fires, other, ends = (
        one({**told, "status": status, where: on(host)})
        for status, host in (("down", "db-1"), ("up", "db-2"), ("up", "db-1"))
    )
    assert fingerprint(fires) != fingerprint(other)
    assert (fingerprint(fires), fires.name) == (fingerprint(ends), ends.name)


@pytest.mark.parametrize(
    "body",
    [
        {"alert_name": "CPU", "status": "firing", "monitor": {"id": 5}},
        {"alert_name": "CPU", "status": "firing", "incident": {}},
        {"alert": {"name": "CPU", "state": "ok"}, "status": "firing"},
        {"alert_name": "CPU", "status": "firing", "check": {"name": "cpu", "status": "ok"}},
        {"alert_name": "CPU", "status": "ok", "current_state": "critical"},
        {"alert_name": "CPU", "state": "enabled", "alert_state": "firing"},
        {"status": "success", "event": "alert.triggered", "alert": {"name": "CPU"}},
        {"status": "ok", "event": "alert.triggered", "alert": {"name": "CPU"}},
    ],
    ids=json.dumps,
)
def test_what_plainly_fires_is_not_lost_to_what_else_the_message_says(body: Any) -> None:
    assert one(body).state == "ALARM"


@pytest.mark.parametrize(
    "body",
    [
        {"alert_name": "CPU", "status": "resolved", "alert_state": "critical"},
        {"alert_name": "CPU", "status": "ok", "rule_state": "active"},
        {"alert_name": "CPU", "status": "ok", "type": "alert"},
    ],
    ids=json.dumps,
)
def test_what_is_over_stays_so_whatever_the_rest_of_the_message_names(body: Any) -> None:
    assert one(body).state == "OK"


def test_the_device_beside_an_alert_is_its_resource() -> None:
    told = {"alert": {"id": 7, "name": "High load", "state": "alert"}, "device": {"hostname": "router-1"}}
    assert one(told).resource.name == "router-1"
    assert one({**told, "source": "sender", "device": None}).resource.name == "High load"


@pytest.mark.parametrize(
    ("told", "severity"),
    [
        ({"status": "critical"}, Severity.CRITICAL),
        ({"status": "crit"}, Severity.CRITICAL),
        ({"status": "warning"}, Severity.MEDIUM),
        ({"status": "critical", "severity": "low"}, Severity.LOW),
        ({"status": "firing", "alarmSeverity": "Minor"}, Severity.LOW),
        ({"status": "firing"}, Severity.HIGH),
    ],
)
def test_a_state_that_is_a_level_tells_how_bad_it_is_unless_a_field_does(told: Any, severity: Severity) -> None:
    assert one({"alert_name": "disk", **told}).severity is severity


@pytest.mark.parametrize(
    "body",
    [
        {"event": "monitor.created", "monitor": {"id": 1, "name": "shop"}},
        {"event": "deployment.failed", "deployment": {"status": "failed", "name": "web"}},
        {"type": "deployment.failed", "data": {"id": "6", "title": "web"}},
        {"event": "check.failed", "name": "unit tests"},
        {"type": "open to closed", "title": "door"},
        {"ticket": {"subject": "help", "status": "open", "priority": "urgent"}},
        {"name": "cb", "state": "open", "service": "s"},
        {"status": "DOWN", "components": {"db": {"status": "DOWN"}}},
        {"title": "poll", "status": "resolved"},
        {"workflow": "w", "status": "triggered", "name": "x"},
        {"severity": "ERROR", "message": "boom", "state": "failed"},
        {"severity": "CRITICAL", "message": "boom", "status": "critical"},
        {"message": "boom", "status": "error", "service": "s"},
        {"alert": {"name": "cpu", "status": "acknowledged"}, "event": "alert.triggered"},
        {"alert_name": "cpu", "status": 5},
        {"alert": {"status": "firing"}},
        {"action": "created", "alert": {"state": "open", "rule": {"name": "x"}}, "repository": {}, "sender": {}},
        {"object_kind": "incident", "project": {}, "status": "triggered", "title": "x", "alert": "x"},
    ],
    ids=lambda body: ", ".join(body),
)
def test_what_does_not_say_all_three_is_no_alert(body: Any) -> None:
    assert isinstance(only(body), Ignored)
