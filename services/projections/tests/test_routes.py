"""The routes: every read model now and as it was; what is asked wrongly is named."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.personal import ERASED, TOKEN
from resilibot.projections.ports import Ports, ReadModelUnavailable, RebuildUnderWay
from resilibot.projections.project import Projector, fold_view
from resilibot.projections.routes import routes
from resilibot.runtime.bus.message import encode
from resilibot.runtime.event_store.log_entries import Sequenced
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append
from resilibot.runtime.http import Principals, application, use_principals
from resilibot.runtime.personal import InMemorySubjectKeys, Personal
from tests.support.read_models import Database, MemoryReadModels
from tests.support.story import FINGERPRINT, INCIDENT, SHOWN, recorded
from tests.support.synthetic import append_synthetic, incident_id, stream_of

pytestmark = pytest.mark.feature(201)
Get = Callable[..., tuple[int, Any]]
LOGS = {stream: recorded(stream, events) for stream, events in SHOWN.items()}
TARGET = "target#service/orders"


@pytest.fixture
def get() -> Iterator[Get]:
    """GET path?parameters of an API over the story and two younger incidents."""
    with api(LOGS) as get:
        yield get


@contextmanager
def api(logs: Mapping[str, list[RecordedEvent]], **ports_too: Any) -> Iterator[Get]:
    digest = hashlib.sha256(b"t0ken").hexdigest()
    use_principals(Principals(lambda: json.dumps({digest: {"id": "ana@example.org", "roles": ["viewer"]}})))
    store = InMemoryEventStore()
    ports = Ports(store, MemoryReadModels(Database()), **ports_too)
    for stream, log in logs.items():
        store.append([Append(stream, 0, tuple(log))])
    for number in (10, 20):  # opened at second 70 and 140
        append_synthetic(store, number, 29)
    for head in store.heads():
        record = {"messageId": "m", "body": encode(store.load(head.stream).events[-1]), "attributes": {}}
        Projector(ports).handle({"Records": [record]})
    app = application(APIGatewayHttpResolver(enable_validation=True), [routes(ports)])

    def get(path: str, **parameters: str) -> tuple[int, Any]:
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "queryStringParameters": parameters,
            "headers": {"authorization": "Bearer t0ken"},
            "requestContext": {"http": {"method": "GET", "path": path}, "stage": "$default"},
            "isBase64Encoded": False,
        }
        answer = app.resolve(event, SimpleNamespace())
        return answer["statusCode"], json.loads(answer["body"])

    try:
        yield get
    finally:
        use_principals(None)


def shown_at(stream: str, version: int) -> dict[str, Any]:
    return fold_view(stream, LOGS[stream][:version]).states()


@pytest.mark.parametrize("version", [1, 7, 18, 30])
def test_a_case_and_a_timeline_at_a_version_or_its_moment(get: Get, version: int) -> None:
    stream = f"incident#{INCIDENT}"
    expected = shown_at(stream, version)
    moment = LOGS[stream][version - 1].envelope.model_dump(mode="json")["recorded_at"]
    for at in (str(version), moment):
        assert get(f"/incidents/{INCIDENT}", at=at) == (200, expected["cases"])
        assert get(f"/incidents/{INCIDENT}/timeline", at=at) == (200, {"entries": expected["timelines"]})
        assert len(get(f"/incidents/{INCIDENT}/events", at=at)[1]["events"]) == version


def test_a_signal_and_a_target_as_they_were(get: Get) -> None:
    assert get(f"/signals/{FINGERPRINT}", at="1") == (200, shown_at(f"signal#{FINGERPRINT}", 1)["signals"])
    assert get("/targets", name="service/orders", at="1") == (200, shown_at(TARGET, 1)["targets"])
    assert get("/targets", name="service/orders", at="1")[1]["open_action"] == "a1"
    assert get("/targets", name="service/orders") == (200, shown_at(TARGET, 2)["targets"])


def test_the_list_as_it_was(get: Get) -> None:
    """At second 145 the third incident is five events old; at second 69 there was only the first."""
    status, page = get("/incidents", at="2026-11-24T12:02:24.500000Z")
    assert status == 200
    assert [row["incident_id"] for row in page["incidents"]] == [incident_id(20), incident_id(10), INCIDENT]
    assert [row["version"] for row in page["incidents"]] == [5, 29, len(SHOWN[f"incident#{INCIDENT}"])]
    _, early = get("/incidents", at="2026-11-24T12:01:09Z")
    assert [row["incident_id"] for row in early["incidents"]] == [INCIDENT]
    assert get("/incidents", at="2026-11-24T11:00:00Z") == (200, {"incidents": [], "cursor": None})


def test_without_at_the_read_models_answer(get: Get) -> None:
    _, page = get("/incidents")
    assert [row["version"] for row in page["incidents"]] == [29, 29, len(SHOWN[f"incident#{INCIDENT}"])]
    assert get(f"/incidents/{INCIDENT}") == (
        200,
        shown_at(f"incident#{INCIDENT}", len(SHOWN[f"incident#{INCIDENT}"]))["cases"],
    )


@pytest.mark.parametrize(
    ("path", "parameters", "status", "words"),
    [
        (f"/incidents/{INCIDENT}", {"at": "yesterday"}, 400, "yesterday"),
        (f"/incidents/{INCIDENT}", {"at": "2026-11-24T12:00:00"}, 400, "zone"),
        (f"/incidents/{INCIDENT}", {"at": "20261124"}, 400, "zone"),  # a date, not a version
        (f"/incidents/{INCIDENT}", {"at": "9" * 12}, 400, "neither"),
        (f"/incidents/{INCIDENT}", {"at": ""}, 422, "at"),
        ("/incidents/%20", {}, 422, "incident_id"),
        (f"/incidents/{'A' * 129}/timeline", {}, 422, "incident_id"),
        (f"/incidents/{INCIDENT}", {"at": "0"}, 404, "at 0"),
        (f"/incidents/{INCIDENT}/timeline", {"at": "2020-01-01T00:00:00Z"}, 404, "there was no incident"),
        (f"/incidents/{INCIDENT}/events", {"at": "0"}, 404, INCIDENT),
        ("/incidents/NOPE/events", {}, 404, "no incident NOPE"),
        ("/incidents", {"at": "7"}, 400, "version 7"),
        ("/signals/unknown", {}, 404, "no signal unknown"),
        ("/targets", {"name": "service/unknown"}, 404, "no target service/unknown"),
        ("/targets", {}, 422, "name"),
    ],
)
def test_what_is_asked_wrongly_is_named(
    get: Get, path: str, parameters: dict[str, str], status: int, words: str
) -> None:
    answered, problem = get(path, **parameters)
    assert answered == status
    assert words in problem["detail"]


def test_the_synthetic_streams_are_what_the_routes_show(get: Get) -> None:
    assert get(f"/incidents/{stream_of(10).partition('#')[2]}")[1]["version"] == 29


KIM = "kim@example.org"


def sealed(personal: Personal) -> dict[str, list[RecordedEvent]]:
    """The story in which Kim, who grants and who made the change, is sealed as the writer and observe seal."""
    kim = personal.identity(KIM)
    events = []
    for event in SHOWN[f"incident#{INCIDENT}"]:
        if isinstance(event, e.ApprovalGrantedV1):
            event = event.model_copy(update={"approver": kim})
        if isinstance(event, e.DiagnosisReachedV1):
            event = event.model_copy(update={"summary": f"{event.summary}, made by {kim}"})
        if isinstance(event, e.EvidenceGatheredV1):
            (item,) = event.items
            content = {**item.content, "by": kim} if item.content else {}
            made = {"content": content, "content_hash": content_hash(content), "summary": f"{item.summary}, by {kim}"}
            event = event.model_copy(update={"items": [item.model_copy(update=made)]})
        events.append(event)
    return {f"incident#{INCIDENT}": recorded(f"incident#{INCIDENT}", events)}


@pytest.mark.feature(214)
@pytest.mark.parametrize("at", [None, "30", "2026-11-24T12:00:30Z"])
def test_whoever_reads_is_shown_names_now_and_then_until_they_are_forgotten(at: str | None) -> None:
    personal = Personal(InMemorySubjectKeys())
    paths = ["", "/timeline", "/events", "/evidence/r1.change.1"]
    when = {"at": at} if at else {}

    def read() -> list[str]:
        answers = [get(f"/incidents/{INCIDENT}{path}", **({} if "evidence" in path else when)) for path in paths]
        answers.append(get("/incidents", **({} if at == "30" else when)))
        for event in answers[2][1]["events"]:
            event.pop("body")  # the exact text that is hashed
        assert [status for status, _ in answers] == [200] * 5
        return [json.dumps(body) for _, body in answers]

    with api(sealed(personal), reveal=personal.reveal) as get:
        before = read()
        personal.forget(KIM)
        after = read()
    assert all(KIM in text for text in before)
    assert all(ERASED in text for text in after)
    assert not [text for text in [*before, *after] if TOKEN.search(text)]
    assert not [text for text in after if KIM in text]


class MemoryLog:
    """All events of all logs, one stream after the other: an order as good as any for a reader."""

    def __init__(self) -> None:
        events = [event for log in LOGS.values() for event in log]
        self.entries = [Sequenced(position, event) for position, event in enumerate(events, start=1)]

    def read(self, after: int = 0, limit: int = 100) -> list[Sequenced]:
        return self.entries[after : after + limit]


@pytest.mark.feature(213)
def test_the_feed_is_read_on_from_where_it_was_and_tells_each_event_once() -> None:
    log = MemoryLog()
    with api(LOGS, log=log) as get:
        seen: list[dict[str, Any]] = []
        after = 0
        while page := get("/feed", after=str(after), limit="7")[1]["entries"]:
            seen += page
            after = page[-1]["position"]
        assert get("/feed", after=str(after))[1] == {"entries": [], "last": after}
    assert [row["position"] for row in seen] == list(range(1, len(log.entries) + 1))
    assert [(row["stream"], row["version"]) for row in seen] == [(x.event.stream, x.event.version) for x in log.entries]


def test_a_home_without_an_order_over_all_streams_says_so(get: Get) -> None:
    assert get("/feed")[0] == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [(ReadModelUnavailable("incidents: throttled"), 503), (RebuildUnderWay("2"), 500), (KeyError("x"), 500)],
)
def test_read_models_that_do_not_answer_are_no_fault_of_ours(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(MemoryReadModels, "newest_incidents", fails)
    with api(LOGS) as get:
        answered, problem = get("/incidents")
    assert (answered, problem["status"]) == (status, status)
    assert "throttled" not in str(problem)
