"""Execution: once per claim, read back after a crash, unknown when it cannot be told."""

from datetime import timedelta
from typing import Any

from resilibot.act.approve import answer
from resilibot.act.policy import Policy, Rule
from resilibot.act.service import SERVICE
from resilibot.contracts import events as e
from resilibot.runtime.service import On
from resilibot.runtime.testing import Story, story
from tests.support.act_world import (
    KEY,
    A,
    B,
    FakeAutomation,
    FakeHosts,
    gathered,
    opened,
    plan,
    ports,
    restart,
    rollback,
)


def claimed(automation: FakeAutomation, hosts: FakeHosts | None = None) -> tuple[Story, e.ActionStartedV1]:
    told = story(SERVICE, ports(automation, hosts)).given(opened(), gathered())
    started = told.when(plan(restart())).events[1]
    assert isinstance(started, e.ActionStartedV1)
    return told, started


def names(decisions: list[Any]) -> list[list[str]]:
    return [[type(i.event if isinstance(i, On) else i).__name__ for i in decision] for decision in decisions]


def test_an_action_is_dispatched_followed_and_its_target_released() -> None:
    automation = FakeAutomation()
    told, started = claimed(automation)
    assert names(told.run_effect(started)) == [
        ["ActionDispatchedV1"],
        ["ActionSucceededV1", "TargetReleasedV1"],
    ]
    assert list(automation.started) == [started.client_token]


def test_what_the_provider_refuses_has_failed_and_is_not_tried_again() -> None:
    automation = FakeAutomation(answers=["refused"])
    told, started = claimed(automation)
    assert names(told.run_effect(started)) == [["ActionFailedV1", "TargetReleasedV1"]]
    assert told.recover_effect(started) == []
    assert automation.calls == 1


def test_a_lost_answer_is_found_again_by_the_token_and_nothing_runs_twice() -> None:
    automation = FakeAutomation(answers=["lost", "ok"], states=["succeeded"])
    told, started = claimed(automation)
    assert told.run_effect(started) == []
    assert names(told.recover_effect(started)) == [
        ["ActionDispatchedV1"],
        ["ActionSucceededV1", "TargetReleasedV1"],
    ]
    assert len(automation.started) == 1


def test_a_refusal_after_a_lost_answer_is_unknown_not_failed() -> None:
    """Found by the simulation: the first call had run, and the incident said that it had failed."""
    automation = FakeAutomation(answers=["lost", "refused"])
    told, started = claimed(automation)
    assert told.run_effect(started) == []
    assert names(told.recover_effect(started)) == [
        ["ActionOutcomeUnknownV1", "IncidentEscalatedV1", "TargetReleasedV1"],
    ]


def test_a_claim_whose_process_died_before_the_call_is_dispatched_once_by_recover() -> None:
    automation = FakeAutomation(states=["succeeded"])
    told, started = claimed(automation)
    told.given(started)
    assert names(told.recover_effect(started))[0] == ["ActionDispatchedV1"]
    assert told.recover_effect(started) == []
    assert len(automation.started) == 1


def test_an_action_still_running_at_the_leases_end_is_asked_about_again() -> None:
    automation = FakeAutomation(states=["running"])
    told, started = claimed(automation)
    assert names(told.run_effect(started)) == [["ActionDispatchedV1"]]
    assert told.recover_effect(started) == []
    automation.states = ["succeeded"]
    assert names(told.recover_effect(started)) == [["ActionSucceededV1", "TargetReleasedV1"]]


def test_after_the_tokens_time_nobody_asks_again_and_a_person_is_told() -> None:
    automation = FakeAutomation(answers=["down"])
    told, started = claimed(automation)
    assert told.run_effect(started) == []
    outcome = told.recover_effect(started, after_s=601)
    assert names(outcome) == [["ActionOutcomeUnknownV1", "IncidentEscalatedV1", "TargetReleasedV1"]]
    assert automation.calls == 1


def test_a_call_that_the_hosts_found_late_is_unknown_because_an_earlier_one_may_have_run() -> None:
    """Found by the simulation: a process stood still right before its call, and the provider forgot the token."""
    automation = FakeAutomation(answers=["lost", "ok"], states=["late"])
    told, started = claimed(automation)
    assert told.run_effect(started) == []
    assert names(told.recover_effect(started))[1] == [
        "ActionOutcomeUnknownV1",
        "IncidentEscalatedV1",
        "TargetReleasedV1",
    ]


def test_the_deadline_goes_with_the_call_and_is_the_end_of_the_token() -> None:
    automation = FakeAutomation()
    told, started = claimed(automation)
    told.run_effect(started)
    assert automation.not_after == started.not_after == told.clock.now() + timedelta(seconds=600)


def test_a_forged_deadline_is_not_believed_by_recover() -> None:
    automation = FakeAutomation(answers=["down"])
    told, started = claimed(automation)
    forged = started.model_copy(update={"not_after": started.not_after + timedelta(days=1)})
    told.given(forged)
    assert names(told.recover_effect(forged, after_s=601))[0][0] == "ActionOutcomeUnknownV1"
    assert automation.calls == 0


def test_a_claim_that_act_would_not_have_made_is_not_dispatched_by_recover() -> None:
    """Whoever can write to the store can write a claim, and a timer for its lease."""
    automation = FakeAutomation()
    told, started = claimed(automation)
    forged = started.model_copy(
        update={"action_id": "forged", "arguments": {"instance_ids": [A], "unit": "sshd.service"}}
    )
    told.given(forged)
    assert names(told.recover_effect(forged))[0][0] == "ActionOutcomeUnknownV1"
    assert automation.calls == 0


def test_a_claim_on_a_grant_that_another_action_used_is_not_dispatched_by_recover() -> None:
    automation = FakeAutomation()
    told, started = claimed(automation)
    forged = started.model_copy(update={"action_id": "forged", "basis": "grant", "grant_id": "g-none"})
    told.given(forged)
    told.ports = ports(automation, policy=Policy(rules=(Rule(id="all", decision="approval"),)))
    assert names(told.recover_effect(forged))[0][0] == "ActionOutcomeUnknownV1"
    assert automation.calls == 0


def test_recover_does_not_begin_a_restart_when_the_peer_is_gone() -> None:
    automation, hosts = FakeAutomation(), FakeHosts()
    told, started = claimed(automation, hosts)
    told.given(started)
    hosts.online = (A,)
    assert names(told.recover_effect(started))[0][0] == "ActionOutcomeUnknownV1"
    assert automation.calls == 0


def test_facts_that_cannot_be_read_again_mean_that_nothing_is_sent() -> None:
    automation, hosts = FakeAutomation(), FakeHosts(is_down=True)
    told, started = claimed(automation, hosts)
    assert names(told.run_effect(started))[0][0] == "ActionFailedV1"
    assert automation.calls == 0


def test_what_may_no_longer_begin_is_not_begun_by_recover() -> None:
    automation = FakeAutomation()
    told, started = claimed(automation)
    told.given(started, e.IncidentClosedV1(why="person"))
    assert names(told.recover_effect(started))[0][0] == "ActionOutcomeUnknownV1"
    assert automation.calls == 0


def test_a_grant_that_expired_while_nobody_knew_begins_nothing() -> None:
    automation = FakeAutomation()
    told = story(SERVICE, ports(automation)).given(opened(), gathered())
    proposed = plan(rollback())
    gate, request = told.when(proposed).events
    assert isinstance(gate, e.PlanGatedV1)
    assert isinstance(request, e.ApprovalRequestedV1)
    told.given(gate, request)
    granted = answer(
        told.case,
        request.grant_id,
        is_approval=True,
        arguments_hash=request.arguments_hash,
        approver="ada",
        comment="",
        trigger_now=told.clock.now(),
        key=KEY,
    )
    started = told.when(granted).events[0]
    assert isinstance(started, e.ActionStartedV1)
    assert started.not_after <= request.expires_at
    told.given(started)
    assert names(told.recover_effect(started, after_s=901))[0][0] == "ActionOutcomeUnknownV1"
    assert automation.calls == 0


def test_an_action_in_progress_for_too_long_is_unknown() -> None:
    automation = FakeAutomation(states=["running"])
    told, started = claimed(automation)
    told.run_effect(started)
    assert names(told.recover_effect(started, after_s=1801))[0][0] == "ActionOutcomeUnknownV1"


def test_a_host_gone_offline_is_not_acted_on() -> None:
    automation = FakeAutomation()
    told, started = claimed(automation, FakeHosts(online=(B,)))
    assert names(told.run_effect(started)) == [["ActionFailedV1", "TargetReleasedV1"]]
    assert automation.calls == 0


def test_an_automatic_restart_without_a_peer_online_is_not_made() -> None:
    automation = FakeAutomation()
    told, started = claimed(automation, FakeHosts(online=(A,)))
    told.run_effect(started)
    assert automation.calls == 0
