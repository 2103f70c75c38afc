"""The model over the wire: the real clients against Converse and Chat Completions on loopback, faults by script."""

import json
import logging
import random
import time
from collections.abc import Iterator
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
from tests.support.model_wire import KEY, PROTOCOLS, ModelWire, model_wire
from tests.support.scene_builder import World
from tests.support.scripted_http import Endpoint, Script, Step, asked_value

pytestmark = [pytest.mark.integration, pytest.mark.feature(118)]

A = "i-00000000000000001"
HUNG = World(silent=[A], errors={"orders": 50, A: 100}, latency={"orders": 300, A: 600})
AGREES = says(view("hung_process", A, claim("it answers nothing", "r1.status.1")))
GOOD = Step(AGREES)


@dataclass(frozen=True)
class Wire:
    """reason, with a model behind one protocol."""

    model: ModelWire
    made: dict[str, Ports] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.model.protocol

    @property
    def endpoint(self) -> Endpoint:
        return self.model.endpoint

    def ports(self, **changed: Any) -> Ports:
        """Made once per settings, as a worker does; pauses take no time."""
        if repr(changed) in self.made:
            return self.made[repr(changed)]
        told = {"reasoner": self.name, "reasoner_call_s": 10, **self.model.settings("reasoner"), **PRICES, **changed}
        ports = ports_of(ReasonSettings.model_validate(told))
        assert ports is not None
        return self.made.setdefault(repr(changed), replace(ports, pause=lambda _: None))

    def diagnosed(self, *script: Script, **changed: Any) -> e.DiagnosisReachedV1:
        self.endpoint.script(*script)
        (event,) = story(SERVICE, self.ports(**changed)).given(opened()).when(HUNG.gathered()).events
        assert isinstance(event, e.DiagnosisReachedV1)
        return event


@pytest.fixture(scope="module", params=PROTOCOLS)
def served(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with model_wire(request.param) as wire:
        yield Wire(wire)


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
    assert request["path"].endswith("/converse-stream") if wire.name == "bedrock" else body["stream"]
    schema = wire.model.schema(body)
    jsonschema.validate(AGREES, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(says(view("hung_process", "i-0000000000000000f", claim("x", "r1.status.1"))), schema)
    assert not {"toolConfig", "tools", "tool_choice", "functions"} & body.keys()
    value = asked_value(wire.model.question(body))
    assert {item["id"] for item in value["evidence"]} == {item.id for item in HUNG.gathered().items}


def test_two_calls_have_different_marks(wire: Wire) -> None:
    wire.diagnosed(Step(status=429, code="ThrottlingException"), GOOD)
    wire.diagnosed(GOOD)
    marks = [wire.model.question(request["body"]).split("\n")[1] for request in wire.endpoint.requests]
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
    with model_wire("openai") as served:
        wire = Wire(served)
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
    assert wire.model.is_key_sent(request) == (wire.name == "openai"), "the key goes to its door only"
    seen = f"{told.model_dump_json()} {caplog.text}"
    assert KEY not in seen
    assert "may not read" not in seen


WHOLE = 2  # events after which the whole text has come in, if it is of one piece


@pytest.mark.parametrize("events", [0, 1, WHOLE])
def test_a_stream_that_ends_without_saying_why_is_no_answer_even_if_its_text_is_whole(wire: Wire, events: int) -> None:
    cut = Step(AGREES, piece=10_000, events=events)
    assert wire.diagnosed(cut, GOOD).reasoner.fell_back is None
    assert len(wire.endpoint.requests) == 2
    told = wire.diagnosed(cut, cut, reasoner_tries=2)
    assert fell_back(told) == ("cut" if events or wire.name == "bedrock" else "model_error"), (
        "of nothing at all: either"
    )
    assert (told.reasoner.calls, told.reasoner.unmetered, told.findings) == (2, 2, by_rules().findings)


def test_only_the_text_was_missing_nothing_of_a_stream_that_was_cut_after_it(wire: Wire) -> None:
    """Else the test before would show nothing: one or two events more, and the same text is an answer."""
    said_why = WHOLE + (2 if wire.name == "bedrock" else 1)
    told = wire.diagnosed(Step(AGREES, piece=10_000, events=said_why)).reasoner
    assert told.fell_back is None
    assert (told.tokens_in, told.tokens_out, told.unmetered) == (0, 0, 1), "its tokens were to come next"


BEDROCK_FAULTS = {
    "throttlingException": "throttled",
    "modelStreamErrorException": "model_error",
    "internalServerException": "model_error",
    "serviceUnavailableException": "model_error",
    "validationException": "rejected",
    "somethingNewException": "model_error",
}
OPENAI_FAULTS = {"rate_limit_exceeded": "throttled", "server_error": "model_error", "something_new": "model_error"}


def test_an_error_within_a_stream_is_what_it_would_have_been_before_it(wire: Wire) -> None:
    for fault, code in (BEDROCK_FAULTS if wire.name == "bedrock" else OPENAI_FAULTS).items():
        wire.endpoint.requests.clear()
        told = wire.diagnosed(*[Step(AGREES, piece=10_000, fault=fault)] * 2, reasoner_tries=2)
        assert fell_back(told) == code, fault
        assert len(wire.endpoint.requests) == (1 if code == "rejected" else 2), fault
        assert told.reasoner.unmetered == told.reasoner.calls


@pytest.mark.parametrize("answer", ["x" * 400_000, {**AGREES, "summary": "x" * 400_000}], ids=["prose", "schema"])
def test_an_answer_beyond_what_it_may_have_is_not_read_on(wire: Wire, answer: Any) -> None:
    told = wire.diagnosed(Step(answer, piece=1000, pause_s=0.002), GOOD, reasoner_output_tokens=500)
    assert fell_back(told) == "answer_cut"
    assert (told.reasoner.calls, told.reasoner.unmetered) == (1, 1)
    assert wire.endpoint.sent < 100, "500 tokens are 8 events; it does not go on to send all of 400"


def test_an_answer_that_comes_steadily_ends_with_its_time_all_the_same(wire: Wire) -> None:
    wire.diagnosed(GOOD)  # the clients are imported now
    steady, began = Step("x" * 2000, piece=10, pause_s=0.05), time.monotonic()
    assert fell_back(wire.diagnosed(steady, reasoner_call_s=0.5, reasoner_tries=1)) == "timed_out"
    assert time.monotonic() - began < 5, "all of it takes 10 s"


@pytest.mark.filterwarnings("ignore:Failed to extract usage")  # the client's, of what is no number of tokens
@pytest.mark.parametrize("usage", [(10**30, 100), (1000, 10**30), (-7, 100), (1000, -7), (200_000, 100), (0, 5)])
def test_tokens_that_the_request_cannot_have_had_are_not_told(wire: Wire, usage: tuple[int, int]) -> None:
    told = wire.diagnosed(Step(AGREES, usage=usage)).reasoner
    assert told.fell_back is None, "the answer is heard"
    assert (told.tokens_in, told.tokens_out, told.unmetered, told.cost_usd) == (0, 0, 1, "0")


def odd_events() -> dict[str, list[bytes]]:
    """By protocol, streams with one event of another shape."""
    told: list[tuple[str, Any]] = [
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": 5}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": []}),
        ("contentBlockDelta", {"delta": {"text": "x"}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "x"}}}),
        ("messageStop", {}),
        ("messageStop", {"stopReason": ["end_turn"]}),
        ("messageStop", []),
        ("metadata", {"usage": {"inputTokens": "many"}}),
        ("metadata", {"usage": [1]}),
        ("metadata", {"usage": {"inputTokens": float("inf"), "outputTokens": 1, "totalTokens": 1}}),
        ("nobodyKnowsThis", {"a": 1}),
    ]
    choices: list[Any] = [
        5,
        [5],
        [{"delta": 5}],
        [{"index": 0, "delta": {"content": 5}}],
        [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": 7}]}}],
        [{"index": 0, "delta": {}, "finish_reason": ["stop"]}],
    ]
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    lines = [{**chunk, "choices": choice} for choice in choices]
    lines += [{**chunk, "choices": [], "usage": usage} for usage in ([1], {"prompt_tokens": "many"}, 1e300)]
    deep = "[" * 20_000
    return {
        "bedrock": [converse.message("event", name, body) for name, body in told]
        + [converse.message("event", "metadata", {"usage": 1})[:-9], deep.encode()],
        "openai": [f"data: {json.dumps(line)}\n\n".encode() for line in lines]
        + [f"data: {deep}\n\n".encode(), b"data: 1e999\n\n", b"data: null\n\n", b"event: x\n\n"],
    }


@pytest.mark.filterwarnings("ignore:Failed to extract usage", "ignore:Pydantic serializer warnings")
def test_whatever_stands_in_an_event_the_incident_gets_its_diagnosis(wire: Wire) -> None:
    for number, event in enumerate(odd_events()[wire.name]):
        told = wire.diagnosed(Step(AGREES, mangle=lambda whole, odd=event: odd + whole), reasoner_tries=1)  # type: ignore[misc]
        assert told.reasoner.fell_back is None or fell_back(told) in ("cut", "model_error", "not_ended"), number


@pytest.mark.filterwarnings("ignore:Failed to extract usage", "ignore:Pydantic serializer warnings")
def test_bytes_that_were_changed_on_the_way_leave_a_diagnosis(wire: Wire) -> None:
    for seed in range(60):
        rng = random.Random(f"{wire.name} {seed}")

        def changed(whole: bytes, rng: random.Random = rng) -> bytes:
            told = bytearray(whole)
            for _ in range(rng.choice([1, 1, 3, 20])):
                at = rng.randrange(len(told))
                told[at : at + rng.choice([0, 1, 1, 9])] = rng.randbytes(rng.choice([0, 1, 1, 5]))
            return bytes(told)

        told = wire.diagnosed(Step(AGREES, mangle=changed), reasoner_tries=1)
        assert told.outcome == by_rules().outcome, seed
        assert told.hypotheses[0].component == by_rules().hypotheses[0].component, seed


def test_a_model_without_credentials_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    with model_wire("bedrock") as served:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        assert fell_back(Wire(served).diagnosed(GOOD)) == "access_denied"
        assert served.endpoint.requests == []
