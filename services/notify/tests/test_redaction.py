"""What leaves by a channel, and the postmortem, hold no secret, also where the store still does."""

import json

from resilibot.contracts import events as e
from resilibot.notify import postmortem
from resilibot.notify.ports import Delivery, Ports
from resilibot.notify.service import SERVICE
from resilibot.notify.settings import NotifySettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.personal import InMemorySubjectKeys, Personal
from resilibot.runtime.testing import Story
from services.notify.tests.test_tell import FakeChannel
from tests.support.act_world import opened
from tests.support.story import INCIDENT, INCIDENT_EVENTS, recorded

KEY_ID = "AKIA" + "ABCDEFGHIJKLMNOP"
SECRET = "zq7Kp0-hunter2"


def sent(title: str, detail: str, personal: Personal, delivery: Delivery) -> tuple[str, str]:
    """The message about an escalation, and the outcome as it is recorded."""
    channel, history = FakeChannel([delivery]), InMemoryEventStore()
    incident = Story(
        SERVICE, Ports(NotifySettings(), channel, InMemoryBlobStore(), history, personal.reveal), store=history
    )
    incident.given(opened().model_copy(update={"title": title}))
    (started,) = incident.when(e.IncidentEscalatedV1(reason="step_blocked", detail=detail)).events
    assert isinstance(started, e.NotificationStartedV1)
    ((outcome,),) = incident.run_effect(started)
    return json.dumps(channel.sent[0][1]), outcome.model_dump_json()


def test_a_message_is_redacted_again_and_shows_people_by_name() -> None:
    personal = Personal(InMemorySubjectKeys())
    words = personal.person("kim@example.org").seal(f"try token={SECRET}")
    detail = f"mail bob@example.org, {personal.identity('kim@example.org')} says {words} for {KEY_ID}"
    message, _ = sent(f"login fails, password={SECRET}", detail, personal, Delivery("delivered", 202, "r"))
    assert SECRET not in message
    assert KEY_ID not in message
    assert "mail [email], kim@example.org says try token=[token] for [aws-key]" in message
    assert "password=[password]" in message


def test_what_a_channel_answers_is_recorded_without_secrets() -> None:
    refused = Delivery("refused", 0, None, f"no connection to https://u:{SECRET}@hook.example/x")
    _, outcome = sent("t", "d", Personal(InMemorySubjectKeys()), refused)
    assert SECRET not in outcome


def test_a_postmortem_holds_no_secret_that_an_old_log_does() -> None:
    first = INCIDENT_EVENTS[0]
    assert isinstance(first, e.IncidentOpenedV1)
    told = [first.model_copy(update={"title": f"failing with {KEY_ID} and password={SECRET}"}), *INCIDENT_EVENTS[1:]]
    text = postmortem.write(INCIDENT, recorded(f"incident#{INCIDENT}", told))
    assert KEY_ID not in text
    assert SECRET not in text
    assert r"failing with \[aws-key\] and password=\[password\]" in text
