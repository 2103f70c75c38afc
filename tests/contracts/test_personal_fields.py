"""Every event field was judged: does it hold a person, or a person's words? Those are sealed by name."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

import resilibot.contracts.events  # noqa: F401  fills the registry
from resilibot.contracts.event import REGISTRY
from resilibot.contracts.personal import PERSONAL_FIELDS, Words, capacity

SUSPECT = re.compile(r"(^|_)(by|approver|author|person|people|user|owner|email|name|comment|note|remark|words)s?$")
# Names of things, judged one by one.
HARMLESS = {"signal_name", "held_by"}


@pytest.mark.feature(214)
@pytest.mark.parametrize("wire_type", sorted(REGISTRY))
def test_a_field_that_sounds_like_a_person_is_sealed_or_was_judged_harmless(wire_type: str) -> None:
    fields = set(REGISTRY[wire_type].model_fields)
    suspects = {name for name in fields if SUSPECT.search(name)}
    assert suspects - PERSONAL_FIELDS - HARMLESS == set(), "add it to PERSONAL_FIELDS, or say here why it is harmless"


def test_every_personal_field_stands_in_some_event() -> None:
    known = {name for event in REGISTRY.values() for name in event.model_fields}
    assert known >= PERSONAL_FIELDS


def test_every_personal_field_has_room_for_the_words_of_a_door() -> None:
    for event in REGISTRY.values():
        for name in PERSONAL_FIELDS & set(event.model_fields):
            limits = [m.max_length for m in event.model_fields[name].metadata if hasattr(m, "max_length")]
            assert all(limit >= 2000 for limit in limits), f"{event.wire_type}.{name}"


@pytest.mark.parametrize("text", ["x" * (capacity(2000) + 1), "ä" * 1000, f"see enc:v1:{'0' * 32}:AAAA"])
def test_words_that_do_not_fit_or_look_sealed_are_refused_at_the_door(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Words).validate_python(text)


def test_every_comment_a_door_takes_is_of_that_kind() -> None:
    for page in (Path(__file__).parents[2] / "services").glob("*/src/resilibot/*/routes.py"):
        for line in page.read_text().splitlines():
            assert not re.search(r"\b(comment|note): str\b", line), f"{page}: {line.strip()}"
