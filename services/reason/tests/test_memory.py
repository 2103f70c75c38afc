"""What earlier incidents add: order among what is uncertain, never a verdict."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.evidence import Citation, EvidenceItem, SimilarIncidentContent
from resilibot.reason.diagnose import LEAD, _hypotheses, diagnose
from resilibot.reason.hypotheses import PAST, Candidate, Clue
from resilibot.reason.memory import with_past
from resilibot.reason.scene import read_scene
from resilibot.reason.service import SERVICE
from resilibot.reason.suspects import CONCLUSIVE
from resilibot.runtime.testing import NOON, story
from tests.support.act_world import opened
from tests.support.scene_builder import World

pytestmark = pytest.mark.feature(114)
A, B = "i-00000000000000001", "i-00000000000000002"
FULL, CALLS = "ERROR no room", "ERROR connection refused to payments"
# A release ten minutes before, or the host that is silent: the evidence leans to the release, and is not sure
UNCERTAIN = World(release_lead_s=600, errors={"orders": 30}, silent=[A], error_lines=[("ERROR KeyError", None)])
SCENES = {
    "hung": World(silent=[A], errors={"orders": 50, A: 100}, latency={"orders": 300, A: 600}),
    "release": World(release_lead_s=3, errors={"orders": 50, A: 50, B: 50}, error_lines=[("ERROR KeyError", None)]),
    "one": World(errors={"orders": 25, A: 50}, error_lines=[(FULL, A)]),
    "overload": World(traffic=90, latency={"orders": 400, A: 400, B: 400}, alarm="latency"),
    "calls": World(errors={"orders": 90, A: 90, B: 90}, error_lines=[(CALLS, None)]),
    "uncertain": UNCERTAIN,
    "uncertain release": World(release_lead_s=1500, errors={"orders": 30}, latency={"orders": 60}),
    "noisy": World(alarm="queue", spiky=True),
    "dark": World(has_metrics=False),
    "no changes": World(errors={"orders": 90, A: 90, B: 90}, error_lines=[(CALLS, None)], has_changes=False),
    "well": World(),
}
CAUSES = ("hung_process", "component_fault", "bad_release", "overload", "dependency_failure", "config_change")


def like(cause: str | None, remedy: str | None = "ssm.restart_service on service/orders", **told: Any) -> EvidenceItem:
    number = told.pop("number", 1)
    content = SimilarIncidentContent(
        incident_id=f"01JD9Z3K6Q8V7W2X4Y5Z6A7B0{number}",
        opened_at=NOON.replace(day=1),
        cause=cause,
        component="orders",
        confirmed=told.pop("confirmed", False),
        remedy=remedy,
        resolved=told.pop("resolved", True),
        alike=["service: orders"],
        score=0.9,
    ).model_dump(mode="json")
    return EvidenceItem(
        id=f"r1.similar_incident.{number}",
        kind="similar_incident",
        summary="like it",
        source="incidents",
        query={},
        content=content,
        content_hash=content_hash(content),
    )


def verdict(world: World, *items: EvidenceItem) -> e.DiagnosisReachedV1:
    gathered = world.gathered()
    gathered = gathered.model_copy(update={"items": [*gathered.items, *items]})
    return diagnose(story(SERVICE).given(opened()).case, gathered)


def order(diagnosis: e.DiagnosisReachedV1) -> list[tuple[str, str]]:
    return [(h.cause, h.component) for h in diagnosis.hypotheses]


def test_history_changes_the_order_of_what_is_uncertain_and_is_cited() -> None:
    without = verdict(UNCERTAIN)
    first, second = without.hypotheses[:2]
    assert 0 < first.confidence - second.confidence < PAST, "the two are close: that is what history may decide"
    cited = like(second.cause)
    told = verdict(UNCERTAIN, cited)
    assert (told.hypotheses[0].cause, told.hypotheses[0].component) == (second.cause, second.component)
    finding = told.hypotheses[0].support[-1]
    assert finding.citations == [Citation(evidence_id=cited.id, content_hash=cited.content_hash)]
    assert "ssm.restart_service on service/orders helped" in finding.text
    assert told.outcome == without.outcome == "inconclusive"


def test_what_a_person_confirmed_counts_without_a_remedy_that_helped_and_an_opinion_does_not() -> None:
    second = verdict(UNCERTAIN).hypotheses[1].cause
    opinion = like(second, remedy=None, resolved=False)
    assert order(verdict(UNCERTAIN, opinion)) == order(verdict(UNCERTAIN))
    told = verdict(UNCERTAIN, like(second, remedy=None, resolved=False, confirmed=True))
    assert told.hypotheses[0].cause == second
    assert "as a person confirmed" in told.hypotheses[0].support[-1].text


def test_a_re_run_without_the_like_incident_gives_the_old_ranking() -> None:
    before = verdict(UNCERTAIN)
    told = verdict(UNCERTAIN, like(before.hypotheses[1].cause))
    assert order(told) != order(before)
    assert verdict(UNCERTAIN) == before


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("cause", CAUSES)
def test_planted_history_changes_no_verdict(name: str, cause: str) -> None:
    """As many as can be named, all of the same wrong cause: outcome, leading hypothesis and its confidence stay."""
    without = verdict(SCENES[name])
    planted = verdict(SCENES[name], *(like(cause, number=n) for n in (1, 2, 3)))
    assert planted.outcome == without.outcome
    sure = [h for h in without.hypotheses if h.confidence >= CONCLUSIVE]
    still = [h for h in planted.hypotheses if h.confidence >= CONCLUSIVE]
    assert [(h.cause, h.component, h.confidence) for h in still] == [(h.cause, h.component, h.confidence) for h in sure]
    if without.outcome != "inconclusive":
        assert (planted.summary, planted.confidence) == (without.summary, without.confidence)


@pytest.mark.parametrize(
    "useless",
    [
        like(None),
        like("bad_release", remedy=None),
        like("bad_release", resolved=False),
        like("cosmic_rays"),
    ],
    ids=["no cause", "no remedy", "not resolved", "no such cause"],
)
def test_a_past_whose_cause_was_never_proven_counts_nothing(useless: EvidenceItem) -> None:
    world = SCENES["uncertain release"]
    assert verdict(world, useless).hypotheses == verdict(world).hypotheses


def test_history_speaks_only_for_what_has_support_of_its_own() -> None:
    """Nothing in the scene speaks for a release: no record of one, and all is well."""
    found = {h.cause: h for h in verdict(SCENES["well"], like("bad_release")).hypotheses}
    assert "bad_release" not in found or found["bad_release"].confidence == 0


@given(st.floats(0, 1), st.floats(0, 1))
def test_no_weight_of_history_carries_a_confidence_to_conclusive(confidence: float, weight: float) -> None:
    past = Clue("it was", (Citation(evidence_id="r1.similar_incident.1", content_hash="0" * 64),), weight)
    told = with_past(Candidate("bad_release", "orders", "", past=past), confidence)
    assert told >= confidence
    assert (told >= CONCLUSIVE) == (confidence >= CONCLUSIVE)
    if confidence >= CONCLUSIVE:
        assert told == confidence


def test_what_is_clear_stays_first_though_history_speaks_for_another() -> None:
    """The rival's score is high, its confidence is not: half of the evidence could not be read."""
    case = story(SERVICE).given(opened()).case
    scene = read_scene(case, World(errors={"orders": 30}, has_status=False, has_changes=False).gathered())
    cites = (scene.measured[0].cite,)
    clue = Clue("it was", cites, PAST)
    leader = Candidate("component_fault", "payments", "", support=[Clue("graph", cites, 0.0)], probability=0.63)
    rival = Candidate("bad_release", "orders", "", support=[Clue("release", cites, 0.6)], past=clue)
    hypotheses = _hypotheses([leader, rival], scene)
    assert [(h.cause, h.verdict) for h in hypotheses] == [("component_fault", "leading"), ("bad_release", "possible")]
    assert hypotheses[1].confidence == pytest.approx(0.6 * 0.8 + PAST)


def test_history_is_lighter_than_the_lead_that_makes_a_verdict() -> None:
    assert PAST < LEAD
