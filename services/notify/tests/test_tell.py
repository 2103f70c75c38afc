"""Messages: one claim each, tried again when that is safe to say, marked when it may arrive twice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.notify.adapters.webhook import UnsafeTarget, check_target
from resilibot.notify.ports import Delivery, Ports
from resilibot.notify.service import SERVICE
from resilibot.notify.settings import NotifySettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.personal import InMemorySubjectKeys, Personal
from resilibot.runtime.service import On
from resilibot.runtime.testing import Story, story
from tests.support.act_world import opened


@dataclass
class FakeChannel:
    answers: list[Delivery]
    name: str = "webhook"
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def send(self, key: str, message: Mapping[str, Any]) -> Delivery:
        self.sent.append((key, dict(message)))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def told(*answers: Delivery) -> tuple[Story, FakeChannel]:
    channel = FakeChannel(list(answers))
    ports = Ports(NotifySettings(), channel, InMemoryBlobStore(), InMemoryEventStore())
    return story(SERVICE, ports), channel


def claim(of: Story) -> e.NotificationStartedV1:
    started, counted = of.when(opened()).events
    assert isinstance(started, e.NotificationStartedV1)
    assert isinstance(counted, On)
    return started


def test_an_opened_incident_is_told_once_under_its_own_key() -> None:
    incident, channel = told(Delivery("delivered", 202, "remote-1"))
    started = claim(incident)
    ((sent,),) = incident.run_effect(started)
    assert sent == e.NotificationSentV1(notification_id=started.notification_id, remote_id="remote-1", status=202)
    ((key, message),) = channel.sent
    assert key == started.notification_id
    assert message["incident_id"] == incident.incident_id


def test_without_a_channel_nobody_is_told_and_nothing_is_claimed() -> None:
    ports = Ports(NotifySettings(), None, InMemoryBlobStore(), InMemoryEventStore())
    assert story(SERVICE, ports).when(opened()).events == []


def test_what_is_unavailable_is_tried_again_with_a_new_claim() -> None:
    incident, _ = told(Delivery("unavailable", 503, detail="HTTP 503"))
    ((failed,),) = incident.run_effect(claim(incident))
    assert isinstance(failed, e.NotificationFailedV1)
    assert not failed.is_final
    (again,) = incident.when_due("retry", failed).events
    assert isinstance(again, e.NotificationStartedV1)
    assert (again.attempt, again.may_duplicate) == (2, False)


def test_what_is_refused_is_final() -> None:
    incident, _ = told(Delivery("refused", 404, detail="HTTP 404"))
    ((failed,),) = incident.run_effect(claim(incident))
    assert isinstance(failed, e.NotificationFailedV1)
    assert failed.is_final


def test_what_may_have_arrived_is_repeated_and_says_so() -> None:
    incident, _ = told(Delivery("unclear", detail="ReadTimeout"))
    ((failed,),) = incident.run_effect(claim(incident))
    assert isinstance(failed, e.NotificationFailedV1)
    (again,) = incident.when_due("retry", failed).events
    assert isinstance(again, e.NotificationStartedV1)
    assert again.may_duplicate


def test_a_claim_without_outcome_at_its_leases_end_is_unclear_and_not_sent_by_recover() -> None:
    incident, channel = told(Delivery("delivered", 200))
    started = claim(incident)
    incident.given(started)
    ((failed,),) = incident.recover_effect(started)
    assert isinstance(failed, e.NotificationFailedV1)
    assert failed.reason.startswith("outcome unknown")
    assert channel.sent == []


def test_it_gives_up_after_the_last_attempt() -> None:
    incident, _ = told(Delivery("unavailable", 503, detail="HTTP 503"))
    event: Any = claim(incident)
    for _ in range(3):
        ((failed,),) = incident.run_effect(event)
        (event,) = incident.when_due("retry", failed).events
    ((last,),) = incident.run_effect(event)
    assert isinstance(last, e.NotificationFailedV1)
    assert last.is_final


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook",
        "https://127.0.0.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://10.0.0.1/hook",
        "https://2130706433/hook",
        "http://93.184.216.34/hook",
    ],
)
def test_an_address_that_is_not_public_https_is_refused(url: str) -> None:
    with pytest.raises(UnsafeTarget):
        check_target(url, allow_loopback=False)


def test_loopback_is_possible_when_allowed_and_only_that() -> None:
    check_target("http://127.0.0.1:9/hook", allow_loopback=True)
    with pytest.raises(UnsafeTarget):
        check_target("https://10.0.0.1/hook", allow_loopback=True)


@pytest.mark.feature(214)
def test_a_message_shows_names_as_they_may_be_read_at_that_moment() -> None:
    personal = Personal(InMemorySubjectKeys())
    channel, history = FakeChannel([Delivery("delivered", 202, "remote-1")]), InMemoryEventStore()
    ports = Ports(NotifySettings(), channel, InMemoryBlobStore(), history, personal.reveal)
    incident = Story(SERVICE, ports, store=history)
    incident.given(opened())
    detail = f"the change by {personal.identity('kim@example.org')} cannot be undone"
    (started,) = incident.when(e.IncidentEscalatedV1(reason="step_blocked", detail=detail)).events
    assert isinstance(started, e.NotificationStartedV1)
    incident.run_effect(started)
    assert "the change by kim@example.org cannot be undone" in channel.sent[0][1]["text"]
    personal.forget("kim@example.org")
    incident.run_effect(started)
    assert "the change by [erased] cannot be undone" in channel.sent[1][1]["text"]
