"""The model over the wire: the real clients against Converse and Chat Completions on loopback, faults by script."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import jsonschema
import pytest

from resilibot.contracts import events as e
from resilibot.reason.adapters.models import ports_of
from resilibot.reason.diagnose import diagnose
from resilibot.reason.ports import Ports
from resilibot.reason.service import SERVICE
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.testing import story
from tests.support import chat_completions, converse
from tests.support.act_world import opened
from tests.support.model_answers import PRICES, claim, says, view
from tests.support.scene_builder import World
from tests.support.scripted_http import Endpoint, Script, Step, asked_value

pytestmark = [pytest.mark.integration, pytest.mark.feature(118)]

A = "i-00000000000000001"
KEY = "sk-very-secret-key"
HUNG = World(silent=[A], errors={"orders": 50, A: 100}, latency={"orders": 300, A: 600})
AGREES = says(view("hung_process", A, claim("it answers nothing", "r1.status.1")))
GOOD = Step(AGREES)


@dataclass(frozen=True)
class Wire:
    """One protocol: where it is served, and how its requests are read."""

    name: str
    endpoint: Endpoint
    question: Callable[[dict[str, Any]], str]
    schema: Callable[[dict[str, Any]], Any]

    made: dict[str, Ports] = field(default_factory=dict)

    def ports(self, **changed: Any) -> Ports:
        """Made once per settings, as a worker does; pauses take no time."""
        if repr(changed) in self.made:
            return self.made[repr(changed)]
        settings = ReasonSettings.model_validate(
            {
                "reasoner": self.name,
                "reasoner_model": "some.model-v1",
                "reasoner_url": f"{self.endpoint.url}/v1" if self.name == "openai" else "",
                "reasoner_key": KEY,
                "reasoner_region": "eu-west-1",
                "reasoner_call_s": 10,
                **PRICES,
                **changed,
            }
        )
        ports = ports_of(settings)
        assert ports is not None
        return self.made.setdefault(repr(changed), replace(ports, pause=lambda _: None))

    def diagnosed(self, *script: Script, **changed: Any) -> e.DiagnosisReachedV1:
        self.endpoint.script(*script)
        (event,) = story(SERVICE, self.ports(**changed)).given(opened()).when(HUNG.gathered()).events
        assert isinstance(event, e.DiagnosisReachedV1)
        return event


@pytest.fixture(scope="module", params=["bedrock", "openai"])
def served(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        if request.param == "bedrock":
            with converse.converse() as endpoint:
                patch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", endpoint.url)
                yield Wire("bedrock", endpoint, converse.question, converse.schema)
        else:
            with chat_completions.chat_completions() as endpoint:
                yield Wire("openai", endpoint, chat_completions.question, chat_completions.schema)


@pytest.fixture
def wire(served: Wire) -> Wire:
    served.endpoint.requests.clear()
    served.endpoint.metered.clear()
    return served


def by_rules() -> e.DiagnosisReachedV1:
    gathered = HUNG.gathered()
    return diagnose(story(SERVICE).given(opened(), gathered).case, gathered)


def fell_back(diagnosis: e.DiagnosisReachedV1) -> str:
    """The code; nothing else of the verdict may differ from the rules'."""
    assert diagnosis.model_copy(update={"reasoner": by_rules().reasoner, "dropped_claims": []}) == by_rules()
    assert diagnosis.reasoner.name == "deterministic"
    assert diagnosis.reasoner.fell_back is not None
    return diagnosis.reasoner.fell_back.partition(":")[0]


def test_an_answer_comes_back_as_findings_with_its_cost(wire: Wire) -> None:
    told = wire.diagnosed(GOOD)
    assert told.reasoner.fell_back is None
    assert (told.reasoner.name, told.reasoner.tokens_in, told.reasoner.tokens_out) == (wire.name, 1000, 100)
    assert told.reasoner.cost_usd == "0.00451"
    assert told.findings[0].text == "the model: it answers nothing"
    assert told.hypotheses == by_rules().hypotheses


def test_it_is_asked_by_native_schema_without_tools_and_the_answer_fits_it(wire: Wire) -> None:
    wire.diagnosed(GOOD)
    (request,) = wire.endpoint.requests
    body = request["body"]
    schema = wire.schema(body)
    jsonschema.validate(AGREES, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(says(view("hung_process", "i-0000000000000000f", claim("x", "r1.status.1"))), schema)
    assert not {"toolConfig", "tools", "tool_choice", "functions"} & body.keys()
    value = asked_value(wire.question(body))
    assert {item["id"] for item in value["evidence"]} == {item.id for item in HUNG.gathered().items}


def test_two_calls_have_different_marks(wire: Wire) -> None:
    wire.diagnosed(Step(status=429, code="ThrottlingException"), GOOD)
    wire.diagnosed(GOOD)
    marks = [wire.question(request["body"]).split("\n")[1] for request in wire.endpoint.requests]
    assert len({*marks}) == 2
    assert min(len(mark) for mark in marks) == 32


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Step(status=429, code="ThrottlingException"), "throttled"),
        (Step(status=429, code="ModelNotReadyException"), "throttled"),
        (Step(status=408, code="ModelTimeoutException"), "timed_out"),
        (Step(status=424, code="ModelErrorException"), "model_error"),
        (Step(status=500, code="InternalServerException"), "model_error"),
        (Step(status=503, code="ServiceUnavailableException"), "model_error"),
        (Step(drop=True), "model_error"),
        (Step(AGREES, cut_at=60), "model_error"),
        (Step(body=b"<html>welcome to our proxy</html>"), "model_error"),
        (Step(AGREES, stop=None), "cut"),
    ],
)
def test_what_may_pass_is_tried_again_and_at_last_given_up(wire: Wire, fault: Step, code: str) -> None:
    assert wire.diagnosed(fault, GOOD).reasoner.fell_back is None
    assert len(wire.endpoint.requests) == 2, "neither client tries again by itself"
    assert fell_back(wire.diagnosed(fault, fault, GOOD, reasoner_tries=2)) == code
    assert len(wire.endpoint.requests) == 4


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Step(status=403, code="AccessDeniedException"), "access_denied"),
        (Step(status=401, code="UnrecognizedClientException"), "access_denied"),
        (Step(status=404, code="ResourceNotFoundException"), "rejected"),
        (Step(status=400, code="ValidationException"), "rejected"),
        (Step(status=400, code="ServiceQuotaExceededException"), "rejected"),
        (Step(AGREES, stop="length"), "answer_cut"),
        (Step(AGREES, stop="refused"), "refused"),
        (Step(AGREES, stop="malformed_model_output"), "not_ended"),
        (Step("I will not help with that."), "malformed_answer"),
        (Step(json.dumps(AGREES)[:-2]), "malformed_answer"),
        (Step({**AGREES, "action": "restart"}), "malformed_answer"),
        (Step(says(view("hung_process", A, claim("x", "r7.log.1")))), "invented_names"),
    ],
)
def test_what_will_not_pass_is_asked_once(wire: Wire, fault: Step, code: str) -> None:
    assert fell_back(wire.diagnosed(fault, GOOD)) == code
    assert len(wire.endpoint.requests) == 1


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"output":1}', b'{"choices":[]}', b"", b"\xff\xfe"])
def test_whatever_stands_in_a_body_the_incident_gets_its_diagnosis(wire: Wire, body: bytes) -> None:
    assert fell_back(wire.diagnosed(Step(body=body), reasoner_tries=1)) in ("cut", "model_error")


def test_an_openai_refusal_is_one() -> None:
    with chat_completions.chat_completions() as endpoint:
        wire = Wire("openai", endpoint, chat_completions.question, chat_completions.schema)
        assert fell_back(wire.diagnosed(Step(refusal="I cannot"), GOOD)) == "refused"


@pytest.mark.parametrize("slow", [Step(AGREES, delay_s=5), Step("x" * 400, trickle_s=0.1)], ids=["late", "trickling"])
def test_an_answer_is_not_waited_for_beyond_its_time(wire: Wire, slow: Step) -> None:
    wire.diagnosed(GOOD)  # the clients are imported now
    assert fell_back(wire.diagnosed(slow, reasoner_call_s=0.5, reasoner_tries=1)) == "timed_out"


ODD = [
    b"[" * 20_000,
    b'{"output":{"message":{"role":"assistant","content":[{"text":5}]}},"stopReason":"end_turn",'
    b'"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2}}',
]


@pytest.mark.parametrize("body", ODD, ids=["too deep", "a number for a text"])
def test_a_body_that_a_client_trips_over_leaves_the_rules_alone(wire: Wire, body: bytes) -> None:
    assert fell_back(wire.diagnosed(Step(body=body), reasoner_tries=1)) in ("model_error", "cut")


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/v1", "http://\u2603.example/v1"], ids=["port", "host"])
def test_an_address_that_no_client_takes_leaves_the_rules_alone(wire: Wire, url: str) -> None:
    if wire.name == "openai":
        assert fell_back(wire.diagnosed(reasoner_url=url, reasoner_tries=1)) == "model_error"


def test_a_redirect_is_not_followed(wire: Wire) -> None:
    with chat_completions.chat_completions() as elsewhere:
        elsewhere.script(GOOD)
        moved = Step(status=307, headers={"Location": f"{elsewhere.url}/v1/chat/completions"})
        assert fell_back(wire.diagnosed(moved, reasoner_tries=1)) in ("rejected", "model_error")
        assert elsewhere.requests == []


@pytest.mark.feature(61)
def test_the_tokens_told_are_those_the_endpoint_metered_failed_tries_included(wire: Wire) -> None:
    script = [
        (Step(status=429, code="ThrottlingException"), Step(AGREES, usage=(1111, 22))),
        (Step("prose", usage=(333, 4)),),
        (Step(AGREES, stop="length", usage=(50, 2000)),),
    ]
    told = [wire.diagnosed(*steps).reasoner for steps in script]
    metered = wire.endpoint.metered
    assert len(metered) == 3
    assert sum(one.tokens_in for one in told) == sum(tokens_in for tokens_in, _ in metered)
    assert sum(one.tokens_out for one in told) == sum(tokens_out for _, tokens_out in metered)


def test_a_key_and_the_prompt_stay_out_of_event_and_log(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    leaky = Step(status=403, code="AccessDenied", message=f"{KEY} may not read r1.status.1 of orders")
    told = wire.diagnosed(leaky)
    assert fell_back(told) == "access_denied"
    (request,) = wire.endpoint.requests
    assert KEY not in json.dumps(request["body"])
    assert (f"Bearer {KEY}" in request["headers"].values()) == (wire.name == "openai"), "the key goes to its door only"
    seen = f"{told.model_dump_json()} {caplog.text}"
    assert KEY not in seen
    assert "may not read" not in seen


def test_a_model_without_credentials_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with converse.converse() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", endpoint.url)
        wire = Wire("bedrock", endpoint, converse.question, converse.schema)
        assert fell_back(wire.diagnosed(GOOD)) == "access_denied"
        assert endpoint.requests == []
