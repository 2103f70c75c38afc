"""Nothing waits for ever: an incident in which nothing happens is told to a person, once."""

from datetime import timedelta

from resilibot.act.service import SERVICE
from resilibot.contracts import events as e
from resilibot.runtime.service import After
from resilibot.runtime.testing import NOON, story
from tests.support.act_world import gathered, opened, plan, ports, restart

STALL_S = 1800


def test_silence_is_told_to_a_person() -> None:
    told = story(SERVICE, ports()).given(opened(), gathered())
    (escalated,) = told.when_due("stalled", opened(), after_s=STALL_S + 5).events
    assert isinstance(escalated, e.IncidentEscalatedV1)
    assert escalated.reason == "stalled"
    told.given(escalated)
    assert told.when_due("stalled", opened(), after_s=2 * STALL_S).events == []


def test_progress_is_given_its_time() -> None:
    told = story(SERVICE, ports()).given(opened())
    told.clock.advance(STALL_S - 100)
    told.given(gathered())
    (later,) = told.when_due("stalled", opened(), after_s=STALL_S).events
    assert isinstance(later, After)
    assert STALL_S - 110 < later.seconds < STALL_S - 90


def test_a_person_who_is_asked_has_the_time_of_the_approval() -> None:
    told = story(SERVICE, ports()).given(opened(), gathered(b=False))
    request = e.ApprovalRequestedV1(
        grant_id="g1",
        round=1,
        step=restart(),
        action_class="risky",
        arguments_hash="0" * 64,
        policy_version="p",
        evidence_revision=2,
        requested_by="act",
        expires_at=NOON + timedelta(hours=8),
    )
    told.given(plan(restart()), request)
    (later,) = told.when_due("stalled", opened(), after_s=STALL_S + 60).events
    assert later == After("stalled", STALL_S)


def test_a_finished_incident_is_not_watched() -> None:
    told = story(SERVICE, ports()).given(opened(), e.IncidentClosedV1(why="person"))
    assert told.when_due("stalled", opened(), after_s=STALL_S + 60).events == []
