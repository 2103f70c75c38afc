"""The doors for machines: proven, kept, answered; the same delivery twice is one signal; the rest is told."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from resilibot.contracts import events as e
from resilibot.ingest.arrival import MOST_BYTES, unpack
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports, QueueUnavailable, SubscriptionsUnavailable
from resilibot.ingest.refuse import record
from resilibot.ingest.routes import routes
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.sources.sns import CertificateUnavailable
from resilibot.ingest.webhooks import read_sources
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.http import Gate, Principals, application
from resilibot.runtime.http.limits import TokenBuckets
from resilibot.runtime.http.refusals import Refusals
from resilibot.runtime.personal import InMemorySubjectKeys, Personal
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Writer
from services.ingest.tests.test_sns import TOPIC, certificate, key, message
from services.ingest.tests.test_webhooks import GRAFANA, KEY, STANDARD, TOKEN, signed

ALARM = json.dumps(
    {
        "AlarmName": "orders-failures",
        "AWSAccountId": "000000000000",
        "NewStateValue": "ALARM",
        "StateChangeTime": "2026-11-24T12:00:00.000+0000",
        "Region": "us-east-1",
        "Trigger": {"MetricName": "Failures", "Namespace": "Test", "Period": 60, "Dimensions": []},
    }
).encode()


class Queue:
    def __init__(self) -> None:
        self.messages: list[str] = []
        self.is_down = False

    def put(self, text: str) -> None:
        if self.is_down:
            raise QueueUnavailable("no answer")
        self.messages.append(text)


class Sns:
    """Certificates, and SNS itself."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.confirmed: list[tuple[str, str]] = []
        self.is_down = False
        self.has_no_certificate = False

    def pem(self, url: str) -> bytes:
        self.asked.append(url)
        if self.has_no_certificate:
            raise CertificateUnavailable(url)
        return certificate(key())

    def confirm(self, topic_arn: str, token: str) -> None:
        if self.is_down:
            raise SubscriptionsUnavailable("no answer")
        self.confirmed.append((topic_arn, token))


@dataclass
class Doors:
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    store: InMemoryEventStore = field(default_factory=InMemoryEventStore)
    queue: Queue = field(default_factory=Queue)
    sns: Sns = field(default_factory=Sns)
    personal: Personal = field(default_factory=lambda: Personal(InMemorySubjectKeys()))
    burst: int = 100

    def __post_init__(self) -> None:
        settings = IngestSettings(sns_topics=frozenset({TOPIC}))
        declared = {"grafana": GRAFANA, "cloudwatch": STANDARD, "alertmanager": TOKEN}
        sources = {name: proof.model_copy(update={"sender": "cloudwatch"}) for name, proof in declared.items()}
        self.ports = Ports(
            settings,
            self.clock,
            InMemoryBlobStore(),
            sources=lambda: sources,
            queue=lambda: self.queue,
            certificates=lambda: self.sns,
            subscriptions=lambda: self.sns,
        )
        self.writer = Writer(self.store, SERVICE, self.clock, ports=self.ports, personal=self.personal)
        self.refusals = Refusals(lambda refusals: record(self.writer, refusals), self.clock)
        gate = Gate(
            Principals(lambda: "{}"), TokenBuckets(0.01, self.burst), TokenBuckets(0.01, self.burst), self.refusals
        )
        resolver = APIGatewayHttpResolver(enable_validation=True)
        self._app = application(resolver, [routes(self.ports, self.writer)], gate)

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        event = {
            "version": "2.0",
            "rawPath": path,
            "headers": headers or {},
            "requestContext": {"http": {"method": "POST", "path": path, "sourceIp": "192.0.2.7"}, "stage": "$default"},
            "body": b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        answer = self._app.resolve(event, SimpleNamespace())
        return answer["statusCode"], {**json.loads(answer["body"]), "headers": answer["headers"]}

    def take_in(self) -> list[dict[str, str]]:
        """The intake queue's handler over all that was put there, again and again. Returns what failed."""
        records = [{"messageId": str(n), "body": text} for n, text in enumerate(self.queue.messages)]
        return Intake(self.ports, self.writer).handle({"Records": records})["batchItemFailures"]

    def events(self, kind: type[Any]) -> list[Any]:
        streams = [self.store.load(head.stream).events for head in self.store.heads()]
        return [event.event for events in streams for event in events if isinstance(event.event, kind)]

    def refused(self) -> list[tuple[str, str, int]]:
        return [(one.reason, one.route, one.status) for one in self.events(e.RequestRefusedV1)]


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.mark.feature(3)
def test_a_signed_body_is_kept_to_the_byte_and_becomes_an_incident(doors: Doors) -> None:
    status, answer = doors.post("/webhooks/grafana", ALARM, signed(ALARM)["grafana"])
    assert status == 202, answer
    (text,) = doors.queue.messages
    arrival = unpack(text)
    assert arrival is not None
    assert (arrival.sender, arrival.body, arrival.id) == ("cloudwatch", ALARM, answer["id"])
    assert doors.take_in() == []
    assert [event.title for event in doors.events(e.IncidentOpenedV1)] == ["orders-failures is in ALARM"]


@pytest.mark.feature(3)
def test_what_one_declared_source_says_is_not_of_another_of_the_same_form(doors: Doors) -> None:
    """Two teams' senders count alike: with its own secret nobody clears the alarm of another."""
    fine = ALARM.replace(b'"ALARM"', b'"OK"').replace(b"12:00:00.000", b"12:00:01.000")
    token = {"authorization": f"Bearer {KEY}"}
    assert doors.post("/webhooks/grafana", ALARM, signed(ALARM)["grafana"])[0] == 202
    assert doors.post("/webhooks/alertmanager", fine, token)[0] == 202
    assert doors.take_in() == []
    assert [event.disposition for event in doors.events(e.SignalReceivedV1)] == ["opened", "ignored"]
    assert [event.signal.door for event in doors.events(e.SignalReceivedV1)] == ["grafana", "alertmanager"]
    assert doors.post("/webhooks/grafana", fine, signed(fine)["grafana"])[0] == 202
    doors.take_in()
    assert len(doors.events(e.SignalClearedV1)) == 1


def test_a_source_named_after_its_sender_is_the_sender(doors: Doors) -> None:
    """So what came by another door before it was declared stays the same thing."""
    assert doors.post("/webhooks/cloudwatch", ALARM, signed(ALARM)["standard"])[0] == 202
    doors.queue.messages.append(ALARM.decode().replace("ALARM", "OK"))
    assert doors.take_in() == []
    assert [event.signal.door for event in doors.events(e.SignalReceivedV1)] == ["", ""]
    assert len(doors.events(e.SignalClearedV1)) == 1


@pytest.mark.parametrize("name", ["grafana", "cloudwatch", "alertmanager"])
def test_the_same_signed_request_twice_acts_once(doors: Doors, name: str) -> None:
    """Inside the window the door takes it again, since a sender without an answer must be able to; the log does not."""
    headers = signed(ALARM)[{"cloudwatch": "standard", "alertmanager": "token"}.get(name, name)]
    first, again = (doors.post(f"/webhooks/{name}", ALARM, headers) for _ in range(2))
    assert (first[0], again[0]) == (202, 202)
    assert first[1]["id"] == again[1]["id"]
    doors.take_in()
    doors.take_in()
    assert len(doors.events(e.SignalReceivedV1)) == 1
    assert len(doors.events(e.IncidentOpenedV1)) == 1


def test_what_cannot_be_read_is_kept_for_the_dead_letters(doors: Doors) -> None:
    for body in (b"{", b"\xff\xfe", b"[" * 5000, b'{"AlarmName": 1}', b"\x00\x01"):
        assert doors.post("/webhooks/alertmanager", body, {"authorization": f"Bearer {KEY}"})[0] == 202
        arrival = unpack(doors.queue.messages[-1])
        assert arrival is not None
        assert arrival.body == body
    assert len(doors.take_in()) == 5, "each fails by itself, so that the queue buries it"


@pytest.mark.parametrize(
    ("path", "headers", "reason"),
    [
        ("/webhooks/grafana", {}, "bad_signature"),
        ("/webhooks/grafana", signed(b"other")["grafana"], "bad_signature"),
        ("/webhooks/unknown", {"authorization": f"Bearer {KEY}"}, "bad_signature"),
        ("/webhooks/alertmanager", {"authorization": f"Basic {KEY}"}, "bad_signature"),
    ],
)
def test_who_is_not_proven_leaves_nothing_but_a_refusal(
    doors: Doors, path: str, headers: dict[str, str], reason: str
) -> None:
    status, answer = doors.post(path, ALARM, headers)
    assert (status, answer["detail"]) == (401, "the sender is not proven")
    assert doors.queue.messages == []
    assert doors.refused() == [(reason, "POST /webhooks/{source}", 401)]


def test_a_stale_signature_is_told_apart_and_names_the_source(doors: Doors) -> None:
    headers = signed(ALARM)["grafana"]
    doors.clock.advance(301)
    assert doors.post("/webhooks/grafana", ALARM, headers)[0] == 401
    assert doors.refused() == [("stale", "POST /webhooks/{source}", 401)]
    (head,) = doors.store.heads()
    assert head.stream == "control#refused-2026112412"
    assert doors.store.load(head.stream).events[0].envelope.actor.id == "grafana"


def test_no_secret_token_or_body_stands_in_a_refusal(doors: Doors) -> None:
    doors.post("/webhooks/unknown-source-name", b'{"password": "hunter2"}', {"authorization": f"Bearer {KEY}"})
    doors.post("/incidents", b"{}", {"authorization": "Bearer my-secret-token", "content-type": "application/json"})
    stored = b"".join(event.body for head in doors.store.heads() for event in doors.store.load(head.stream).events)
    assert len(doors.refused()) == 2
    for secret in (KEY.encode(), b"hunter2", b"my-secret-token", b"unknown-source-name", b"192.0.2.7"):
        assert secret not in stored


def test_a_body_too_large_or_empty_is_refused_after_it_is_proven(doors: Doors) -> None:
    token = {"authorization": f"Bearer {KEY}"}
    assert doors.post("/webhooks/alertmanager", b"x" * (MOST_BYTES + 1), token)[0] == 413
    assert doors.post("/webhooks/alertmanager", b"  ", token)[0] == 400
    assert doors.post("/webhooks/alertmanager", b"x" * (MOST_BYTES + 1))[0] == 401
    assert doors.post("/webhooks/alertmanager", b"x" * MOST_BYTES, token)[0] == 202
    assert len(doors.queue.messages[0]) < 262_144, "what SQS takes"


def test_when_the_queue_does_not_answer_the_sender_is_told_to_try_again(doors: Doors) -> None:
    doors.queue.is_down = True
    status, answer = doors.post("/webhooks/grafana", ALARM, signed(ALARM)["grafana"])
    assert (status, answer["headers"]["Retry-After"]) == (503, "5")
    doors.queue.is_down = False
    assert doors.post("/webhooks/grafana", ALARM, signed(ALARM)["grafana"])[0] == 202


@pytest.mark.feature(83)
def test_one_noisy_source_does_not_slow_another_and_neither_do_strangers() -> None:
    doors = Doors(burst=5)
    token = {"authorization": f"Bearer {KEY}"}
    assert [doors.post("/webhooks/alertmanager", ALARM, token)[0] for _ in range(7)] == [202] * 5 + [429] * 2
    assert [doors.post("/webhooks/alertmanager", ALARM)[0] for _ in range(7)] == [401] * 5 + [429] * 2
    assert doors.post("/webhooks/grafana", ALARM, signed(ALARM)["grafana"])[0] == 202
    status, answer = doors.post("/webhooks/alertmanager", ALARM, token)
    assert (status, int(answer["headers"]["Retry-After"]) > 0) == (429, True)


@pytest.mark.feature(3)
@pytest.mark.parametrize("version", ["1", "2"])
def test_sns_over_http_is_taken_from_our_topic_once(doors: Doors, version: str) -> None:
    body = json.dumps(message(version=version, Message=ALARM.decode())).encode()
    for _ in range(2):
        status, answer = doors.post("/sns", body, {"content-type": "text/plain; charset=UTF-8"})
        assert status == 202, answer
    assert doors.take_in() == []
    (received,) = doors.events(e.SignalReceivedV1)
    assert received.signal.source_id == message()["MessageId"]


def test_sns_of_somebody_else_s_topic_is_refused_before_anything_is_fetched(doors: Doors) -> None:
    """SNS signs for whoever has an account: the signature alone proves nothing about the topic."""
    body = json.dumps(message(TopicArn="arn:aws:sns:eu-west-1:999999999999:mine")).encode()
    assert doors.post("/sns", body)[0] == 401
    assert doors.sns.asked == []
    assert doors.refused() == [("bad_signature", "POST /sns", 401)]


def test_a_forged_or_old_or_unreadable_message_of_sns_is_refused(doors: Doors) -> None:
    forged = {**message(), "Message": "changed"}
    assert doors.post("/sns", json.dumps(forged).encode())[0] == 401
    assert doors.post("/sns", b"{")[0] == 400
    assert doors.post("/sns", json.dumps({**message(), "MessageId": None}).encode())[0] == 400
    doors.clock.advance(86_500)
    assert doors.post("/sns", json.dumps(message()).encode())[0] == 401
    assert {reason for reason, _, _ in doors.refused()} == {"bad_signature", "malformed", "stale"}
    assert doors.queue.messages == []


def test_a_subscription_is_confirmed_by_the_api_and_never_by_its_url(doors: Doors) -> None:
    body = json.dumps(message("SubscriptionConfirmation")).encode()
    assert doors.post("/sns", body)[0] == 202
    assert [topic for topic, _ in doors.sns.confirmed] == [TOPIC]
    assert doors.queue.messages == []
    doors.sns.is_down = True
    assert doors.post("/sns", body)[0] == 503


def test_a_person_that_was_refused_is_sealed_in_the_log(doors: Doors) -> None:
    from resilibot.contracts.envelope import Actor

    doors.refusals.note("forbidden", "POST /erasures", 403, Actor(kind="person", id="ann@example.org"))
    (head,) = doors.store.heads()
    (recorded,) = doors.store.load(head.stream).events
    assert b"ann@example.org" not in recorded.body
    assert doors.personal.reveal(recorded.envelope.actor.id) == "ann@example.org"


def test_what_only_looks_like_our_envelope_is_no_arrival() -> None:
    assert unpack('{"resilibot.webhook.v1":') is None
    assert unpack('{"Type": "Notification", "Message": "resilibot.webhook.v1"}') is None


@pytest.mark.feature(83)
@pytest.mark.parametrize("token", ["Bearer \ud800", "Basic \xfc"])
def test_an_odd_header_is_refused_like_any_other(token: str) -> None:
    doors = Doors(burst=3)
    declared = {"scheme": "basic", "username": "u", "secrets": [KEY]}
    doors.ports.sources()["basic"] = read_sources(json.dumps({"basic": declared}))["basic"]  # type: ignore[index]
    for path in ("/webhooks/basic", "/webhooks/alertmanager"):
        assert doors.post(path, ALARM, {"authorization": token})[0] in (401, 429)
    assert [doors.post("/webhooks/basic", ALARM, {"authorization": token})[0] for _ in range(3)] == [401, 429, 429]
    assert {reason for reason, _, _ in doors.refused()} == {"bad_signature", "rate_limited"}


def test_the_certificate_must_be_of_the_topic_s_own_region(doors: Doors) -> None:
    """Any region that somebody makes up would be looked for; SNS signs with the certificate of its own."""
    for url in (
        "https://sns.zz-nowhere-9.amazonaws.com/x.pem",
        "https://sns.eu-west-2.amazonaws.com/x.pem",
        "https://[",
    ):
        assert doors.post("/sns", json.dumps(message(SigningCertURL=url)).encode())[0] == 401
    assert doors.sns.asked == []
    assert doors.refused() == [("bad_signature", "POST /sns", 401)]


@pytest.mark.feature(83)
def test_strangers_make_us_fetch_certificates_only_so_often() -> None:
    doors = Doors(burst=3)
    doors.sns.has_no_certificate = True
    url = "https://sns.eu-west-1.amazonaws.com/x.pem"
    body = json.dumps(message(SigningCertURL=url)).encode()
    assert [doors.post("/sns", body)[0] for _ in range(6)] == [503] * 3 + [429] * 3
    assert len(doors.sns.asked) == 3
    doors.clock.advance(61)
    doors.refusals.flush()
    assert {(reason, status) for reason, _, status in doors.refused()} == {
        ("unauthenticated", 503),
        ("rate_limited", 429),
    }


@pytest.mark.feature(83)
@pytest.mark.parametrize("body", [b"[]", b'{"Type":"Notification"}', b"{"])
def test_what_a_stranger_sends_that_cannot_be_read_is_limited(body: bytes) -> None:
    doors = Doors(burst=3)
    assert [doors.post("/sns", body)[0] for _ in range(5)] == [400] * 3 + [429] * 2
    assert {reason for reason, _, _ in doors.refused()} == {"malformed", "rate_limited"}


def test_sns_itself_is_not_taken_for_a_stranger() -> None:
    doors = Doors(burst=3)
    doors.post("/sns", b"[]")
    statuses = [doors.post("/sns", json.dumps(message()).encode())[0] for _ in range(3)]
    assert statuses == [202] * 3
    assert [doors.post("/sns", b"[]")[0] for _ in range(3)] == [400, 400, 429]
