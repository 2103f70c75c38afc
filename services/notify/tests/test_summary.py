"""When many incidents open at once one message tells them all: each incident once, none forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts.envelope import Actor
from resilibot.contracts.signal import Severity
from resilibot.notify.ports import Delivery, Ports
from resilibot.notify.service import SERVICE
from resilibot.notify.settings import NotifySettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.service import On, Service
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Origin, Writer
from tests.support.act_world import opened
from tests.support.small_house import SmallHouse


@dataclass
class Channel:
    answers: list[Delivery] = field(default_factory=lambda: [Delivery("delivered", 202, "r")])
    sent: list[dict[str, Any]] = field(default_factory=list)
    name: str = "webhook"

    def send(self, key: str, message: Mapping[str, Any]) -> Delivery:
        self.sent.append(dict(message))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Office:
    """Notify alone, told of openings."""

    def __init__(self, redeliver: int = 1, **changes: Any) -> None:
        self.channel, store = Channel(), InMemoryEventStore()
        made = NotifySettings(**{"summary_above": 3, "summary_window_s": 60, **changes})
        ports = Ports(made, self.channel, InMemoryBlobStore(), store)
        self.house = SmallHouse([(SERVICE, ports)], store, ManualClock(NOON), redeliver=redeliver)
        self.opened: list[str] = []

    def open(self, severity: Severity = Severity.HIGH) -> str:
        name = f"i{len(self.opened):03}"
        self.opened.append(name)
        event = opened().model_copy(update={"severity": severity, "title": f"trouble {name}"})
        writer = Writer(self.house.store, Service("ingest"), self.house.clock)
        stream = f"incident#{name}"
        writer.write([stream], lambda _: [On(stream, event)], Origin(Actor(kind="service", id="ingest"), name))
        self.house.pump()
        return name

    def told(self) -> list[list[str]]:
        """The incidents of each message."""
        return [message.get("incidents", [message["incident_id"]]) for message in self.channel.sent]


@pytest.mark.parametrize("redeliver", [1, 3])
def test_the_first_are_told_singly_and_the_others_in_one_message_at_the_end_of_the_window(redeliver: int) -> None:
    office = Office(redeliver)
    names = [office.open() for _ in range(40)]
    assert office.told() == [[name] for name in names[:3]]
    office.house.advance(61)
    assert office.told()[3:] == [names[3:]]
    summary = office.channel.sent[3]
    assert summary["type"] == "incident.summary"
    assert summary["title"] == "37 incidents opened"
    assert "37 HIGH" in summary["text"]
    assert "and 17 more" in summary["text"]
    office.house.advance(600)
    assert len(office.channel.sent) == 4


@pytest.mark.parametrize(("spares", "messages"), [(True, 5), (False, 4)])
def test_critical_ones_are_told_by_themselves_unless_the_owner_wants_otherwise(spares: bool, messages: int) -> None:
    office = Office(summary_spares_critical=spares)
    for _ in range(10):
        office.open()
    name = office.open(Severity.CRITICAL)
    assert ([name] in office.told()) is spares
    office.house.advance(61)
    assert len(office.channel.sent) == messages


def test_few_incidents_are_told_singly_for_ever() -> None:
    office = Office()
    for _ in range(12):
        office.open()
        office.house.advance(30)
    assert [len(told) for told in office.told()] == [1] * 12


def test_after_a_summary_another_count_begins() -> None:
    office = Office()
    for _ in range(5):
        office.open()
    office.house.advance(61)
    for _ in range(4):
        office.open()
    office.house.advance(61)
    assert [len(told) for told in office.told()] == [1, 1, 1, 2, 1, 1, 1, 1]


def test_switched_off_each_is_told() -> None:
    office = Office(summary_above=0)
    for _ in range(30):
        office.open()
    assert len(office.channel.sent) == 30
    assert office.house.events(stream="control#") == []


def test_a_summary_that_did_not_arrive_is_tried_again() -> None:
    office = Office()
    names = [office.open() for _ in range(5)]
    office.channel.answers = [Delivery("unavailable", 503, detail="503"), Delivery("delivered", 202, "r")]
    office.house.advance(120)
    assert office.told()[3:] == [names[3:], names[3:]]
    assert [n.state for c in office.house.cases() for n in c.notifications.values()].count("failed") == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 200)), max_size=12), st.integers(1, 2))
def test_every_opening_is_told_exactly_once(bursts: list[tuple[int, int]], redeliver: int) -> None:
    office = Office(redeliver)
    for burst, pause in bursts:
        for _ in range(burst):
            office.open()
        office.house.advance(pause)
    office.house.advance(200)
    told = [name for message in office.told() for name in message]
    assert sorted(told) == sorted(office.opened)
