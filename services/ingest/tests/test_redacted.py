"""What of a signal is stored holds no secret; what it is told apart by stays, and the raw message stays as it came."""

import json
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.envelope import Actor
from resilibot.contracts.signal import Signal
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.kept import original
from resilibot.ingest.redacted import redacted
from resilibot.runtime.redact import Redactor
from resilibot.runtime.secret_forms import TAG
from services.ingest.tests.test_intake import Door
from tests.support.act_world import opened

KEY_ID = "AKIA" + "ABCDEFGHIJKLMNOP"
SECRET = "zq7Kp0-hunter2"


def alarm(name: str = "orders-failures", **more: Any) -> str:
    dimensions = [{"name": "Service", "value": "orders"}]
    trigger = {"MetricName": "Failures", "Namespace": "Web", "Dimensions": dimensions, "Period": 60}
    body = {"AlarmName": name, "NewStateValue": "ALARM", "StateChangeTime": "2026-11-24T12:00:00Z", "Trigger": trigger}
    return json.dumps({**body, **more})


def signal(**changes: Any) -> Signal:
    return opened().signal.model_copy(update=changes)


def test_no_event_of_an_alarm_holds_its_secrets_and_its_raw_message_is_kept_as_it_came() -> None:
    door = Door()
    body = alarm(NewStateReason=f"threshold crossed, password={SECRET}", AlarmDescription=f"key {KEY_ID}")
    assert door.take(body) == []
    told = " ".join(json.dumps(recorded.envelope.data) for recorded in door.recorded())
    assert SECRET not in told
    assert KEY_ID not in told
    (received,) = door.events(e.SignalReceivedV1)
    assert "password=[password]" in received.signal.reason
    assert original(door.blobs, received.signal.raw) == body.encode()


def test_a_manual_incident_is_redacted_at_the_same_place() -> None:
    door = Door()
    manual = signal(source="manual", title=f"login broken with {KEY_ID}", reason=f"tried token={SECRET}")
    door.intake.accept("f1", [manual], Actor(kind="person", id="ann"))
    told = " ".join(json.dumps(recorded.envelope.data) for recorded in door.recorded())
    assert KEY_ID not in told
    assert SECRET not in told


def test_the_fingerprint_is_of_the_words_as_they_came() -> None:
    """Two alarms whose names differ in a secret only stay two, and each is the same one again."""
    door = Door()
    names = [f"probe password={SECRET}{n}" for n in (1, 2)]
    bodies = [json.dumps({**json.loads(alarm(name)), "Trigger": {}}) for name in (*names, names[0])]
    assert door.take(*bodies) == []
    received = door.events(e.SignalReceivedV1)
    assert len({event.incident_id for event in received}) == 2
    assert all(SECRET not in event.signal.name for event in received)


def test_what_a_signal_is_told_apart_by_and_asked_again_with_stays() -> None:
    before = signal(identity=KEY_ID, source_id=f"password={SECRET}", title=f"x {KEY_ID}")
    after = redacted(before, Redactor(lambda: b"k"))
    assert fingerprint(after) == fingerprint(before)
    assert (after.identity, after.source_id, after.metric) == (before.identity, before.source_id, before.metric)
    assert TAG.search(after.title)


def test_labels_are_redacted_by_their_names_and_links_by_their_parts() -> None:
    tags = {"team": "shop", "api_key": SECRET, "auto_approve": "true"}
    after = redacted(signal(tags=tags, links=[f"https://x.example/?token={SECRET}&a=1"]), Redactor())
    assert after.tags == {"team": "shop", "api_key": "[secret]", "auto_approve": "true"}
    assert after.links == ["https://x.example/?token=[token]&a=1"]


def test_a_name_has_the_same_tag_by_every_key_and_keeps_its_address() -> None:
    named = signal(name=f"on-call ann@example.org {KEY_ID}")
    names = {redacted(named, Redactor(lambda key=key: key)).name for key in (b"a", b"b", None)}  # type: ignore[misc]
    assert names == {"on-call ann@example.org [aws-key]"}


def test_a_signal_without_secrets_is_the_very_same() -> None:
    clean = signal(tags={"team": "shop"}, reason="3 of 5 points above 5")
    assert redacted(clean, Redactor()) is clean


@pytest.mark.parametrize(("field", "most"), [("title", 512), ("reason", 2048)])
def test_what_grows_by_its_tags_can_still_be_read_back(field: str, most: int) -> None:
    after = redacted(signal(**{field: ("pwd=a " * 400)[:most]}), Redactor())
    assert Signal.model_validate(after.model_dump()) == after


def test_what_is_ignored_says_why_without_secrets() -> None:
    door = Door()
    detail = {"instance-id": "i-1", "state": "running"}
    body = {"id": "e1", "source": "aws.ec2", "detail-type": f"Notice password={SECRET}", "detail": detail}
    assert door.take(json.dumps(body)) == []
    told = " ".join(json.dumps(recorded.envelope.data) for recorded in door.recorded())
    assert SECRET not in told
