"""The gate: what may run by itself, what needs a person, and what is refused whatever anybody says."""

import pytest

from resilibot.act.policy import DEFAULT, Policy, Rule
from resilibot.act.ports import Ports
from resilibot.act.service import SERVICE
from resilibot.act.targets import target_stream, targets_of
from resilibot.contracts import events as e
from resilibot.contracts.evidence import Citation
from resilibot.runtime.service import On
from resilibot.runtime.testing import NOON, Outcome, story
from tests.support.act_world import A, B, gathered, opened, plan, ports, restart, rollback

STRANGER = "i-0000000000000000f"


def gated(step: e.PlanStep, confidence: float = 0.9, using: Ports | None = None, *before: On) -> Outcome:
    told = story(SERVICE, using or ports()).given(opened(), gathered(), *before)
    return told.when(plan(step, confidence))


def decision(outcome: Outcome) -> e.StepGate:
    first = outcome.events[0]
    assert isinstance(first, e.PlanGatedV1)
    return first.gates[0]


def kinds(outcome: Outcome) -> list[str]:
    return [type(i.event if isinstance(i, On) else i).__name__ for i in outcome.events]


def test_a_restart_with_a_healthy_peer_starts_by_policy_and_claims_its_target() -> None:
    outcome = gated(restart())
    assert kinds(outcome) == ["PlanGatedV1", "ActionStartedV1", "TargetClaimedV1"]
    assert decision(outcome).action_class == "safe"
    started = outcome.events[1]
    assert isinstance(started, e.ActionStartedV1)
    assert (started.basis, started.grant_id) == ("policy", None)


def test_a_restart_without_a_healthy_peer_needs_a_person() -> None:
    told = story(SERVICE, ports()).given(opened(), gathered(b=False))
    outcome = told.when(
        plan(
            restart(
                citations=[Citation(evidence_id=i.id, content_hash=i.content_hash) for i in gathered(b=False).items]
            )
        )
    )
    assert kinds(outcome) == ["PlanGatedV1", "ApprovalRequestedV1"]
    assert decision(outcome).action_class == "risky"


def test_a_rollback_needs_a_person() -> None:
    outcome = gated(rollback())
    assert kinds(outcome) == ["PlanGatedV1", "ApprovalRequestedV1"]
    assert decision(outcome).policy_ids == ["risky-needs-a-person"]


def test_low_confidence_needs_a_person_even_for_a_safe_step() -> None:
    assert decision(gated(restart(), confidence=0.69)).policy_ids == ["low-confidence-needs-a-person"]
    assert decision(gated(restart(), confidence=0.7)).decision == "auto"


@pytest.mark.feature(8)
def test_the_owners_policy_makes_it_stricter_and_is_named() -> None:
    strict = Policy(
        rules=(*DEFAULT.rules, Rule(id="no-restarts", decision="blocked", actions=("ssm.restart_service",)))
    )
    outcome = gated(restart(), 0.9, ports(policy=strict))
    assert decision(outcome).decision == "blocked"
    assert "no-restarts" in decision(outcome).policy_ids
    first = outcome.events[0]
    assert isinstance(first, e.PlanGatedV1)
    assert first.policy_version == strict.version != DEFAULT.version


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (restart(action="iam.attach_policy"), "not in the catalogue"),
        (restart(action="ssm.run_command", arguments={"commands": ["id"]}), "not in the catalogue"),
        (restart(arguments={"instance_ids": [A], "unit": "orders.service", "class": "safe"}), "class"),
        (restart(arguments={"instance_ids": [A]}), "unit"),
        (restart(arguments={"instance_ids": A, "unit": "orders.service"}), "instance_ids"),
        (restart(arguments={"instance_ids": [], "unit": "orders.service"}), "instance_ids"),
        (restart(arguments={"instance_ids": [A], "unit": "orders.service; rm -rf x"}), "unit"),
        (restart(arguments={"instance_ids": [A], "unit": "orders.service\n"}), "unit"),
        (restart(arguments={"instance_ids": [A], "unit": "-H root@x.service"}), "unit"),
        (restart(arguments={"instance_ids": [A], "unit": "sshd.service"}), "not on the list"),
        (restart(arguments={"instance_ids": [STRANGER], "unit": "orders.service"}), "not observed"),
        (rollback(arguments={"instance_ids": [A, B], "unit": "orders.service"}), "release"),
        (rollback(arguments={"instance_ids": [A, B], "unit": "orders.service", "release": "6"}), "not observed"),
        (rollback(arguments={"instance_ids": [A, B], "unit": "orders.service", "release": "../7"}), "release"),
        (restart(arguments={"instance_ids": [A], "unit": "orders.service", "release": "7"}), "release"),
        (restart(target=f"host/{B}"), "not what the arguments act on"),
        (restart(target="service/billing"), "not what the arguments act on"),
        (restart(citations=[Citation(evidence_id="r9.status.1", content_hash="0" * 64)]), "not recorded"),
    ],
)
def test_what_is_outside_of_the_catalogue_is_blocked_and_escalated(step: e.PlanStep, why: str) -> None:
    outcome = gated(step)
    assert kinds(outcome) == ["PlanGatedV1", "IncidentEscalatedV1"]
    assert decision(outcome).decision == "blocked"
    assert why in decision(outcome).reasons[0]


def test_a_target_with_an_open_action_is_left_alone() -> None:
    claimed = e.TargetClaimedV1(incident_id="other", action_id="a0", action="ssm.restart_service")
    outcome = gated(restart(), 0.9, None, On(target_stream(f"host/{A}"), claimed))
    assert decision(outcome).decision == "blocked"
    assert "a0 is open" in decision(outcome).reasons[-1]


def test_a_target_in_cooldown_is_left_alone() -> None:
    released = e.TargetReleasedV1(
        incident_id="other",
        action_id="a0",
        action="ssm.restart_service",
        outcome="succeeded",
        cooldown_until=NOON.replace(hour=13),
    )
    outcome = gated(restart(), 0.9, None, On(target_stream(f"host/{A}"), released))
    assert "cooldown" in decision(outcome).reasons[-1]


def test_a_plan_for_a_finished_incident_starts_nothing() -> None:
    told = story(SERVICE, ports()).given(opened(), gathered(), e.IncidentClosedV1(why="person"))
    assert told.when(plan(restart())).events == []


def test_a_plan_that_newer_evidence_has_overtaken_starts_nothing() -> None:
    told = story(SERVICE, ports()).given(opened(), gathered(), gathered().model_copy(update={"round": 2}))
    assert told.when(plan(restart())).events == []


def test_a_plan_from_before_a_reopening_starts_nothing() -> None:
    proposed = plan(restart())
    again = e.IncidentReopenedV1(signal=opened().signal, quiet_for_s=3)
    told = story(SERVICE, ports()).given(opened(), gathered(), proposed, again)
    assert told.case.plan is None


def test_no_restart_while_an_action_is_open_on_the_peer_that_would_carry_the_load() -> None:
    claimed = e.TargetClaimedV1(incident_id="other", action_id="a0", action="ssm.restart_service")
    outcome = gated(restart(), 0.9, None, On(target_stream(f"host/{B}"), claimed))
    assert decision(outcome).decision == "blocked"
    assert f"host/{B}" in decision(outcome).reasons[-1]


def test_an_action_on_a_service_locks_each_of_its_hosts() -> None:
    told = story(SERVICE, ports()).given(opened(), gathered())
    gate, request = told.when(plan(rollback())).events
    assert isinstance(gate, e.PlanGatedV1)
    assert isinstance(request, e.ApprovalRequestedV1)
    assert targets_of(request.step) == ["service/orders", f"host/{A}", f"host/{B}"]
