"""Earlier incidents like this one: found by their evidence, told with what is alike, never from the future."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilibot.contracts import events as e
from resilibot.contracts.evidence import CONTENT, EvidenceItem, SimilarIncidentContent
from resilibot.contracts.similar import (
    KEPT,
    LEAST_ALIKE,
    LEAST_SCORE,
    NAMED,
    WEIGHTS,
    Likeness,
    Past,
    Remembered,
    how_much,
    likeness_of,
    past_of,
    remembered,
    score,
    similar,
)
from resilibot.observe.itemise import Found
from resilibot.observe.past import MOST, PastFound, compared
from resilibot.observe.ports import SourceFailed
from resilibot.observe.service import SERVICE
from resilibot.projections.views import row
from resilibot.runtime.testing import NOON, story
from tests.support.act_world import opened
from tests.support.past_incidents import FAULTS, case_of, lived, past_of_case
from tests.support.synthetic import incident_id

from .test_gather import FakeWorld, looking

pytestmark = pytest.mark.feature(113)
SERVICES = ("orders", "payments")
FIRST = {(f, s): lived(f, s, 1, number=n) for n, (f, s) in enumerate((f, s) for f in FAULTS for s in SERVICES)}
PAST = [past_of_case(case_of(told)) for told in FIRST.values()]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault", FAULTS)
def test_of_a_second_occurrence_the_first_is_found_first(fault: str, service: str) -> None:
    """Held out: other hosts, another release, other noise. The five faults of two services are all in the past."""
    second = case_of(lived(fault, service, 2, number=50))
    found = similar(_seen(second), second.opened_at, PAST)
    assert 1 <= len(found) <= NAMED
    assert found[0].incident_id == FIRST[fault, service][0]
    assert f"service: {service}" in found[0].alike
    assert any(text.startswith(("logs: ", "metrics: ")) for text in found[0].alike)
    assert {FIRST[other, service][0] for other in FAULTS if other != fault}.isdisjoint(
        {one.incident_id for one in found}
    ), "another fault of the same service is not similar"


def test_the_same_fault_in_another_service_is_found_by_its_evidence() -> None:
    second = case_of(lived("hung", "catalogue", 2, number=50))
    found = similar(_seen(second), second.opened_at, PAST)
    assert {one.incident_id for one in found} == {FIRST["hung", service][0] for service in SERVICES}
    assert all(LEAST_SCORE <= one.score < 0.8 for one in found)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_incident_of_another_kind_and_service_is_called_similar(fault: str) -> None:
    second = case_of(lived(fault, "catalogue", 2, number=50))
    others = [past_of_case(case_of(told)) for (f, _), told in FIRST.items() if f != fault]
    assert similar(_seen(second), second.opened_at, others) == []


def test_the_same_alarm_on_the_same_resource_is_not_enough() -> None:
    """Of two incidents nothing is known but their alarm: that it fired before says nothing about why."""
    bare = likeness_of([opened().signal], opened().resource, [])
    before = Past(incident_id="A", opened_at=NOON - timedelta(days=1), remembered=Remembered(likeness=bare))
    assert (score(bare, bare), how_much(bare, bare)) == (1.0, 0.25)
    assert similar(bare, NOON, [before]) == []


def test_what_is_remembered_is_the_cause_the_remedy_and_whether_it_helped() -> None:
    hung = remembered(case_of(FIRST["hung", "orders"]))
    assert (hung.cause, hung.remedy, hung.resolved) == ("hung_process", "ssm.restart_service on service/orders", True)
    assert not remembered(case_of(lived("hung", "orders", 1, is_resolved=False))).resolved
    assert remembered(case_of(FIRST["disk", "orders"])).remedy is None


def test_what_a_person_confirmed_later_replaces_what_was_diagnosed() -> None:
    """Also weeks after it was closed: the next like incident knows better."""
    incident_id, events = FIRST["hung", "orders"]
    verdict = e.RootCauseConfirmedV1(component="payments", cause="dependency_failure")
    kept = remembered(story(SERVICE).given(*(r.event for r in events), verdict).case)
    assert (kept.cause, kept.component, kept.confirmed) == ("dependency_failure", "payments", True)
    assert not remembered(case_of((incident_id, events))).confirmed


def test_numbers_hosts_and_ids_do_not_tell_two_incidents_apart() -> None:
    one, two = (remembered(case_of(lived("disk", "orders", seed))).likeness for seed in (1, 2))
    assert one.logs == two.logs == ("error volume vol-# is full",)


def test_evidence_of_an_episode_that_is_over_is_not_remembered() -> None:
    """After a reopening what was found before counts no more, here as everywhere."""
    _, log = lived("hung", "orders", 1)
    told = story(SERVICE).given(*(r.event for r in log), e.IncidentReopenedV1(signal=opened().signal, quiet_for_s=9))
    kept = remembered(told.case)
    assert (kept.cause, kept.remedy, kept.resolved, kept.likeness.logs) == (None, None, False, ())


words = st.lists(st.text(max_size=12), max_size=KEPT).map(lambda found: tuple(sorted(set(found))))
likenesses = st.builds(Likeness, **dict.fromkeys(WEIGHTS, words))


@given(likenesses, likenesses)
def test_likeness_is_the_same_both_ways_between_nothing_and_one(one: Likeness, other: Likeness) -> None:
    assert score(one, other) == score(other, one)
    assert 0 <= score(one, other) <= 1
    assert how_much(one, other) <= how_much(one, one)
    assert score(one, one) == (1.0 if one != Likeness() else 0.0)


def test_the_weights_are_of_one_whole_and_place_and_alarm_alone_are_too_light() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert set(WEIGHTS) == set(Likeness.model_fields)
    assert WEIGHTS["signals"] + WEIGHTS["service"] + WEIGHTS["resource"] + WEIGHTS["cause"] < LEAST_ALIKE


def test_rows_of_incidents_that_are_not_over_merged_or_of_another_shape_are_no_past() -> None:
    case = case_of(FIRST["hung", "orders"])
    whole = row(case)
    assert [one.incident_id for one in past_of([whole])] == [case.incident_id]
    for change in (
        {"status": "IN_PROGRESS"},
        {"merged_into": "X"},
        {"remembered": None},
        {"remembered": {"likeness": {"signals": "?"}}},
        {"remembered": {**whole["remembered"], "new": 1}},
    ):
        assert past_of([{**whole, **change}]) == [], change


@dataclass
class FakeIncidents:
    """The published read model: what opened before, newest first."""

    rows: Sequence[dict[str, Any]]
    failing: SourceFailed | None = None
    asked: list[tuple[datetime, int]] = field(default_factory=list)
    name: str = "incidents"

    def before(self, moment: datetime, limit: int) -> Sequence[dict[str, Any]]:
        self.asked.append((moment, limit))
        if self.failing:
            raise self.failing
        return self.rows[:limit]


def look(source: FakeIncidents, world: FakeWorld | None = None, *more: Any) -> e.EvidenceGatheredV1:
    told = looking(world or FakeWorld())
    told.ports = replace(told.ports, incidents=source)
    (gathered,) = told.given(*more).when(opened()).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    return gathered


def like_this_one(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A row of an incident with the very evidence that the fake world gives, a day earlier."""
    gathered = look(FakeIncidents([]))
    case = story(SERVICE).given(opened(), gathered).case
    past = Remembered(
        likeness=remembered(case).likeness, cause="bad_release", component="orders", remedy="undo", resolved=True
    )
    before = (NOON - timedelta(days=1, seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    told = {"incident_id": incident_id(number), "opened_at": before, "status": "CLOSED", "merged_into": None}
    return {**told, "remembered": past.model_dump(mode="json"), **changes}


def alike_in(gathered: e.EvidenceGatheredV1) -> list[EvidenceItem]:
    return [item for item in gathered.items if item.kind == "similar_incident"]


def test_an_earlier_incident_becomes_evidence_with_what_is_alike_and_how_it_ended() -> None:
    source = FakeIncidents([like_this_one()])
    (item,) = alike_in(look(source))
    content = SimilarIncidentContent.model_validate(item.content)
    assert (content.incident_id, content.cause, content.remedy) == (incident_id(0), "bad_release", "undo")
    assert {"signals: orders-failures", "metrics: failures up", "changes: release of orders"} <= set(content.alike)
    assert item.id == "r1.similar_incident.1"
    assert item.is_intact()
    assert "bad_release; undo, recovery was seen" in item.summary
    assert len(source.asked) == 1


def test_it_costs_one_question_and_verify_rounds_ask_none() -> None:
    source = FakeIncidents([like_this_one()])
    told = looking(FakeWorld())
    told.ports = replace(told.ports, incidents=source)
    gathered = look(source)
    source.asked.clear()
    acted = [e.SignalClearedV1(signal_name="orders-failures", cleared_at=NOON)]
    outcome = told.given(opened(), gathered, *acted).when_due("settle", acted[0], 180)
    assert [event.purpose for event in outcome.events if isinstance(event, e.EvidenceGatheredV1)] == ["verify"]
    assert source.asked == []


@pytest.mark.parametrize(
    "change",
    [
        {"opened_at": NOON.strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
        {"opened_at": (NOON + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
        {"incident_id": story(SERVICE).incident_id},
        {"status": "OPEN"},
        {"merged_into": story(SERVICE).incident_id},
    ],
    ids=["the same moment", "later", "itself", "still open", "merged into it"],
)
def test_what_is_no_earlier_incident_of_its_own_is_never_named(change: dict[str, Any]) -> None:
    """Whatever the read model answers: a copy of the very same features is handed over."""
    assert alike_in(look(FakeIncidents([like_this_one(**change)]))) == []
    assert len(alike_in(look(FakeIncidents([like_this_one()])))) == 1


def test_an_incident_that_was_merged_into_it_is_not_named_even_before_the_read_model_knows() -> None:
    gathered = look(FakeIncidents([like_this_one()]))
    (past,) = past_of([like_this_one()])
    attached = e.SignalAttachedV1(signal=opened().signal, why="merged", occurrences=1, merged_from=past.incident_id)
    told = story(SERVICE).given(opened(), attached)
    found = Found("metric", "cloudwatch", [(CONTENT[i.kind].model_validate(i.content), {}, "") for i in gathered.items])
    record = PastFound("similar_incident", "incidents", past=[past])
    assert compared([found, record], told.case)[0][-1].contents == []
    assert len(compared([found, record], story(SERVICE).given(opened()).case)[0][-1].contents) == 1


def test_the_incident_that_it_was_taken_out_of_is_not_named() -> None:
    told = looking(FakeWorld())
    told.ports = replace(told.ports, incidents=FakeIncidents([like_this_one()]))
    (gathered,) = told.when(opened().model_copy(update={"split_from": incident_id(0)})).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    assert alike_in(gathered) == []


def test_at_most_three_are_named_the_newest_of_equal_ones_first() -> None:
    found = alike_in(look(FakeIncidents([like_this_one(n) for n in range(5)])))
    named = [SimilarIncidentContent.model_validate(item.content).incident_id for item in found]
    assert named == [incident_id(n) for n in range(NAMED)]


def test_more_than_are_read_is_a_gap_and_as_many_as_are_read_is_none() -> None:
    rows = [like_this_one(status="OPEN")] * MOST + [like_this_one()]
    assert alike_in(look(FakeIncidents(rows))) == []
    (gap,) = [gap for gap in look(FakeIncidents(rows)).gaps if gap.kind == "similar_incident"]
    assert f"the newest {MOST}" in gap.detail
    assert [gap for gap in look(FakeIncidents(rows[:MOST])).gaps if gap.kind == "similar_incident"] == []


def test_a_record_that_does_not_answer_is_a_gap_and_stops_nothing() -> None:
    gathered = look(FakeIncidents([], failing=SourceFailed("no_permission", "incidents: denied")))
    (gap,) = gathered.gaps
    assert (gap.kind, gap.source, gap.reason) == ("similar_incident", "incidents", "no_permission")
    assert {item.kind for item in gathered.items} == {"metric", "log", "status", "change", "runbook"}


def _seen(case: Any) -> Likeness:
    """As it is compared while it is looked at: the cause is not known."""
    return remembered(case).likeness.model_copy(update={"cause": ()})
