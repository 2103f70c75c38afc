"""A second version of an event, worked through: old bytes read as V2, by a consumer that knows V2 only.

The classes and the step live in this file; production's registries are given back as they were.
"""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resilibot.contracts import event as event_module
from resilibot.contracts.canonical import canonical
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import REGISTRY, DomainEvent, EmitterName, UnknownEventType, parse_event
from resilibot.contracts.upcasts import UPCASTS, Upcasts
from resilibot.runtime.service import Decision, Reaction, Service, Trigger
from resilibot.runtime.testing import story
from tests.support.story import INCIDENT, INCIDENT_EVENTS, recorded

pytestmark = pytest.mark.feature(210)


@pytest.fixture
def note_v1() -> Iterator[type[DomainEvent]]:
    """`PagerNoted.v1`: the text names the person and the minutes, as a first version would."""
    known = set(REGISTRY)

    class PagerNotedV1(DomainEvent):
        emitter: ClassVar[EmitterName] = "ingest"
        text: str
        minutes: float

    yield PagerNotedV1
    for added in set(REGISTRY) - known:
        del REGISTRY[added]


@pytest.fixture
def note_v2(note_v1: type[DomainEvent], monkeypatch: pytest.MonkeyPatch) -> type[DomainEvent]:
    """`PagerNoted.v2`: seconds instead of minutes, the person in a field of its own."""

    class PagerNotedV2(DomainEvent):
        emitter: ClassVar[EmitterName] = "ingest"
        text: str
        person: str | None
        seconds: float

    def from_v1(data: dict[str, Any]) -> dict[str, Any]:
        person, _, text = data["text"].rpartition(": ")
        return {"text": text, "person": person or None, "seconds": data.pop("minutes") * 60}

    monkeypatch.setattr(UPCASTS, "steps", dict(UPCASTS.steps))
    UPCASTS.step("PagerNoted.v1")(from_v1)
    return PagerNotedV2


def stored(event: DomainEvent) -> RecordedEvent:
    (written,) = recorded(f"incident#{INCIDENT}", [event])
    return written


def test_old_bytes_read_as_the_new_version_and_stay_as_they_are(
    note_v1: type[DomainEvent], note_v2: type[DomainEvent]
) -> None:
    written = stored(note_v1(text="kim: paged", minutes=1.5))
    read = RecordedEvent.from_body(written.prev_hash, written.body)
    assert read.event == note_v2(text="paged", person="kim", seconds=90)
    assert read.type == "PagerNoted.v1", "the envelope says what was written"
    assert (read.hash, read.envelope.body()) == (written.hash, written.body)
    assert read.envelope.data == {"text": "kim: paged", "minutes": 1.5}, "the step worked on a copy"


def test_what_a_step_makes_is_validated(
    note_v1: type[DomainEvent], note_v2: type[DomainEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(UPCASTS.steps, "PagerNoted.v1", lambda data: data)
    with pytest.raises(ValidationError, match="minutes"):
        parse_event("PagerNoted.v1", {"text": "x", "minutes": 1})


def test_a_consumer_that_knows_the_new_version_only_reacts_to_both(
    note_v1: type[DomainEvent], note_v2: type[DomainEvent]
) -> None:
    def decide(case: Any, trigger: Trigger, facts: Any) -> Decision:
        assert isinstance(trigger.event, note_v2)
        return [INCIDENT_EVENTS[-1]] if trigger.event.seconds >= 60 else []  # type: ignore[attr-defined]

    service = Service("ingest", reactions={note_v2: Reaction(decide)})
    assert service.subscribes() == ["PagerNoted.v1", "PagerNoted.v2"], "the queue still gets what old producers emit"
    trigger = Trigger(stored(note_v1(text="kim: paged", minutes=2)), story(service).clock.now())
    assert service.reactions[type(trigger.event)].decide(None, trigger, None) == [INCIDENT_EVENTS[-1]]  # type: ignore[arg-type]


def test_a_build_before_the_new_version_names_it_and_goes_on(note_v1: type[DomainEvent]) -> None:
    """Why consumers are deployed first: an old build can only skip what it does not know."""
    with pytest.raises(UnknownEventType, match=r"PagerNoted\.v2"):
        parse_event("PagerNoted.v2", {"text": "paged", "person": "kim", "seconds": 90})


def test_steps_follow_one_another_and_each_has_one_start() -> None:
    upcasts = Upcasts()
    upcasts.step("Counted.v1")(lambda data: {**data, "b": data["a"] + 1})
    upcasts.step("Counted.v2")(lambda data: {**data, "c": data["b"] + 1})
    assert upcasts.upcast("Counted.v1", {"a": 1}) == ("Counted.v3", {"a": 1, "b": 2, "c": 3})
    assert upcasts.read_as("Counted.v3") == ["Counted.v3", "Counted.v1", "Counted.v2"]
    assert upcasts.newest("Other.v1") == "Other.v1"
    with pytest.raises(ValueError, match="already"):
        upcasts.step("Counted.v1")(lambda data: data)
    with pytest.raises(ValueError, match="no wire type"):
        upcasts.step("Counted")


def test_the_production_registries_are_as_they_were() -> None:
    """The fixtures above gave back what they took, whatever the order of the tests."""
    assert not [name for name in (*event_module.REGISTRY, *UPCASTS.steps) if name.startswith("PagerNoted")]


def test_every_step_of_production_leads_to_a_released_class() -> None:
    assert [name for name in UPCASTS.steps if UPCASTS.newest(name) not in REGISTRY] == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_the_fast_reader_reads_what_json_reads(data: dict[str, Any]) -> None:
    """One pass of pydantic-core over the bytes gives the values that json.loads gives, floats to the last bit."""
    try:
        canonical(data)
    except UnicodeEncodeError:
        return  # lone surrogates cannot be stored at all
    first = stored(INCIDENT_EVENTS[0])
    written = RecordedEvent.after("0" * 64, first.envelope.model_copy(update={"data": data}))
    read = RecordedEvent.from_body(written.prev_hash, written.body)
    assert canonical(read.envelope.data) == canonical(json.loads(written.body)["data"])
    assert read.envelope.body() == written.body
