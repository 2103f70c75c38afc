"""The budget of investigations: never more than the limit, most severe first, and nobody waits for ever."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.act.budget import AT_ONCE, BUDGET, fold_budget
from resilibot.act.service import SERVICE
from resilibot.contracts import events as e
from resilibot.contracts.case import fold
from resilibot.contracts.door_policy import parse
from resilibot.contracts.envelope import Actor
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.signal import Severity
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.service import On, Service
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Origin, Writer
from tests.support.act_world import opened, plan, ports, restart
from tests.support.small_house import SmallHouse


@dataclass
class Desk:
    """Act alone, under a budget; others are played by hand."""

    house: SmallHouse

    @classmethod
    def under(cls, budget: str) -> "Desk":
        clock = ManualClock(NOON)
        made = replace(ports(), door=parse(f'{{"budget": {budget}}}'))
        return cls(SmallHouse([(SERVICE, made)], InMemoryEventStore(), clock))

    def open(self, name: str, severity: Severity = Severity.HIGH, investigation: str = "queued") -> None:
        event = opened().model_copy(update={"severity": severity, "investigation": investigation})
        self.say(name, event)

    def say(self, name: str, event: DomainEvent) -> None:
        stream = f"incident#{name}"
        writer = Writer(self.house.store, Service(event.emitter), self.house.clock)
        writer.write([stream], lambda _: [On(stream, event)], Origin(Actor(kind="service", id=event.emitter), name))
        self.house.pump()

    def verdict(self, name: str) -> None:
        self.say(name, plan(restart()))

    def state(self, name: str) -> str:
        return fold(name, self.house.store.load(f"incident#{name}").events).investigation_state

    @property
    def running(self) -> list[str]:
        return list(fold_budget(self.house.store.load(BUDGET).events).held)


def test_without_a_budget_nothing_is_read_or_written() -> None:
    desk = Desk(SmallHouse([(SERVICE, ports())]))
    desk.open("a", investigation="auto")
    assert desk.house.events(stream="control#") == []
    assert desk.house.events(e.InvestigationStartedV1) == []


def test_what_was_queued_under_a_budget_that_is_gone_starts() -> None:
    desk = Desk(SmallHouse([(SERVICE, ports())]))
    desk.open("a")
    assert desk.state("a") == "started"


@pytest.mark.feature(145)
def test_beyond_the_limit_it_waits_says_why_and_starts_by_itself_at_the_verdict_of_another() -> None:
    desk = Desk.under('{"max_concurrent": 2}')
    for name in "abc":
        desk.open(name)
    assert [desk.state(name) for name in "abc"] == ["started", "started", "queued"]
    (queued,) = desk.house.events(e.InvestigationQueuedV1)
    assert queued == e.InvestigationQueuedV1(reason="2 investigations run at once", ahead=0)
    desk.house.clock.advance(30)
    desk.verdict("a")
    assert desk.state("c") == "started"
    assert desk.house.events(e.InvestigationStartedV1)[-1].waited_s == 30


def test_most_severe_first_then_oldest() -> None:
    desk = Desk.under('{"max_concurrent": 1}')
    desk.open("first")
    for name, severity in (("low", "LOW"), ("high1", "HIGH"), ("high2", "HIGH"), ("critical", "CRITICAL")):
        desk.house.clock.advance(1)
        desk.open(name, Severity(severity))
    order = []
    for _ in range(5):
        (name,) = desk.running
        order.append(name)
        desk.verdict(name)
    assert order == ["first", "critical", "high1", "high2", "low"]
    assert [event.ahead for event in desk.house.events(e.InvestigationQueuedV1)] == [0, 0, 1, 0]


def test_whoever_waited_half_an_hour_goes_first_whatever_is_more_severe() -> None:
    desk = Desk.under('{"max_concurrent": 1, "lease_s": 80000}')
    desk.open("first")
    desk.open("low", Severity.LOW)
    desk.house.clock.advance(1800)
    desk.open("critical", Severity.CRITICAL)
    desk.verdict("first")
    assert desk.running == ["low"]


def test_an_investigation_without_a_verdict_holds_back_nobody_after_its_lease() -> None:
    desk = Desk.under('{"max_concurrent": 1, "lease_s": 100}')
    desk.open("stuck")
    desk.open("next")
    desk.house.advance(99)
    assert desk.state("next") == "queued"
    desk.house.advance(2)
    assert desk.state("next") == "started"
    assert [event.why for event in desk.house.events(e.SlotReleasedV1)] == ["lease"]


def test_room_that_came_with_time_goes_to_whoever_waits_not_to_whoever_comes() -> None:
    """The lease has ended, and its timer has not fired yet."""
    desk = Desk.under('{"max_concurrent": 1, "lease_s": 100}')
    desk.open("stuck")
    desk.open("waits")
    desk.house.clock.advance(101)
    desk.open("comes")
    assert [desk.state(name) for name in ("waits", "comes")] == ["started", "queued"]


def test_a_place_given_to_an_incident_that_is_over_is_passed_on() -> None:
    desk = Desk.under('{"max_concurrent": 1}')
    for name in ("first", "closed1", "closed2", "last"):
        desk.open(name)
    desk.say("closed1", e.IncidentClosedV1(why="person"))
    desk.say("closed2", e.IncidentClosedV1(why="person"))
    desk.verdict("first")
    assert desk.state("last") == "started"
    assert desk.running == ["last"]


def test_a_limit_per_hour_makes_room_again_by_itself() -> None:
    desk = Desk.under('{"per_hour": 2}')
    for name in "abc":
        desk.open(name)
    for name in "ab":
        desk.verdict(name)
    assert desk.state("c") == "queued"
    desk.house.advance(3590)
    assert desk.state("c") == "queued"
    desk.house.advance(20)
    assert desk.state("c") == "started"


def test_room_for_many_is_given_in_commits_that_the_store_can_take() -> None:
    desk = Desk.under('{"per_hour": 50}')
    for number in range(130):
        desk.open(f"i{number:03}")
        if desk.state(f"i{number:03}") == "started":
            desk.verdict(f"i{number:03}")
    assert sum(desk.state(f"i{number:03}") == "queued" for number in range(130)) == 80
    desk.house.advance(3601)
    assert sum(desk.state(f"i{number:03}") == "queued" for number in range(130)) == 30
    desk.house.advance(3601)
    assert sum(desk.state(f"i{number:03}") == "queued" for number in range(130)) == 0
    commits = desk.house.store.commits(BUDGET)
    assert max(len(commit.bodies) for commit in commits) <= AT_ONCE + 1


def test_when_the_budget_is_taken_away_all_that_wait_start() -> None:
    desk = Desk.under('{"max_concurrent": 1}')
    names = [f"i{number:03}" for number in range(3 * AT_ONCE)]
    for name in names:
        desk.open(name)
    desk.house = SmallHouse([(SERVICE, ports())], desk.house.store, desk.house.clock)
    desk.house.advance(901)
    assert {desk.state(name) for name in names} == {"started"}
    assert max(len(commit.bodies) for commit in desk.house.store.commits(BUDGET)) <= AT_ONCE + 1


def test_recorded_costs_count_against_the_money_of_the_hour() -> None:
    desk = Desk.under('{"usd_per_hour": "1.00"}')
    desk.open("a")
    reasoner = e.Reasoner(name="llm", version="1", cost_usd="1.25")
    desk.say(
        "a",
        e.DiagnosisReachedV1(
            round=1, outcome="inconclusive", summary="?", confidence=0, hypotheses=[], findings=[], reasoner=reasoner
        ),
    )
    desk.say("a", e.NoRemedyFoundV1(round=1, reason="inconclusive", detail="?"))
    assert desk.house.events(e.SlotReleasedV1)[-1].cost_usd == "1.25"
    desk.open("b")
    assert desk.state("b") == "queued"
    desk.house.advance(3601)
    assert desk.state("b") == "started"


def test_a_reopened_incident_under_a_budget_waits_and_starts_anew() -> None:
    desk = Desk.under('{"max_concurrent": 1}')
    desk.open("a")
    desk.verdict("a")
    reopened = e.IncidentReopenedV1(signal=opened().signal, quiet_for_s=1, investigation="queued")
    desk.open("b")
    desk.say("a", reopened)
    assert desk.state("a") == "queued"
    desk.verdict("b")
    assert desk.state("a") == "started"


def test_one_that_is_reopened_while_it_still_has_its_place_starts_at_once() -> None:
    desk = Desk.under('{"max_concurrent": 1}')
    desk.open("a")
    desk.say("a", e.IncidentReopenedV1(signal=opened().signal, quiet_for_s=1, investigation="queued"))
    assert desk.state("a") == "started"


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from(list(Severity))),
        st.tuples(st.just("verdict"), st.integers(0, 9)),
        st.tuples(st.just("close"), st.integers(0, 30)),
        st.tuples(st.just("advance"), st.integers(1, 2000)),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(ACTS, st.integers(1, 3), st.sampled_from([None, 4]))
def test_the_limit_holds_at_every_moment_and_in_the_end_everybody_was_served(
    acts: Sequence[tuple[str, Any]], at_once: int, per_hour: int | None
) -> None:
    limits = {"max_concurrent": at_once, "lease_s": 300, "per_hour": per_hour}
    desk = Desk.under(json.dumps(limits))
    names: list[str] = []
    over: set[str] = set()
    for act, what in acts:
        if act == "open":
            names.append(f"i{len(names):02}")
            desk.open(names[-1], what)
        elif act == "verdict" and desk.running:
            desk.verdict(desk.running[what % len(desk.running)])
        elif act == "close" and names:
            over.add(names[what % len(names)])
            desk.say(names[what % len(names)], e.IncidentClosedV1(why="person"))
        elif act == "advance":
            desk.house.advance(what)
        assert len(desk.running) <= at_once
    desk.house.advance(20 * 3600)
    assert {desk.state(name) for name in names if name not in over} <= {"started"}
    assert desk.running == []
