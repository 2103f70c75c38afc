"""Plans: catalogue actions for what was observed, never the same twice, and a stated reason when there is none."""

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.event import DomainEvent
from resilibot.plan.service import SERVICE
from resilibot.reason.diagnose import diagnose
from resilibot.runtime.testing import NOON, Outcome, Story, story
from tests.support.act_world import opened
from tests.support.scene_builder import World

A, B = "i-00000000000000001", "i-00000000000000002"
HUNG = World(silent=[A], errors={"orders": 50, A: 100}, latency={"orders": 300, A: 600})
BAD_RELEASE = World(
    release_lead_s=3, errors={"orders": 50, A: 50, B: 50}, error_lines=[("ERROR release=8 KeyError", None)]
)


def planned(world: World, *before: DomainEvent, round_number: int = 1) -> Outcome:
    told = story(SERVICE).given(opened(), *before)
    gathered = world.gathered(round_number)
    told.given(gathered)
    return told.when(diagnose(told.case, gathered))


def the_plan(outcome: Outcome) -> e.PlanStep:
    (event,) = outcome.events
    assert isinstance(event, e.PlanProposedV1)
    return event.steps[0]


def the_reason(outcome: Outcome) -> str:
    (event,) = outcome.events
    assert isinstance(event, e.NoRemedyFoundV1)
    return event.reason


def test_a_hung_process_is_restarted_on_its_host_only() -> None:
    step = the_plan(planned(HUNG))
    assert (step.action, step.target) == ("ssm.restart_service", f"host/{A}")
    assert step.arguments == {"instance_ids": [A], "unit": "orders.service"}


def test_a_bad_release_is_rolled_back_on_every_host() -> None:
    step = the_plan(planned(BAD_RELEASE))
    assert (step.action, step.target) == ("ssm.rollback_release", "service/orders")
    assert step.arguments == {"instance_ids": [A, B], "unit": "orders.service", "release": "7"}


def with_deployment(world: World) -> e.EvidenceGatheredV1:
    """The same deployment told once more, and later, by its own tool: in words of that tool."""
    gathered = world.gathered(1)
    release = next(item for item in gathered.items if item.kind == "change")
    content = {**(release.content or {}), "what": "deployment of orders by CodeDeploy", "kind": "deploy"}
    content |= {"at": "2026-11-24T12:00:00Z", "before": "s3://b/orders.zip 1", "after": "s3://b/orders.zip 2"}
    told = {"id": "r1.change.2", "source": "codedeploy", "content": content, "content_hash": content_hash(content)}
    return gathered.model_copy(update={"items": [*gathered.items, release.model_copy(update=told)]})


def test_the_release_to_go_back_to_is_the_one_that_the_release_record_names() -> None:
    gathered = with_deployment(BAD_RELEASE)
    told = story(SERVICE).given(opened(), gathered)
    reached = diagnose(told.case, gathered)
    assert reached.hypotheses[0].cause == "bad_release"
    assert the_plan(told.when(reached)).arguments["release"] == "7"


def test_a_deployment_that_only_its_tool_tells_of_is_not_rolled_back_by_guessing() -> None:
    gathered = with_deployment(BAD_RELEASE)
    items = [item for item in gathered.items if item.source != "parameter-store"]
    gathered = gathered.model_copy(update={"items": items})
    told = story(SERVICE).given(opened(), gathered)
    assert the_reason(told.when(diagnose(told.case, gathered))) == "not_in_catalogue"


@pytest.mark.feature(24)
def test_what_was_not_observed_is_not_acted_on() -> None:
    assert the_reason(planned(World(**{**BAD_RELEASE.__dict__, "has_status": False}))) == "not_in_catalogue"


def test_a_cause_without_an_action_has_no_remedy() -> None:
    overload = World(traffic=90, latency={"orders": 400, A: 400, B: 400}, alarm="latency", silent=[])
    outcome = planned(overload, round_number=3)
    assert the_reason(outcome) in ("not_in_catalogue", "inconclusive")


def test_no_fault_means_no_remedy() -> None:
    assert the_reason(planned(World(alarm="queue", spiky=True))) == "no_fault"


def test_what_was_done_once_is_not_proposed_again() -> None:
    step = the_plan(planned(BAD_RELEASE))
    started = _started(step)
    failed = e.ActionFailedV1(action_id="a1", reason="exit 1")
    assert the_reason(planned(BAD_RELEASE, started, failed)) == "already_tried"


def test_nothing_is_planned_while_an_action_runs() -> None:
    step = the_plan(planned(BAD_RELEASE))
    assert planned(BAD_RELEASE, _started(step)).events == []


def test_an_inconclusive_look_is_followed_by_another_before_anyone_is_disturbed() -> None:
    dark = World(has_metrics=False)
    assert planned(dark, round_number=1).events == []
    assert the_reason(planned(dark, round_number=3)) == "inconclusive"


def test_no_fault_for_too_long_is_told_to_a_person() -> None:
    spiky = World(alarm="queue", spiky=True)
    rounds = [spiky.gathered(number) for number in (1, 2, 3)]
    assert the_reason(planned(spiky, *rounds, round_number=4)) == "rounds_spent"


def test_after_a_reopening_the_same_remedy_is_a_new_idea() -> None:
    step = the_plan(planned(BAD_RELEASE))
    done = (BAD_RELEASE.gathered(1), _started(step), e.ActionSucceededV1(action_id="a1", provider_id="p"))
    again = e.IncidentReopenedV1(signal=opened().signal, quiet_for_s=3)
    assert the_reason(planned(BAD_RELEASE, *done, round_number=2)) == "already_tried"
    assert the_plan(planned(BAD_RELEASE, *done, again, round_number=2)).action == "ssm.rollback_release"


def test_an_approval_left_open_before_a_reopening_holds_nothing_up() -> None:
    step = the_plan(planned(BAD_RELEASE))
    asked = (BAD_RELEASE.gathered(1), _asked(step))
    again = e.IncidentReopenedV1(signal=opened().signal, quiet_for_s=3)
    assert planned(BAD_RELEASE, *asked, round_number=2).events == []
    assert the_plan(planned(BAD_RELEASE, *asked, again, round_number=2)).action == "ssm.rollback_release"


def test_a_finished_incident_is_left_alone() -> None:
    told: Story = story(SERVICE).given(opened(), BAD_RELEASE.gathered())
    diagnosis = diagnose(told.case, BAD_RELEASE.gathered())
    told.given(e.IncidentClosedV1(why="person"))
    assert told.when(diagnosis).events == []


def _asked(step: e.PlanStep) -> e.ApprovalRequestedV1:
    return e.ApprovalRequestedV1(
        grant_id="g1",
        round=1,
        step=step,
        action_class="risky",
        arguments_hash=content_hash(step.arguments),
        policy_version="p",
        evidence_revision=2,
        requested_by="act",
        expires_at=NOON,
    )


def _started(step: e.PlanStep) -> e.ActionStartedV1:
    return e.ActionStartedV1(
        action_id="a1",
        round=1,
        step_id=step.id,
        action=step.action,
        target=step.target,
        arguments=step.arguments,
        arguments_hash=content_hash(step.arguments),
        basis="policy",
        grant_id=None,
        policy_version="p",
        client_token="t",
        not_after=NOON,
        lease_s=60,
    )
