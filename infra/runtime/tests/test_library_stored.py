"""What the library stores and what we record: each way round, and what is refused. Pure."""

import json
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    JSONTranscoder,
    MapperDeserialisationError,
    ProgrammingError,
    StoredEvent,
)
from hypothesis import given
from hypothesis import strategies as st

from resilibot.contracts.canonical import GENESIS, canonical
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.events import NotificationSentV1
from resilibot.runtime.event_store.items import check_linked
from resilibot.runtime.event_store.library.mapper import EnvelopeEvent, EnvelopeMapper
from resilibot.runtime.event_store.library.stored import Writing, appends_of, originator_of, stored_of, stream_of
from resilibot.runtime.testing import NOON
from resilibot.runtime.testing import given as history

WRITING = Writing("accounts", "test", NOON)
MAPPER = EnvelopeMapper(JSONTranscoder())
SENT = [NotificationSentV1(notification_id=f"n{n}", remote_id="m", status=202) for n in (1, 2)]


def ours() -> list[RecordedEvent]:
    return list(history(*SENT))


def wrapped(version: int, originator_id: UUID | str, state: bytes = b"\x00\xff") -> StoredEvent:
    return StoredEvent(originator_id, version, "some.module:Aggregate.Created", state)


def as_given(event: RecordedEvent) -> EnvelopeEvent:
    return EnvelopeEvent(event.envelope, event.event)


@given(st.one_of(st.uuids(), st.text(min_size=1)))
def test_every_originator_has_a_stream_of_its_own_and_is_found_again(originator_id: UUID | str) -> None:
    assert originator_of(stream_of(originator_id)) == originator_id


def test_a_uuid_and_its_text_are_two_originators() -> None:
    one = uuid4()
    assert len({stream_of(one), stream_of(str(one)), stream_of(f"uuid#{one}")}) == 3


def test_a_stream_of_ours_is_its_own_originator() -> None:
    assert stream_of("incident#1") == "incident#1"


@pytest.mark.parametrize("first", [0, 1])
def test_any_state_comes_back_byte_for_byte_and_the_append_is_linked(first: int) -> None:
    originator = uuid4()
    given_events = [wrapped(first + n, originator, bytes([n, 255])) for n in range(3)]
    (append,) = appends_of(given_events, {stream_of(originator): None}, WRITING)
    check_linked(append)
    assert [event.version for event in append.events] == [1, 2, 3]
    assert [stored_of(event) for event in append.events] == given_events
    (more,) = appends_of([wrapped(first + 3, originator)], {append.stream: append.events[-1]}, WRITING)
    check_linked(more)
    assert (more.expected, more.prev_hash) == (3, append.events[-1].hash)


def test_events_of_two_originators_are_two_appends() -> None:
    a, b = uuid4(), uuid4()
    mixed = [wrapped(1, a), wrapped(1, b), wrapped(2, a)]
    appends = appends_of(mixed, {stream_of(a): None, stream_of(b): None}, WRITING)
    assert [(append.stream, len(append.events)) for append in appends] == [(stream_of(a), 2), (stream_of(b), 1)]


@pytest.mark.parametrize("versions", [[2], [1, 3], [1, 1], [0, 2], [-1]])
def test_a_gap_or_a_repeated_version_is_refused(versions: list[int]) -> None:
    originator = uuid4()
    with pytest.raises(IntegrityError):
        appends_of([wrapped(v, originator) for v in versions], {stream_of(originator): None}, WRITING)


def test_our_event_is_stored_under_its_wire_type_as_the_exact_body() -> None:
    recorded = ours()
    stored = [MAPPER.to_stored_event(as_given(event)) for event in recorded]
    assert [(s.topic, s.state) for s in stored] == [("NotificationSent.v1", event.body) for event in recorded]
    (append,) = appends_of(stored, {recorded[0].stream: None}, WRITING)
    assert [event.hash for event in append.events] == [event.hash for event in recorded]
    assert [MAPPER.to_domain_event(stored_of(event)).event for event in append.events] == SENT


@pytest.mark.parametrize(
    "broken",
    [
        lambda s: replace(s, state=b'{"a":1}'),
        lambda s: replace(s, state=s.state.replace(b":", b": ", 1)),
        lambda s: replace(s, topic="NotificationFailed.v1"),
        lambda s: replace(s, originator_id="incident#other"),
    ],
    ids=["no envelope", "not canonical", "another type", "another stream"],
)
def test_a_state_that_is_not_this_events_body_is_not_stored(broken: object) -> None:
    stored = broken(MAPPER.to_stored_event(as_given(ours()[0])))  # type: ignore[operator]
    with pytest.raises((DataError, ValueError)):
        appends_of([stored], {stored.originator_id: None}, WRITING)


def _with(event: RecordedEvent, **data: object) -> StoredEvent:
    envelope = event.envelope.model_copy(update={"data": {**event.envelope.data, **data}})
    return StoredEvent(event.stream, event.version, event.type, RecordedEvent.after(GENESIS, envelope).body)


def test_a_wrong_a_missing_and_an_unknown_field_are_named_when_loaded() -> None:
    event = ours()[0]
    missing = event.envelope.model_copy(update={"data": {"status": 202}})
    whole = json.loads(event.body)
    actorless = {name: value for name, value in whole.items() if name != "actor"}
    for stored, field in (
        (_with(event, status="many"), "status"),
        (_with(event, surplus=1), "surplus"),
        (StoredEvent(event.stream, 1, event.type, canonical(missing.model_dump(mode="json"))), "notification_id"),
        (StoredEvent(event.stream, 1, event.type, canonical(actorless)), "actor"),
        (StoredEvent(event.stream, 1, event.type, canonical({**whole, "mood": "calm"})), "mood"),
        (StoredEvent(event.stream, 1, event.type, canonical({**whole, "recorded_at": "noon"})), "recorded_at"),
    ):
        with pytest.raises(MapperDeserialisationError, match=field):
            MAPPER.to_domain_event(stored)


def test_a_body_of_another_place_is_not_loaded() -> None:
    first, second = ours()
    with pytest.raises(MapperDeserialisationError, match="the body says"):
        MAPPER.to_domain_event(StoredEvent(first.stream, 1, first.type, second.body))


def test_the_mapper_takes_neither_cipher_nor_compressor_nor_foreign_events() -> None:
    with pytest.raises(ProgrammingError):
        EnvelopeMapper(JSONTranscoder(), compressor=object())  # type: ignore[arg-type]
    with pytest.raises(ProgrammingError):
        MAPPER.to_stored_event(wrapped(1, "incident#1"))  # type: ignore[arg-type]
