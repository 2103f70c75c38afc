"""What a model's answer changes of the rules' diagnosis, and what it cannot."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts import events as e
from resilibot.contracts.canonical import canonical, content_hash
from resilibot.contracts.evidence import Citation, EvidenceItem, RunbookContent
from resilibot.plan.service import SERVICE as PLAN
from resilibot.reason.answer import MOST_CHARS, Answer, AnswerUnusable, Claim, Consultation, View, read_answer
from resilibot.reason.diagnose import diagnose
from resilibot.reason.merge import DOUBTED, POSSIBLE, judge_with
from resilibot.reason.prompt import VOCABULARY, prompt
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.event_store.items import COMMIT_BYTES
from resilibot.runtime.testing import story
from tests.support.act_world import opened
from tests.support.model_answers import claim, says, text_of, view
from tests.support.scene_builder import World

A, B = "i-00000000000000001", "i-00000000000000002"
HUNG = World(silent=[A], errors={"orders": 50, A: 100}, latency={"orders": 300, A: 600})
BAD_RELEASE = World(
    release_lead_s=3, errors={"orders": 50, A: 50, B: 50}, error_lines=[("ERROR release=8 KeyError", None)]
)
UNSURE = World(errors={"orders": 90, A: 90, B: 90}, error_lines=[("ERROR timed out waiting", None)])
NOISY = World(alarm="queue", spiky=True)
WORLDS = [HUNG, BAD_RELEASE, UNSURE, NOISY]
ASKED = e.Reasoner(name="bedrock", version="1", model="some.model-v1", wanted="bedrock")


def by_rules(world: World | e.EvidenceGatheredV1) -> e.DiagnosisReachedV1:
    gathered = world.gathered() if isinstance(world, World) else world
    return diagnose(story(PLAN).given(opened(), gathered).case, gathered)


def merged(world: World | e.EvidenceGatheredV1, answer: dict[str, Any]) -> e.DiagnosisReachedV1:
    gathered = world.gathered() if isinstance(world, World) else world
    case = story(PLAN).given(opened(), gathered).case
    asked = prompt(case, gathered, diagnose(case, gathered), "mark", ReasonSettings())
    return merged_as_read(gathered, read_answer(text_of(answer), asked))


def merged_as_read(gathered: e.EvidenceGatheredV1, answer: Answer) -> e.DiagnosisReachedV1:
    case = story(PLAN).given(opened(), gathered).case
    event = judge_with(case, gathered, Consultation(ASKED, answer))
    assert isinstance(event, e.DiagnosisReachedV1)
    return event


def planned(gathered: e.EvidenceGatheredV1, diagnosis: e.DiagnosisReachedV1) -> Any:
    (event,) = story(PLAN).given(opened(), gathered).when(diagnosis).events or [None]
    return event


def with_runbook(world: World) -> e.EvidenceGatheredV1:
    gathered = world.gathered()
    text = RunbookContent(key="k", version_id="1", title="t", passage="always restart everything", score=1)
    content = text.model_dump(mode="json")
    told = {"id": "r1.runbook.1", "kind": "runbook", "summary": "runbook", "source": "s3", "query": {}}
    item = EvidenceItem.model_validate({**told, "content": content, "content_hash": content_hash(content)})
    return gathered.model_copy(update={"items": [*gathered.items, item]})


def test_a_model_that_agrees_stands_beside_the_verdict_and_changes_nothing_of_it() -> None:
    rules = by_rules(HUNG)
    agreed = merged(HUNG, says(view("hung_process", A, claim("it has not answered once", "r1.status.1"))))
    assert (agreed.outcome, agreed.confidence, agreed.summary) == (rules.outcome, rules.confidence, rules.summary)
    assert agreed.hypotheses == rules.hypotheses
    (remark,) = agreed.findings
    assert remark.text == "the model: it has not answered once"
    assert remark.citations[0].evidence_id == "r1.status.1"
    assert agreed.reasoner == ASKED


def test_a_cited_doubt_lowers_the_confidence_below_what_is_done_without_a_person() -> None:
    rules = by_rules(HUNG)
    doubted = merged(HUNG, says(view("dependency_failure", "orders", claim("the errors are upstream", "r1.log.1"))))
    assert rules.confidence > DOUBTED
    assert (doubted.outcome, doubted.confidence) == ("conclusive", DOUBTED)
    assert doubted.summary.endswith("(doubted: the model sees dependency_failure at orders instead)")
    best = doubted.leading
    assert best is not None
    assert (best.cause, best.component, best.confidence) == ("hung_process", A, DOUBTED)
    assert all(h.confidence <= best.confidence for h in doubted.hypotheses)
    plan = planned(HUNG.gathered(), doubted)
    assert plan.confidence == DOUBTED
    assert plan.steps == planned(HUNG.gathered(), rules).steps


def test_health_is_a_doubt_too_when_it_is_cited() -> None:
    healthy = says(verdict="no_fault", findings=[claim("errors are where they were", "r1.metric.1")])
    doubted = merged(HUNG, healthy)
    assert (doubted.outcome, doubted.confidence) == ("conclusive", DOUBTED)
    assert "the model sees no fault" in doubted.summary


def test_a_fault_that_the_rules_do_not_see_lowers_the_word_of_health_and_no_more() -> None:
    doubted = merged(NOISY, says(view("overload", "orders", claim("the queue grows", "r1.metric.10"))))
    assert (doubted.outcome, doubted.confidence) == ("no_fault", DOUBTED)
    assert doubted.leading is None
    assert planned(NOISY.gathered(), doubted).reason == "no_fault"


@pytest.mark.parametrize(
    "unsupported",
    [
        says(view("dependency_failure", "orders")),
        says(view("dependency_failure", "orders", claim("it is upstream"))),
        says(view("dependency_failure", "orders", against=[claim("not so", "r1.log.1")])),
        says(verdict="no_fault"),
        says(verdict="no_fault", findings=[claim("all is well")]),
        says(verdict="unclear"),
        says(view("dependency_failure", "orders", claim("it is upstream", "r1.log.1")), verdict="unclear"),
    ],
)
def test_a_doubt_that_cites_nothing_or_is_not_claimed_is_none(unsupported: dict[str, Any]) -> None:
    rules, same = by_rules(HUNG), merged(HUNG, unsupported)
    assert (same.outcome, same.confidence, same.summary) == (rules.outcome, rules.confidence, rules.summary)
    assert same.leading == rules.leading


@pytest.mark.feature(110)
def test_a_claim_without_a_visible_word_is_no_claim() -> None:
    hidden = view("hung_process", A, claim("\u200b\u200b", "r1.status.1"), statement="it hangs")
    nameless = view("overload", A, claim("busy", "r1.status.1"), statement="\u200b")
    told = merged(HUNG, says(hidden, nameless))
    assert told.dropped_claims == ["(a claim without a visible word)", "it hangs", "(a claim without a visible word)"]
    assert told.hypotheses == by_rules(HUNG).hypotheses


def test_claims_that_rest_on_nothing_are_dropped_and_named() -> None:
    answer = says(
        view("overload", "orders", claim("too much traffic"), statement="a flood"),
        view("config_change", "orders", claim("somebody changed it", "r1.log.1"), claim("it was anna")),
    )
    told = merged(HUNG, answer)
    assert told.dropped_claims[-3:] == ["too much traffic", "a flood", "it was anna"]
    (kept,) = [h for h in told.hypotheses if h.by == "model"]
    assert [f.text for f in kept.support] == ["somebody changed it"]


def test_a_runbook_alone_shows_nothing_about_this_incident() -> None:
    gathered = with_runbook(HUNG)
    told = merged(gathered, says(view("config_change", "orders", claim("the runbook says so", "r1.runbook.1"))))
    assert told.leading == by_rules(gathered).leading
    assert "the runbook says so" in told.dropped_claims
    both = claim("as the runbook says", "r1.runbook.1", "r1.log.1")
    assert [h.by for h in merged(gathered, says(view("config_change", "orders", both))).hypotheses].count("model") == 1


@pytest.mark.feature(109)
def test_evidence_that_changed_since_it_was_shown_supports_nothing() -> None:
    stale = Citation(evidence_id="r1.log.1", content_hash="0" * 64)
    said = View("overload", "orders", "a flood", "high", (Claim("too much traffic", (stale,)),), ())
    told = merged_as_read(HUNG.gathered(), Answer("cause", (said,), ()))
    assert told.dropped_claims[-2:] == ["too much traffic", "a flood"]
    assert told.leading == by_rules(HUNG).leading


@pytest.mark.parametrize("cause", ["hung_process", "overload"])
def test_a_hypothesis_that_comes_twice_is_heard_once_and_the_second_is_named(cause: str) -> None:
    """Also where the rules have it too: its claims would else vanish without a word."""
    first = view(cause, A, claim("it does not answer", "r1.status.1"))
    against = [claim("it dreams", "r1.status.1")]
    second = view(cause, A, claim("it sleeps", "r1.status.1"), against=against, statement="asleep")
    once, twice = merged(HUNG, says(first)), merged(HUNG, says(first, second))
    assert twice.dropped_claims == [*once.dropped_claims, "asleep", "it sleeps", "it dreams"]
    assert (twice.hypotheses, twice.findings) == (once.hypotheses, once.findings)


def test_two_other_causes_at_one_place_are_two() -> None:
    told = merged(UNSURE, says(*(view("other", A, claim(text, "r1.log.1"), statement=text) for text in ("x", "y"))))
    assert [h.statement for h in told.hypotheses if h.by == "model"] == ["x", "y"]
    assert not {"x", "y"} & set(told.dropped_claims)


@pytest.mark.parametrize("likelihood", ["low", "medium", "high"])
def test_a_models_own_hypothesis_is_marked_and_possible_at_most(likelihood: str) -> None:
    told = merged(UNSURE, says(view("other", "orders", claim("a lock", "r1.log.1"), likelihood=likelihood)))
    assert told.outcome == by_rules(UNSURE).outcome == "inconclusive"
    own = told.hypotheses[0]
    assert (own.id, own.by, own.verdict, own.confidence) == ("m1", "model", "possible", POSSIBLE[likelihood])
    assert told.confidence == by_rules(UNSURE).confidence


def test_where_the_rules_are_unsure_the_models_order_comes_first() -> None:
    rules = by_rules(UNSURE)
    last = rules.hypotheses[-1]
    assert len(rules.hypotheses) > 2
    told = merged(UNSURE, says(view(last.cause, last.component, claim("see the log", "r1.log.1"))))
    assert told.hypotheses == [last, *rules.hypotheses[:-1]]
    assert told.findings[0].text == "the model: see the log"


def test_what_the_model_holds_against_a_hypothesis_stands_with_it() -> None:
    first = by_rules(HUNG).hypotheses[0]
    answer = view(first.cause, first.component, claim("x", "r1.log.1"), against=[claim("it did answer", "r1.log.1")])
    told = merged(HUNG, says(answer))
    assert told.hypotheses[0].refutation[-1].text == "the model: it did answer"
    assert told.hypotheses[0].support == first.support


def test_a_models_citation_does_not_move_the_release_to_return_to() -> None:
    gathered = BAD_RELEASE.gathered()
    (change,) = [item for item in gathered.items if item.kind == "change"]
    content = {**(change.content or {}), "before": "6-with-a-backdoor", "at": "2026-11-24T12:00:05.000000Z"}
    planted = change.model_copy(update={"id": "r1.change.2", "content": content, "content_hash": content_hash(content)})
    gathered = gathered.model_copy(update={"items": [*gathered.items, planted]})
    rules = by_rules(gathered)
    best = rules.leading
    assert best is not None
    told = merged(gathered, says(view(best.cause, best.component, claim("it is this one", "r1.change.2"))))
    assert planned(gathered, told) == planned(gathered, rules)


@pytest.mark.parametrize("words", [0, 40, 100, 250])
@pytest.mark.parametrize("claims", [3, 6, 10])
def test_no_answer_is_so_large_that_the_rules_verdict_cannot_be_stored_with_it(words: int, claims: int) -> None:
    """A citation has ten times the size of its id, so an answer that cites all it can would make the event too large:
    then nothing would be recorded, and the incident would wait for ever."""
    log = next(item for item in HUNG.gathered().items if item.kind == "log")
    many = [log.model_copy(update={"id": f"r1.log.{n}"}) for n in range(2, 30)]
    gathered = HUNG.gathered()
    gathered = gathered.model_copy(update={"items": [*gathered.items, *many]})
    told = [claim(f"{n}{chr(0x1D54F) * words}", *(item.id for item in many[:20])) for n in range(claims)]
    answer = says(
        *(view("other", "orders", *told, against=told, statement=f"{n}") for n in range(5)),
        verdict="no_fault",
        findings=told,
    )
    case = story(PLAN).given(opened(), gathered).case
    asked = prompt(case, gathered, diagnose(case, gathered), "mark", ReasonSettings())
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    if len(text) > MOST_CHARS:
        with pytest.raises(AnswerUnusable):
            read_answer(text, asked)
        return
    event = merged_as_read(gathered, read_answer(text, asked))
    assert len(canonical(event.payload())) < COMMIT_BYTES - 50_000


def test_a_verify_round_that_shows_health_resolves_whatever_the_model_says() -> None:
    well = World().gathered(1, "verify")
    case = story(PLAN).given(opened(), well).case
    cited = Claim("it is down", (Citation(evidence_id=well.items[0].id, content_hash=well.items[0].content_hash),))
    answer = Answer("cause", (View("overload", "orders", "x", "high", (cited,), ()),), ())
    assert isinstance(judge_with(case, well, Consultation(ASKED, answer)), e.IncidentResolvedV1)


def _claims(ids: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.builds(claim_of, st.text(min_size=1, max_size=30), st.lists(st.sampled_from(ids), max_size=3))
    return st.lists(one, max_size=3)


def claim_of(text: str, evidence: list[str]) -> dict[str, Any]:
    return claim(text, *evidence)


@st.composite
def _any_answer(draw: st.DrawFn, ids: list[str]) -> dict[str, Any]:
    views = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "cause": st.sampled_from(VOCABULARY),
                    "component": st.sampled_from(["orders", A, B]),
                    "statement": st.text(min_size=1, max_size=30),
                    "likelihood": st.sampled_from(["low", "medium", "high"]),
                    "support": _claims(ids),
                    "refutation": _claims(ids),
                }
            ),
            max_size=5,
        )
    )
    verdict = draw(st.sampled_from(["cause", "no_fault", "unclear"]))
    return says(*views, verdict=verdict, findings=draw(_claims(ids)))


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.parametrize("world", WORLDS, ids=["hung", "release", "unsure", "noisy"])
def test_no_answer_at_all_makes_more_possible_than_none(world: World, data: st.DataObject) -> None:
    gathered = world.gathered()
    rules, told = by_rules(gathered), merged(gathered, data.draw(_any_answer([item.id for item in gathered.items])))
    assert told.outcome == rules.outcome
    assert told.confidence <= rules.confidence
    was, best = rules.leading, told.leading
    assert (was is None) == (best is None)
    if was is not None and best is not None:
        assert (best.id, best.cause, best.component, best.support) == (was.id, was.cause, was.component, was.support)
        assert best.confidence <= was.confidence
    before, after = planned(gathered, rules), planned(gathered, told)
    assert type(before) is type(after)
    if isinstance(before, e.PlanProposedV1) and isinstance(after, e.PlanProposedV1):
        assert after.steps == before.steps
        assert after.confidence <= before.confidence
    assert all(h.confidence <= 0.5 and h.verdict == "possible" for h in told.hypotheses if h.by == "model")
    known = {(item.id, item.content_hash) for item in gathered.items}
    claims = [f for h in told.hypotheses for f in (*h.support, *h.refutation)] + told.findings
    assert all((c.evidence_id, c.content_hash) in known for f in claims for c in f.citations)
