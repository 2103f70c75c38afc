"""Asking a model: counted tries, a deadline, a budget; and the rules alone whenever it gives no whole answer."""

import json
import sys
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.narrate import narrate
from resilibot.reason.adapters.models import ports_of
from resilibot.reason.consult import gather
from resilibot.reason.diagnose import diagnose
from resilibot.reason.service import SERVICE
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.models.port import (
    ModelAbsent,
    ModelDenied,
    ModelErred,
    ModelFailed,
    ModelRejected,
    ModelThrottled,
    ModelTimedOut,
    ReplyCut,
)
from resilibot.runtime.service import Trigger
from resilibot.runtime.testing import NOON, story
from tests.support.act_world import opened
from tests.support.model_answers import PRICES, ScriptedModel, claim, ports, reply, says, view
from tests.support.scene_builder import World

A = "i-00000000000000001"
HUNG = World(silent=[A], errors={"orders": 50, A: 100}, latency={"orders": 300, A: 600})
AGREES = says(view("hung_process", A, claim("it answers nothing", "r1.status.1")))
THROTTLED = ModelThrottled("HTTP 429 ThrottlingException")


def by_rules(world: World = HUNG, *before: DomainEvent) -> e.DiagnosisReachedV1:
    gathered = world.gathered()
    return diagnose(story(SERVICE).given(opened(), *before, gathered).case, gathered)


def diagnosed(
    model: ScriptedModel, *before: DomainEvent, world: World = HUNG, round_number: int = 1, **changed: Any
) -> e.DiagnosisReachedV1:
    told = story(SERVICE, ports(model, **changed)).given(opened(), *before)
    (event,) = told.when(world.gathered(round_number)).events
    assert isinstance(event, e.DiagnosisReachedV1)
    return event


def is_by_rules_alone(diagnosis: e.DiagnosisReachedV1, code: str) -> None:
    """Nothing but the note of who was wanted, what it cost, and which of its claims were dropped, is different."""
    rules, asked = by_rules(), diagnosis.reasoner
    assert (asked.name, asked.wanted, asked.model) == ("deterministic", "bedrock", "some.model-v1")
    assert asked.fell_back is not None
    assert asked.fell_back.split(":")[0] == code
    same = {"reasoner": rules.reasoner, "dropped_claims": rules.dropped_claims}
    assert diagnosis.model_copy(update=same) == rules


def earlier(**spent: Any) -> e.DiagnosisReachedV1:
    reasoner = e.Reasoner(name="bedrock", version="1", **spent)
    return by_rules().model_copy(update={"reasoner": reasoner, "outcome": "inconclusive"})


def test_an_answer_names_model_prompt_tokens_and_exact_cost() -> None:
    asked = diagnosed(ScriptedModel([reply(AGREES, tokens=(1234, 567))])).reasoner
    assert (asked.name, asked.model, asked.wanted, asked.fell_back) == ("bedrock", "some.model-v1", "bedrock", None)
    assert (asked.tokens_in, asked.tokens_out, asked.calls, asked.unmetered) == (1234, 567, 1, 0)
    assert asked.cost_usd == "0.0122637"  # 1234 x 3 + 567 x 15.1, per million
    assert asked.prompt_hash is not None
    assert len(asked.prompt_hash) == 64


def test_the_prompt_hash_is_of_the_question_and_not_of_the_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    first = diagnosed(ScriptedModel([reply(AGREES)])).reasoner.prompt_hash
    other = diagnosed(ScriptedModel([reply(says(verdict="unclear"))]), world=World(service="payments"))
    assert other.reasoner.prompt_hash == first
    monkeypatch.setattr("resilibot.reason.prompt.SYSTEM", "another question")
    assert diagnosed(ScriptedModel([reply(AGREES)])).reasoner.prompt_hash != first


@pytest.mark.parametrize("failure", [THROTTLED, ModelTimedOut("HTTP 408"), ModelErred("HTTP 424"), ReplyCut("cut")])
def test_what_may_pass_is_tried_again_after_growing_pauses(failure: ModelFailed) -> None:
    model = ScriptedModel([failure, failure, reply(AGREES)])
    asked = diagnosed(model).reasoner
    assert (asked.fell_back, asked.calls, asked.unmetered) == (None, 3, 2)
    assert model.pauses == [0.5, 1.0]


def test_pauses_are_jittered_from_none_to_full() -> None:
    model = ScriptedModel([THROTTLED, THROTTLED, reply(AGREES)])
    diagnosed(model, jitter=0.25)
    assert model.pauses == [0.125, 0.25]


def test_throttling_ends_with_the_rules_after_the_last_try() -> None:
    model = ScriptedModel([THROTTLED] * 9)
    diagnosis = diagnosed(model, reasoner_tries=4)
    is_by_rules_alone(diagnosis, "throttled")
    assert diagnosis.reasoner.fell_back == "throttled: HTTP 429 ThrottlingException (4 calls)"
    assert narrate(diagnosis).endswith(
        "(by rules alone, though bedrock was wanted: throttled: HTTP 429 ThrottlingException (4 calls))"
    )
    assert len(model.asked) == 4
    assert len(model.pauses) == 3


@pytest.mark.parametrize(
    "failure", [ModelDenied("HTTP 403"), ModelRejected("HTTP 404"), ModelAbsent("no extra")], ids=lambda f: f.code
)
def test_what_will_not_pass_is_not_tried_again(failure: ModelFailed) -> None:
    model = ScriptedModel([failure, reply(AGREES)])
    is_by_rules_alone(diagnosed(model), failure.code)
    assert len(model.asked) == 1


def test_no_call_waits_beyond_the_deadline_of_all() -> None:
    model = ScriptedModel([ModelTimedOut("no answer in time")] * 9, takes_s=20)
    is_by_rules_alone(diagnosed(model, reasoner_tries=9, reasoner_call_s=20, reasoner_deadline_s=45), "timed_out")
    assert [asked["timeout_s"] for asked in model.asked] == [20, 20, pytest.approx(45 - 41.5)]
    assert model.now <= 45


def test_a_call_is_not_begun_in_the_last_second() -> None:
    model = ScriptedModel([ModelTimedOut("no answer in time")] * 9, takes_s=20)
    diagnosed(model, reasoner_tries=9, reasoner_deadline_s=21.4)
    assert len(model.asked) == 1


def test_a_budget_that_earlier_rounds_used_up_asks_nobody() -> None:
    model = ScriptedModel([reply(AGREES)])
    diagnosis = diagnosed(model, earlier(tokens_in=60_000, tokens_out=39_000))
    is_by_rules_alone(diagnosis, "budget_used_up")
    assert diagnosis.reasoner.fell_back == "budget_used_up: 99000 of 100000 tokens are used"
    assert model.asked == []
    is_by_rules_alone(diagnosed(model, earlier(cost_usd="0.25"), earlier(cost_usd="0.2499")), "budget_used_up")
    assert model.asked == []


def test_a_budget_with_room_for_the_dearest_answer_is_used() -> None:
    assert diagnosed(ScriptedModel([reply(AGREES)]), earlier(tokens_in=20_000, cost_usd="0.2")).reasoner.calls == 1


def test_calls_that_never_told_their_tokens_count_as_the_dearest() -> None:
    model = ScriptedModel([reply(AGREES)])
    is_by_rules_alone(diagnosed(model, earlier(unmetered=40)), "budget_used_up")
    assert model.asked == []


def test_tries_stop_where_the_budget_ends() -> None:
    model = ScriptedModel([THROTTLED] * 9)
    diagnosis = diagnosed(model, reasoner_tries=9, reasoner_tokens=20_000)
    is_by_rules_alone(diagnosis, "budget_used_up")
    assert 0 < len(model.asked) < 9
    assert diagnosis.reasoner.unmetered == len(model.asked)


def test_an_endpoint_that_tells_no_tokens_is_not_taken_for_free() -> None:
    assert diagnosed(ScriptedModel([reply(AGREES, tokens=(0, 0))])).reasoner.unmetered == 1


@pytest.mark.parametrize(
    ("stop", "code"),
    [("length", "answer_cut"), ("content_filter", "refused"), ("error", "not_ended"), ("x", "not_ended")],
)
def test_an_answer_that_did_not_end_well_counts_for_nothing_but_its_cost(stop: str, code: str) -> None:
    model = ScriptedModel([reply(AGREES, stop=stop), reply(AGREES)])
    diagnosis = diagnosed(model)
    is_by_rules_alone(diagnosis, code)
    assert (diagnosis.reasoner.tokens_in, diagnosis.reasoner.tokens_out, len(model.asked)) == (1000, 100, 1)


GOOD = json.dumps(AGREES)


@pytest.mark.feature(21)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "The process hangs, I am 97 % sure.",
        GOOD[:-1],
        f"```json\n{GOOD}\n```",
        f"{GOOD} I hope this helps.",
        "[]",
        "null",
        json.dumps({**AGREES, "actions": ["ssm.restart_service"]}),
        json.dumps({**AGREES, "hypotheses": [{**AGREES["hypotheses"][0], "confidence": 0.99}]}),
        json.dumps({**AGREES, "hypotheses": [{**AGREES["hypotheses"][0], "likelihood": "certain"}]}),
        json.dumps({**AGREES, "hypotheses": AGREES["hypotheses"] * 6}),
        json.dumps({"verdict": "cause", "hypotheses": AGREES["hypotheses"]}),
        json.dumps({**AGREES, "verdict": "conclusive"}),
        json.dumps({**AGREES, "findings": [claim("x" * 2001, "r1.log.1")]}),
        json.dumps({**AGREES, "findings": [{"text": "x", "evidence": "r1.log.1"}]}),
        '{"verdict":"unclear","hypotheses":[],"findings":[]}' + " " * 60_000,
        GOOD[:-1] + ',"verdict":"no_fault"}',
        GOOD.replace('"component":', '"component":"orders","component":'),
        GOOD[:-1] + ',"findings":NaN}',
        GOOD.replace('"high"', "Infinity"),
        GOOD.replace('"high"', "[" * 500 + "]" * 500),
        GOOD.replace("it answers nothing", "\\ud800"),
        json.dumps({**AGREES, "findings": [claim("x", "r1.log.1")] * 10_000}),
        json.dumps({**AGREES, "findings": [claim("x", *["r1.log.1"] * 21)]}),
    ],
)
def test_what_is_not_of_the_schema_is_no_answer_and_not_repaired(text: str) -> None:
    model = ScriptedModel([reply(text), reply(AGREES)])
    diagnosis = diagnosed(model)
    is_by_rules_alone(diagnosis, "malformed_answer")
    assert len(model.asked) == 1
    assert "97" not in (diagnosis.reasoner.fell_back or "")


@pytest.mark.feature(110)
@pytest.mark.parametrize(
    "invented",
    [
        says(view("hung_process", A, claim("the moon is full", "r1.status.1", "r1.status.99"))),
        says(view("hung_process", "i-99999999999999999", claim("the moon is full", "r1.status.1"))),
        says(view("sabotage", A, claim("the moon is full", "r1.status.1"))),
        says(view("hung_process", A.upper(), claim("the moon is full", "r1.status.1"))),
        says(view("hung_process", A.replace("i", "\u0456"), claim("the moon is full", "r1.status.1"))),
        says(view("hung_process", f"{A}\u200b", claim("the moon is full", "r1.status.1"))),
        says(view("hung_\u0440rocess", A, claim("the moon is full", "r1.status.1"))),
        says(view("hung_process", A, claim("the moon is full", "R1.STATUS.1"))),
        says(view("hung_process", A, claim("the moon is full", "r1.status.\u0661"))),
        says(view("hung_process", A, claim("the moon is full", "r01.status.1"))),
        says(verdict="no_fault", findings=[claim("the moon is full", "r2.status.1")]),
    ],
)
def test_who_invents_a_name_is_not_heard_and_its_claims_are_told(invented: dict[str, Any]) -> None:
    diagnosis = diagnosed(ScriptedModel([reply(invented)]))
    is_by_rules_alone(diagnosis, "invented_names")
    assert "the moon is full" in diagnosis.dropped_claims
    assert all("moon" not in f.text for h in diagnosis.hypotheses for f in (*h.support, *h.refutation))


@pytest.mark.parametrize("missing", ["reasoner_model", "reasoner_usd_per_million_in", "reasoner_usd_per_million_out"])
def test_a_model_without_a_name_or_a_price_is_not_asked(missing: str) -> None:
    model = ScriptedModel([reply(AGREES)])
    asked = diagnosed(model, **{missing: "" if missing == "reasoner_model" else None}).reasoner
    assert asked.fell_back is not None
    assert asked.fell_back.startswith("not_configured: no ")
    assert model.asked == []


def test_nobody_is_asked_when_it_is_over_when_the_round_is_old_or_when_it_has_recovered() -> None:
    model = ScriptedModel([])
    well = World()
    closed = e.IncidentClosedV1(why="person")
    assert story(SERVICE, ports(model)).given(opened(), closed).when(well.gathered()).events == []
    newer = story(SERVICE).given(opened(), well.gathered(1), well.gathered(2))
    old = Trigger(newer.store.load(newer.stream).events[1], NOON)
    assert gather(newer.case, old, ports(model)) is None
    (resolved,) = story(SERVICE, ports(model)).given(opened()).when(well.gathered(1, "verify")).events
    assert isinstance(resolved, e.IncidentResolvedV1)
    assert model.asked == []


def test_without_readable_evidence_nobody_is_asked() -> None:
    model = ScriptedModel([])
    gathered = HUNG.gathered().model_copy(update={"items": []})
    (event,) = story(SERVICE, ports(model)).given(opened()).when(gathered).events
    assert isinstance(event, e.DiagnosisReachedV1)
    assert event.reasoner.fell_back == "nothing_to_show: no evidence of this round can be read"


@pytest.mark.parametrize("wanted", ["bedrock", "openai"])
def test_without_the_extra_the_rules_judge_and_say_so(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)
    for name in [name for name in sys.modules if name.startswith("pydantic_ai.")]:
        monkeypatch.setitem(sys.modules, name, None)
    settings = ReasonSettings.model_validate({"reasoner": wanted, "reasoner_model": "m", **PRICES})
    (event,) = story(SERVICE, ports_of(settings)).given(opened()).when(HUNG.gathered()).events
    assert isinstance(event, e.DiagnosisReachedV1)
    assert event.outcome == "conclusive"
    assert event.reasoner.fell_back == "not_installed: the extra `llm` is not installed"


def test_the_rules_alone_are_the_default_and_are_said_to_be_nothing_else() -> None:
    assert ports_of(ReasonSettings()) is None
    (event,) = story(SERVICE, None).given(opened()).when(HUNG.gathered()).events
    assert event == by_rules()


@pytest.mark.parametrize("url", ["ftp://models", "http://", "models:8080", "https://user:pass@models/v1"])
def test_an_endpoint_is_an_address_without_a_password(url: str) -> None:
    with pytest.raises(ValueError, match="address") as refused:
        ReasonSettings.model_validate({"reasoner_url": url})
    assert url not in str(refused.value)


def test_settings_do_not_show_the_key() -> None:
    settings = ReasonSettings.model_validate({"reasoner": "openai", "reasoner_key": "sk-very-secret"})
    assert "very-secret" not in f"{settings!r} {settings} {settings.model_dump_json()} {ports_of(settings)!r}"
