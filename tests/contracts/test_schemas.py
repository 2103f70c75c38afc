"""Released schemas and stored examples are promises: frozen, complete, and still readable."""

import json
from pathlib import Path

import jsonschema
import pytest

from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import REGISTRY
from resilibot.contracts.publish import SchemaChanged, publish, render, schemas
from tests.support.story import STREAMS, recorded

ROOT = Path(__file__).parents[2] / "contracts"
SCHEMAS = ROOT / "schemas"
EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_published_schema_equals_the_class(name: str) -> None:
    assert (SCHEMAS / name).read_text() == render(schemas()[name]), f"{name} changed: make a new event version"


def test_no_published_schema_lost_its_class() -> None:
    assert {path.name for path in SCHEMAS.glob("*.json")} == set(schemas())


def test_publishing_refuses_a_changed_schema(tmp_path: Path) -> None:
    publish(tmp_path)
    changed = tmp_path / "IncidentOpened.v1.json"
    changed.write_text(changed.read_text().replace("severity_rule", "severity_reason"))
    with pytest.raises(SchemaChanged, match=r"IncidentOpened\.v1"):
        publish(tmp_path)


@pytest.mark.feature(210)
@pytest.mark.parametrize("wire_type", sorted(REGISTRY))
def test_the_stored_example_of_every_version_still_reads(wire_type: str) -> None:
    stored = json.loads((EXAMPLES / f"{wire_type}.json").read_text())
    event = RecordedEvent.from_body(stored["prev_hash"], stored["body"].encode())
    assert event.hash == stored["hash"]
    assert event.event.wire_type == wire_type
    assert event.envelope.body() == event.body, "re-serialising must give the stored bytes"
    jsonschema.validate(event.envelope.data, json.loads((SCHEMAS / f"{wire_type}.json").read_text()))


def test_the_story_still_writes_the_examples_byte_for_byte() -> None:
    written: dict[str, str] = {}
    for stream, events in STREAMS.items():
        for event in recorded(stream, events):
            written.setdefault(event.type, event.body.decode())
    stored = {p.stem: json.loads(p.read_text())["body"] for p in EXAMPLES.glob("*.json")}
    assert stored == written
