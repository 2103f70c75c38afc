"""At the resolution: a postmortem that the log bears out, and people told, with or without one."""

import hashlib

import pytest

from resilibot.contracts import events as e
from resilibot.notify import postmortem
from resilibot.notify.ports import Delivery, Ports
from resilibot.notify.service import SERVICE
from resilibot.notify.settings import NotifySettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.testing import Story, story
from services.notify.tests.test_tell import FakeChannel
from tests.support.act_world import opened
from tests.support.story import INCIDENT_EVENTS

RESOLVED = next(event for event in INCIDENT_EVENTS if isinstance(event, e.IncidentResolvedV1))


def resolving() -> Story:
    store = InMemoryEventStore()
    ports = Ports(NotifySettings(), FakeChannel([Delivery("delivered", 200)]), InMemoryBlobStore(), store)
    told = story(SERVICE, ports)
    told.store = store
    return told.given(opened())


def test_a_resolution_is_written_down_under_its_hash_and_told() -> None:
    told = resolving()
    written, started = told.when(RESOLVED).events
    assert isinstance(written, e.PostmortemWrittenV1)
    assert hashlib.sha256(told.ports.blobs.get(written.ref)).hexdigest() == written.content_hash
    assert isinstance(started, e.NotificationStartedV1)


def test_a_postmortem_that_the_log_does_not_bear_out_is_not_written_and_the_resolution_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def invent(incident_id: str, events: object) -> str:
        raise postmortem.PostmortemRefused("42 stands in none of the named events")

    monkeypatch.setattr(postmortem, "write", invent)
    (started,) = resolving().when(RESOLVED).events
    assert isinstance(started, e.NotificationStartedV1)
    assert started.kind == "resolved"
