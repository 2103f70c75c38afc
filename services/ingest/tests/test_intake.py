"""The intake: many signals in one message, each recorded once; what is ignored is named, what is refused stays."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.ingest.intake import Intake
from resilibot.ingest.kept import original
from resilibot.ingest.ports import Ports
from resilibot.ingest.routes import OpenIncident
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.sources import MalformedSignal
from resilibot.runtime.blobs import BlobUnavailable, InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.writer import Writer
from tests.support.story import NOON


def alarm(name: str, state: str = "ALARM", service: str = "orders", stamp: str = "12:00:00") -> str:
    trigger = {
        "MetricName": "Failures",
        "Namespace": "Web",
        "Dimensions": [{"name": "Service", "value": service}],
        "Period": 60,
    }
    body = {"AlarmName": name, "NewStateValue": state, "StateChangeTime": f"2026-11-24T{stamp}Z", "Trigger": trigger}
    return json.dumps(body)


def ec2(event_id: str) -> str:
    """What is well-formed and nothing to act on."""
    detail = {"instance-id": "i-1", "state": "running"}
    kind = "EC2 Instance State-change Notification"
    return json.dumps({"id": event_id, "source": "aws.ec2", "detail-type": kind, "detail": detail})


class CountingBlobs(InMemoryBlobStore):
    def __init__(self) -> None:
        super().__init__()
        self.puts = 0
        self.is_down = False

    def put(self, content: bytes, *, media_type: str) -> str:
        self.puts += 1
        if self.is_down:
            raise BlobUnavailable("s3://memory is down")
        return super().put(content, media_type=media_type)


class CountingStore(InMemoryEventStore):
    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        self.loads.append(stream)
        return super().load(stream, after=after, upto=upto)


class Door:
    def __init__(self) -> None:
        self.blobs, self.store, self.clock = CountingBlobs(), CountingStore(), ManualClock(NOON)
        self.intake = self.another()

    def another(self) -> Intake:
        ports = Ports(IngestSettings(), self.clock, self.blobs)
        return Intake(ports, Writer(self.store, SERVICE, self.clock, "test", ports))

    def take(self, *bodies: str, first: int = 0, sent_at: str = "1795521600000") -> list[str]:
        """Handle a batch; the ids of the messages that failed."""
        records = [
            {"messageId": f"q-{first + n}", "body": body, "attributes": {"SentTimestamp": sent_at}}
            for n, body in enumerate(bodies)
        ]
        answer = self.intake.handle({"Records": records})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def events(self, kind: type[Any]) -> list[Any]:
        return [recorded.event for recorded in self.recorded() if isinstance(recorded.event, kind)]

    def recorded(self) -> Sequence[RecordedEvent]:
        names = dict.fromkeys(self.store.loads)
        known = {name: InMemoryEventStore.load(self.store, name) for name in names}
        incidents = {r.event.incident_id for s in known.values() for r in s.events if hasattr(r.event, "incident_id")}
        known |= {f"incident#{i}": InMemoryEventStore.load(self.store, f"incident#{i}") for i in incidents if i}
        return [recorded for stream in known.values() for recorded in stream.events]


def test_one_message_with_several_records_gives_each_its_signal() -> None:
    door = Door()
    assert door.take(f"[{alarm('a', service='orders')}, {alarm('b', service='billing')}, {ec2('e-1')}]") == []
    assert {event.signal.name for event in door.events(e.IncidentOpenedV1)} == {"a", "b"}
    (ignored,) = door.events(e.SignalIgnoredV1)
    assert (ignored.source, ignored.source_id) == ("eventbridge", "e-1")
    assert "EC2 Instance State-change" in ignored.kind
    assert ignored.reason


def test_a_refused_record_hides_no_good_one_and_its_message_stays_in_the_queue() -> None:
    door = Door()
    half = '{"AlarmName": "half"}'
    assert door.take(f"[{half}, {alarm('good')}]", alarm("other", service="billing")) == ["q-0"]
    assert {event.signal.name for event in door.events(e.IncidentOpenedV1)} == {"good", "other"}
    before = len(door.recorded())
    assert door.take(f"[{half}, {alarm('good')}]") == ["q-0"], "redelivered until the queue buries it"
    assert len(door.recorded()) == before, "and the good one is known"


def test_what_is_ignored_is_recorded_once_by_day_and_source() -> None:
    door = Door()
    assert door.take(ec2("e-1"), ec2("e-2"), ec2("e-1")) == []
    door.intake = door.another()
    door.clock.advance(86_400)
    assert door.take(ec2("e-1"), ec2("e-3")) == [], "redelivered on the next day: the message was sent on the first"
    stream = InMemoryEventStore.load(door.store, "signal#ignored-eventbridge-2026112412")
    assert [r.event.source_id for r in stream.events] == ["e-1", "e-2", "e-3"]


def test_two_workers_record_what_is_ignored_once() -> None:
    door = Door()
    first, second = door.intake, door.another()
    for number in range(6):
        door.intake = (first, second)[number % 2]
        assert door.take(ec2(f"e-{number}"), ec2("e-0"), first=number * 2) == []
    stream = InMemoryEventStore.load(door.store, "signal#ignored-eventbridge-2026112412")
    assert [r.event.source_id for r in stream.events] == [f"e-{number}" for number in range(6)]


def test_of_ignored_things_no_more_is_kept_than_their_ids_and_where_their_stream_ends() -> None:
    door = Door()
    for n in range(50):
        assert door.take(ec2(f"e-{n}")) == []
        assert door.take(ec2(f"e-{n}")) == []
    door.clock.advance(3600)
    assert door.take(ec2("e-0"), sent_at="1795525200000") == []
    kept = [(known.end, known.fold.history.seen) for known in door.intake._signals._known.values()]
    assert [(end.id, end.version, len(end.events), len(seen)) for end, seen in kept] == [
        ("signal#ignored-eventbridge-2026112412", 50, 1, 50),
        ("signal#ignored-eventbridge-2026112413", 1, 1, 1),
    ]


def test_a_storm_of_ignored_things_reads_its_stream_once() -> None:
    door = Door()
    for start in range(0, 200, 10):
        door.take(*(ec2(f"e-{number}") for number in range(start, start + 10)), first=start)
    assert door.store.loads.count("signal#ignored-eventbridge-2026112412") == 1
    assert door.store.load("signal#ignored-eventbridge-2026112412").version == 200


def test_the_senders_own_bytes_are_kept_one_blob_per_batch() -> None:
    door = Door()
    messages = [alarm("a"), " " + alarm("zwei\\nZeilen é", service="billing"), ec2("e-1")]
    assert door.take(*messages) == []
    assert door.blobs.puts == 1
    told = {event.signal.name: event.signal.raw for event in door.events(e.SignalReceivedV1)}
    told["ec2"] = door.events(e.SignalIgnoredV1)[0].raw
    assert [raw.index for raw in told.values()] == [0, 1, 2]
    for message, raw in zip(messages, told.values(), strict=True):
        assert original(door.blobs, raw) == message.encode()
        assert raw.sha256 == hashlib.sha256(message.encode()).hexdigest()
        assert raw.size_bytes == len(message.encode())


def test_what_may_hold_a_credential_of_its_sender_is_named_and_not_kept() -> None:
    door = Door()
    request = json.dumps({"requestContext": {}, "headers": {"authorization": "Bearer abc"}})
    slack = json.dumps({"type": "shortcut", "token": "abc", "team": {}})
    assert door.take(request, slack, alarm("a")) == []
    assert [event.raw for event in door.events(e.SignalIgnoredV1)] == [None, None]
    (received,) = door.events(e.SignalReceivedV1)
    assert received.signal.raw.index == 0
    assert b"abc" not in door.blobs.get(received.signal.raw.ref)


def test_nothing_is_recorded_when_the_bytes_cannot_be_kept_and_the_queue_brings_them_again() -> None:
    door = Door()
    door.blobs.is_down = True
    assert door.take(alarm("a"), alarm("b", service="billing"), ec2("e-1")) == ["q-0", "q-1", "q-2"]
    assert door.blobs.puts == 1, "the batch is not tried again for each message"
    assert door.recorded() == []
    door.blobs.is_down = False
    assert door.take(alarm("a"), alarm("b", service="billing"), ec2("e-1")) == []
    assert len(door.events(e.IncidentOpenedV1)) == 2


def test_many_signals_about_one_thing_are_several_commits_of_one_incident() -> None:
    door = Door()
    alarms = ", ".join(alarm(f"alarm-{n}") for n in range(25))
    assert door.take(f"[{alarms}]") == []
    assert len(door.events(e.IncidentOpenedV1)) == 1
    assert len(door.events(e.SignalReceivedV1)) == 25


def test_a_message_by_another_door_is_recorded_before_it_is_answered() -> None:
    door = Door()
    receipt = door.intake.receive(f"[{alarm('a')}, 7]")
    assert [type(recorded.event) for recorded in receipt.recorded][:2] == [e.SignalReceivedV1, e.IncidentOpenedV1]
    assert receipt.refused == ("1.: an object is needed, not int",)
    with pytest.raises(MalformedSignal, match="not JSON"):
        door.intake.receive(b'{"half')


def test_a_queue_knows_its_senders_and_another_door_asks_where_sns_signs() -> None:
    """An emulator signs from its own host; what comes by HTTP may not."""
    envelope = {"Type": "Notification", "MessageId": "m", "Message": alarm("a"), "Signature": "x"}
    emulated = json.dumps(envelope | {"SigningCertURL": "http://localhost:4566/a.pem"})
    door = Door()
    with pytest.raises(MalformedSignal, match="SigningCertURL"):
        door.intake.receive(emulated)
    assert door.take(emulated) == []
    assert len(door.events(e.IncidentOpenedV1)) == 1


def test_who_has_datadogs_secret_speaks_for_datadog_alone() -> None:
    door = Door()
    for forged in (alarm("a"), ec2("e"), json.dumps({"Type": "Notification", "MessageId": "m", "Message": alarm("a")})):
        with pytest.raises(MalformedSignal, match="not in the form of datadog"):
            door.intake.receive(forged, "datadog")
    with pytest.raises(MalformedSignal, match="none of"):
        door.intake.receive(alarm("a"), "nobody")
    told = {"id": "1", "title": "[Triggered] CPU", "alert_transition": "Triggered"}
    received, *_ = door.intake.receive(json.dumps(told), "datadog").recorded
    assert received.event.signal.source == "datadog"  # type: ignore[attr-defined]


@pytest.mark.parametrize("wish", ["yes", "true", 1])
def test_a_wish_for_auto_approval_is_true_or_false_and_nothing_that_could_be_taken_for_it(wish: object) -> None:
    with pytest.raises(ValidationError, match="auto_approve"):
        OpenIncident.model_validate({"title": "t", "service": "s", "auto_approve": wish})
