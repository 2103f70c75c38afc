"""A person is asked before the investigation where the door's policy says so; observe makes no call before that."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from resilibot.act.approve import answer
from resilibot.act.grants import mac
from resilibot.act.policy import Policy, Rule
from resilibot.act.service import SERVICE
from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, Status, fold
from resilibot.contracts.door_policy import parse
from resilibot.contracts.envelope import Actor
from resilibot.contracts.event import DomainEvent
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.service import On, Service
from resilibot.runtime.testing import INCIDENT, story
from resilibot.runtime.writer import Origin, Writer
from tests.support.act_world import KEY, gathered, opened, plan, ports, rollback
from tests.support.small_house import SmallHouse

STREAM = f"incident#{INCIDENT}"
KIM = "kim@example.org"


@dataclass
class Asked:
    """An incident whose investigation needs approval."""

    house: SmallHouse = field(default_factory=lambda: SmallHouse([(SERVICE, ports())]))

    def __post_init__(self) -> None:
        self.say(opened().model_copy(update={"investigation": "approval", "policy_version": "d1"}))

    def say(self, event: DomainEvent) -> None:
        writer = Writer(self.house.store, Service(event.emitter), self.house.clock)
        writer.write([STREAM], lambda _: [On(STREAM, event)], Origin(Actor(kind="service", id=event.emitter), INCIDENT))
        self.house.pump()

    def answer(self, *, yes: bool, **changes: Any) -> None:
        request = self.request
        given: dict[str, Any] = {"arguments_hash": request.arguments_hash, "approver": KIM, **changes}
        self.say(
            answer(
                self.case,
                request.grant_id,
                is_approval=yes,
                comment="",
                trigger_now=self.house.clock.now(),
                key=KEY,
                **given,
            )
        )

    @property
    def case(self) -> IncidentCase:
        return fold(INCIDENT, self.house.store.load(STREAM).events)

    @property
    def request(self) -> e.ApprovalRequestedV1:
        found: Sequence[Any] = self.house.events(e.ApprovalRequestedV1)
        request: e.ApprovalRequestedV1 = found[-1]
        return request


def test_act_asks_for_the_investigation_itself() -> None:
    asked = Asked()
    assert (asked.request.subject, asked.request.step, asked.request.action_class) == ("investigation", None, "safe")
    assert asked.case.status is Status.PENDING_APPROVAL
    assert asked.case.investigation_state == "approval"


def test_a_grant_starts_it() -> None:
    asked = Asked()
    asked.answer(yes=True)
    (started,) = asked.house.events(e.InvestigationStartedV1)
    assert (started.basis, started.grant_id) == ("grant", asked.request.grant_id)
    assert asked.case.may_look
    assert asked.case.status is Status.OPEN


def test_a_denial_leaves_it_to_a_person() -> None:
    asked = Asked()
    asked.answer(yes=False)
    assert (asked.case.status, asked.case.may_look) == (Status.DENIED, False)
    assert asked.house.events(e.InvestigationStartedV1) == []


def test_no_answer_is_no_permission_and_a_person_is_told() -> None:
    asked = Asked()
    asked.house.advance(901)
    assert asked.house.events(e.IncidentEscalatedV1) == [
        e.IncidentEscalatedV1(reason="approval_expired", detail="nobody answered whether to investigate")
    ]
    assert not asked.case.may_look


def test_a_forged_grant_starts_nothing() -> None:
    asked = Asked()
    forged = e.ApprovalGrantedV1(
        grant_id=asked.request.grant_id,
        arguments_hash=asked.request.arguments_hash,
        approver=KIM,
        mac=mac(b"another key", INCIDENT, asked.request, KIM),
    )
    asked.say(forged)
    assert not asked.case.may_look
    assert asked.house.events(e.IncidentEscalatedV1)[0].reason == "step_blocked"


def test_the_grant_of_an_investigation_permits_no_step() -> None:
    """The plan that comes of it is judged by the gate as any other."""
    asked = Asked()
    asked.answer(yes=True)
    asked.say(gathered())
    asked.say(plan(rollback()))
    assert asked.house.events(e.ActionStartedV1) == []
    assert asked.request.subject == "step"
    assert asked.case.status is Status.PENDING_APPROVAL


def test_reopened_it_asks_again_and_the_old_grant_permits_nothing() -> None:
    asked = Asked()
    asked.answer(yes=True)
    asked.say(gathered())
    first = asked.request.grant_id
    asked.say(e.IncidentReopenedV1(signal=opened().signal, quiet_for_s=1, investigation="approval"))
    assert asked.request.grant_id != first
    assert not asked.case.may_look


def test_agreed_to_under_a_budget_it_waits_for_room_with_the_grant_in_hand() -> None:
    act = replace(ports(), door=parse('{"budget": {"max_concurrent": 1}}'))
    asked = Asked(SmallHouse([(SERVICE, act)], InMemoryEventStore()))
    other = opened().model_copy(update={"investigation": "queued"})
    writer = Writer(asked.house.store, Service("ingest"), asked.house.clock)
    writer.write(["incident#b"], lambda _: [On("incident#b", other)], Origin(Actor(kind="service", id="ingest"), "b"))
    asked.house.pump()
    asked.answer(yes=True)
    assert asked.case.investigation_state == "queued"
    asked.house.advance(901)
    started = asked.house.events(e.InvestigationStartedV1)[-1]
    assert (started.grant_id, asked.case.may_look) == (asked.request.grant_id, True)


def test_room_that_comes_after_the_agreement_was_forged_over_starts_nothing_and_goes_to_the_next() -> None:
    """Found by the simulation: it began with no genuine grant, for the person's own had been revoked meanwhile."""
    act = replace(ports(), door=parse('{"budget": {"max_concurrent": 1}}'))
    asked = Asked(SmallHouse([(SERVICE, act)], InMemoryEventStore()))
    for name in ("b", "c"):
        writer = Writer(asked.house.store, Service("ingest"), asked.house.clock)
        origin = Origin(Actor(kind="service", id="ingest"), name)
        queued = On(f"incident#{name}", opened().model_copy(update={"investigation": "queued"}))
        writer.write([queued.stream], lambda _, queued=queued: [queued], origin)
        asked.house.pump()
        if name == "b":
            asked.answer(yes=True)
    forged = e.ApprovalGrantedV1(
        grant_id=asked.request.grant_id,
        arguments_hash=asked.request.arguments_hash,
        approver=KIM,
        mac=mac(b"another key", INCIDENT, asked.request, KIM),
    )
    asked.say(forged)
    asked.house.advance(2000)
    assert not asked.case.may_look
    assert fold("c", asked.house.store.load("incident#c").events).may_look


@pytest.mark.feature(10)
@pytest.mark.parametrize("auto_approve", [False, True])
def test_a_wish_for_auto_approval_is_a_fact_and_no_authority(auto_approve: bool) -> None:
    told = story(SERVICE, ports()).given(opened().model_copy(update={"auto_approve": auto_approve}), gathered())
    gated, asked = told.when(plan(rollback())).events
    assert isinstance(gated, e.PlanGatedV1)
    assert gated.gates[0].decision == "approval"
    assert isinstance(asked, e.ApprovalRequestedV1)
    assert told.case.auto_approve is auto_approve


@pytest.mark.feature(9)
@pytest.mark.parametrize(("source", "decision"), [("cloudwatch", "blocked"), ("grafana", "approval")])
def test_a_rule_by_source_makes_the_gate_stricter_for_that_source_only(source: str, decision: str) -> None:
    strict = Rule(id="not-from-there", decision="blocked", sources=("cloudwatch",))
    risky = Rule(id="risky-needs-a-person", decision="approval", classes=("risky",))
    told = story(SERVICE, ports(policy=Policy(rules=(risky, strict))))
    told.given(opened().model_copy(update={"source": source}), gathered())
    gated = told.when(plan(rollback())).events[0]
    assert isinstance(gated, e.PlanGatedV1)
    assert gated.gates[0].decision == decision
    assert ("not-from-there" in gated.gates[0].policy_ids) is (decision == "blocked")
