"""The deterministic reasoner: the right cause, cited; abstaining where nothing supports one."""

import random
from datetime import timedelta

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.evidence import ChangeContent, Citation, EvidenceGap, EvidenceItem
from resilibot.reason.diagnose import diagnose
from resilibot.reason.recover import recovered
from resilibot.reason.service import SERVICE
from resilibot.runtime.service import Trigger
from resilibot.runtime.testing import NOON, story
from tests.support.act_world import opened
from tests.support.scene_builder import World, item
from tests.support.story import INCIDENT_EVENTS

A, B = "i-00000000000000001", "i-00000000000000002"
KEY_ERROR = "ERROR checkout failed release=8 KeyError"
FIVE = tuple(f"i-0000000000000000{n}" for n in range(1, 6))

HUNG = World(silent=[A], errors={"orders": 50, A: 100}, latency={"orders": 300, A: 600})
BAD_RELEASE = World(release_lead_s=3, errors={"orders": 50, A: 50, B: 50}, error_lines=[(KEY_ERROR, None)])
ONE_FAULTY = World(errors={"orders": 25, A: 50}, error_lines=[("ERROR disk is full", A)])
OVERLOAD = World(traffic=90, latency={"orders": 400, A: 400, B: 400}, alarm="latency")
NOISY = World(alarm="queue", spiky=True)
DARK = World(has_metrics=False)


def verdict(world: World) -> e.DiagnosisReachedV1:
    gathered = world.gathered()
    told = story(SERVICE).given(opened())
    return diagnose(told.case, gathered)


@pytest.mark.parametrize(
    ("world", "cause", "component"),
    [
        (HUNG, "hung_process", A),
        (World(FIVE, silent=[FIVE[3]], errors={"orders": 20, FIVE[3]: 100}), "hung_process", FIVE[3]),
        (BAD_RELEASE, "bad_release", "orders"),
        (World(release_lead_s=2, silent=[A, B], errors={"orders": 100, A: 100, B: 100}), "bad_release", "orders"),
        (ONE_FAULTY, "component_fault", A),
        (OVERLOAD, "overload", "orders"),
        (
            World(errors={"orders": 90, A: 90, B: 90}, error_lines=[("ERROR connection refused to payments", None)]),
            "dependency_failure",
            "orders",
        ),
    ],
)
def test_each_fault_is_found_at_its_place(world: World, cause: str, component: str) -> None:
    diagnosis = verdict(world)
    best = diagnosis.leading or diagnosis.hypotheses[0]
    assert (best.cause, best.component) == (cause, component)


@pytest.mark.parametrize("world", [HUNG, BAD_RELEASE], ids=["hung", "release"])
def test_what_can_be_remedied_is_conclusive(world: World) -> None:
    diagnosis = verdict(world)
    assert diagnosis.outcome == "conclusive"
    assert diagnosis.confidence >= 0.7


@pytest.mark.feature(112)
def test_an_old_release_is_a_red_herring_and_refuted() -> None:
    diagnosis = verdict(World(silent=[A], errors={"orders": 50, A: 100}, release_lead_s=3 * 3600))
    best = diagnosis.leading
    assert best is not None
    assert best.cause == "hung_process"
    herring = next(h for h in diagnosis.hypotheses if h.cause == "bad_release")
    assert herring.verdict == "rejected"
    assert any("no release" in f.text for f in herring.refutation)


@pytest.mark.feature(111)
@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_but_healthy_metric_is_no_fault(seed: int) -> None:
    diagnosis = verdict(World(alarm="queue", spiky=True, seed=seed))
    assert diagnosis.outcome == "no_fault"
    assert diagnosis.findings, "healthy is an answer, and needs citations too"
    assert diagnosis.leading is None


@pytest.mark.feature(111)
def test_without_metrics_it_never_says_no_fault() -> None:
    diagnosis = verdict(DARK)
    assert diagnosis.outcome == "inconclusive"
    assert any(gap.kind == "metric" for gap in diagnosis.gaps)


@pytest.mark.feature(111)
def test_gaps_lower_the_confidence_and_are_listed() -> None:
    seen = verdict(BAD_RELEASE)
    blind = verdict(World(**{**BAD_RELEASE.__dict__, "has_status": False}))
    assert blind.confidence < seen.confidence
    assert [gap.kind for gap in blind.gaps] == ["status"]


def test_a_single_fresh_point_is_too_little() -> None:
    told = story(SERVICE).given(opened())
    assert diagnose(told.case, NOISY.gathered(fresh=1)).outcome == "inconclusive"


@pytest.mark.feature(109)
@pytest.mark.parametrize("world", [HUNG, BAD_RELEASE, ONE_FAULTY, OVERLOAD, NOISY])
def test_every_claim_resolves_to_evidence_with_its_hash(world: World) -> None:
    gathered = world.gathered()
    known = {(item.id, item.content_hash) for item in gathered.items}
    diagnosis = diagnose(story(SERVICE).given(opened()).case, gathered)
    claims = [f for h in diagnosis.hypotheses for f in (*h.support, *h.refutation)] + diagnosis.findings
    assert claims
    assert all((c.evidence_id, c.content_hash) in known for f in claims for c in f.citations)


@pytest.mark.feature(110)
def test_evidence_changed_after_it_was_recorded_supports_nothing() -> None:
    gathered = BAD_RELEASE.gathered()
    forged = [
        i.model_copy(update={"content": {**(i.content or {}), "after": "9"}}) if i.kind == "change" else i
        for i in gathered.items
    ]
    diagnosis = diagnose(story(SERVICE).given(opened()).case, gathered.model_copy(update={"items": forged}))
    assert all("release 9" not in h.statement for h in diagnosis.hypotheses)
    assert any("does not match its recorded hash" in gap.detail for gap in diagnosis.gaps)


@pytest.mark.feature(110)
def test_claims_that_cite_nothing_recorded_are_dropped_and_named() -> None:
    from resilibot.contracts.evidence import Finding
    from resilibot.reason.citations import checked

    gathered = BAD_RELEASE.gathered()
    diagnosis = diagnose(story(SERVICE).given(opened()).case, gathered)
    invented = Finding(text="the moon is full", citations=[Citation(evidence_id="r1.log.9", content_hash="0" * 64)])
    best = diagnosis.hypotheses[0].model_copy(update={"support": [invented]})
    kept, dropped = checked([best], gathered.items)
    assert kept == []
    assert "the moon is full" in dropped
    mixed = diagnosis.hypotheses[0].model_copy(update={"support": [*diagnosis.hypotheses[0].support, invented]})
    (kept_one,), dropped = checked([mixed], gathered.items)
    assert kept_one.verdict != "leading"
    assert kept_one.confidence < mixed.confidence
    assert dropped == ["the moon is full"]


@pytest.mark.feature(136)
@pytest.mark.parametrize("world", [HUNG, BAD_RELEASE, ONE_FAULTY, NOISY])
def test_the_order_of_the_evidence_does_not_matter(world: World) -> None:
    gathered = world.gathered()
    case = story(SERVICE).given(opened()).case
    first = diagnose(case, gathered)
    for seed in range(5):
        items = list(gathered.items)
        random.Random(seed).shuffle(items)
        again = diagnose(case, gathered.model_copy(update={"items": items}))
        assert (again.outcome, again.summary, again.confidence) == (first.outcome, first.summary, first.confidence)


def test_renaming_the_hosts_changes_the_name_and_nothing_else() -> None:
    renamed = World(("web-b", "web-a"), silent=["web-b"], errors={"orders": 50, "web-b": 100}, latency=HUNG.latency)
    best = verdict(renamed).leading
    assert best is not None
    assert (best.cause, best.component) == ("hung_process", "web-b")


@pytest.mark.feature(127)
def test_recovery_needs_fresh_health_of_everything_that_failed() -> None:
    told = story(SERVICE).given(opened(), BAD_RELEASE.gathered())
    healthy = World().gathered(2, "verify")
    assert recovered(told.case, healthy) is not None
    assert recovered(told.case, World().gathered(2, "verify", fresh=2)) is None, "too few fresh points"
    still_bad = World(errors={"orders": 50, A: 50, B: 50}).gathered(2, "verify")
    assert recovered(told.case, still_bad) is None
    unseen = [i for i in healthy.items if "Host" not in str(i.content)]
    assert recovered(told.case, healthy.model_copy(update={"items": unseen})) is None, "what failed is not seen again"


def test_a_verify_round_that_is_healthy_resolves_and_cites_fresh_evidence_only() -> None:
    told = story(SERVICE).given(opened(), BAD_RELEASE.gathered())
    (resolved,) = told.when(World().gathered(2, "verify")).events
    assert isinstance(resolved, e.IncidentResolvedV1)
    assert all(c.evidence_id.startswith("r2.") for f in resolved.findings for c in f.citations)


def test_a_verify_round_that_is_not_healthy_is_diagnosed_again() -> None:
    told = story(SERVICE).given(opened(), BAD_RELEASE.gathered())
    (again,) = told.when(BAD_RELEASE.gathered(2, "verify")).events
    assert isinstance(again, e.DiagnosisReachedV1)


def without_changes(gathered: e.EvidenceGatheredV1) -> e.EvidenceGatheredV1:
    """As a verify look gathers it: it does not ask for changes."""
    return gathered.model_copy(update={"items": [item for item in gathered.items if item.kind != "change"]})


def test_a_second_look_at_the_same_trouble_keeps_the_cause_and_cites_the_change_where_it_was_seen() -> None:
    told = story(SERVICE).given(opened(), BAD_RELEASE.gathered())
    (again,) = told.when(without_changes(BAD_RELEASE.gathered(2, "verify"))).events
    assert isinstance(again, e.DiagnosisReachedV1)
    best = again.leading
    assert best is not None
    assert best.cause == "bad_release"
    cited = {c.evidence_id for f in best.support for c in f.citations}
    assert any(evidence.startswith("r1.change.") for evidence in cited)
    assert any(evidence.startswith("r2.") for evidence in cited)


def test_after_an_action_an_earlier_change_explains_nothing_any_more() -> None:
    first = BAD_RELEASE.gathered()
    told = story(SERVICE).given(opened(), first)
    started = next(event for event in INCIDENT_EVENTS if isinstance(event, e.ActionStartedV1))
    told.given(started, e.ActionSucceededV1(action_id=started.action_id, provider_id="x"))
    (again,) = told.when(without_changes(BAD_RELEASE.gathered(2, "verify"))).events
    assert isinstance(again, e.DiagnosisReachedV1)
    assert again.leading is None


def test_a_record_of_changes_that_answered_with_none_is_no_gap_though_another_one_failed() -> None:
    gathered = World(has_changes=False, errors={"orders": 50, A: 50, B: 50}).gathered()
    assert any(gap.kind == "change" for gap in gathered.gaps)
    blind = diagnose(story(SERVICE).given(opened()).case, gathered)
    told = diagnose(story(SERVICE).given(opened()).case, gathered.model_copy(update={"answered": ["change"]}))
    against = [f.text for h in told.hypotheses if h.cause == "bad_release" for f in h.refutation]
    assert "no release within half an hour before the onset" in against
    assert "no release within half an hour before the onset" not in str(blind.hypotheses)


def with_item(gathered: e.EvidenceGatheredV1, one: EvidenceItem) -> e.EvidenceGatheredV1:
    return gathered.model_copy(update={"items": [*gathered.items, one]})


def setting_changed(lead_s: float) -> EvidenceItem:
    at = NOON - timedelta(seconds=lead_s)
    return item("change", 1, ChangeContent(what="max_connections", at=at, by="ana", before="9", after="90"))


@pytest.mark.parametrize(
    ("lead_s", "is_near"), [(600, True), (1800, True), (1801, False), (-15, True), (-16, False), (-600, False)]
)
def test_only_what_changed_near_the_onset_speaks_for_itself_or_against_another(lead_s: float, is_near: bool) -> None:
    failing = World(errors={"orders": 90, A: 90, B: 90}, error_lines=[("ERROR connection refused to payments", None)])
    gathered = with_item(failing.gathered(), setting_changed(lead_s))
    by_cause = {h.cause: h for h in diagnose(story(SERVICE).given(opened()).case, gathered).hypotheses}
    against = [finding.text for finding in by_cause["dependency_failure"].refutation]
    assert ("config_change" in by_cause, any("max_connections changed" in text for text in against)) == (
        is_near,
        is_near,
    )


def test_a_release_is_a_release_and_no_other_change_too() -> None:
    assert "config_change" not in {h.cause for h in verdict(BAD_RELEASE).hypotheses}


def test_a_kind_of_evidence_that_was_seen_is_not_missed_for_another_source_that_failed() -> None:
    """Rounds that were recorded before `answered` tell it by their items alone."""
    gathered = BAD_RELEASE.gathered()
    assert gathered.answered == []
    failed = EvidenceGap(kind="change", source="cloudtrail", reason="no_permission", detail="test")
    told = diagnose(story(SERVICE).given(opened()).case, gathered.model_copy(update={"gaps": [failed]}))
    assert (told.confidence, told.gaps) == (verdict(BAD_RELEASE).confidence, [failed])


def test_health_is_less_sure_where_less_was_seen() -> None:
    blind = verdict(World(alarm="queue", spiky=True, has_status=False))
    assert blind.outcome == "no_fault"
    assert blind.confidence == pytest.approx(verdict(NOISY).confidence - 0.9 * 0.1)


def test_an_old_round_is_not_judged_again() -> None:
    told = story(SERVICE).given(opened(), BAD_RELEASE.gathered(1), BAD_RELEASE.gathered(2))
    first_round = told.store.load(told.stream).events[1]
    assert SERVICE.reactions[e.EvidenceGatheredV1].decide(told.case, Trigger(first_round, NOON), None) == []
