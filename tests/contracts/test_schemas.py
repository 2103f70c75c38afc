"""Released schemas and stored examples are promises: frozen, complete, and still readable."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest

from resilibot.contracts.case import empty_case, evolve
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import REGISTRY
from resilibot.contracts.publish import SchemaChanged, broken_promises, publish, release, render, schemas, unreleased
from resilibot.contracts.upcasts import UPCASTS
from resilibot.projections.views import empty_view
from tests.support.story import HIDDEN, STREAMS, recorded

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


def test_what_was_released_is_there_byte_for_byte() -> None:
    """Also when a schema, its class and its example are edited or deleted together."""
    assert broken_promises(ROOT) == []


def test_what_is_published_is_released() -> None:
    assert unreleased(ROOT) == [], "run make schemas"


@pytest.mark.feature(210)
@pytest.mark.parametrize("name", ["schemas/IncidentOpened.v1.json", "examples/IncidentOpened.v1.json"])
@pytest.mark.parametrize("harm", ["deleted", "edited"])
def test_a_released_file_that_is_edited_or_deleted_is_found(tmp_path: Path, name: str, harm: str) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(ROOT, contracts, ignore=shutil.ignore_patterns("src", "tests"))
    file = contracts / name
    if harm == "deleted":
        file.unlink()
    else:
        file.write_text(file.read_text().replace("title", "heading"))
    assert broken_promises(contracts) == [name]
    with pytest.raises(SchemaChanged, match=name):
        release(contracts)


def example(wire_type: str) -> RecordedEvent:
    """The stored example of one event version."""
    stored = json.loads((EXAMPLES / f"{wire_type}.json").read_text())
    return RecordedEvent.from_body(stored["prev_hash"], stored["body"].encode())


@pytest.mark.feature(210)
def test_every_stored_example_replays_into_the_fold_and_the_read_models() -> None:
    """P9: every event version ever released still replays, whatever became of its class."""
    log = sorted((example(path.stem) for path in EXAMPLES.glob("*.json")), key=lambda event: event.version)
    assert {event.type for event in log} >= set(REGISTRY)
    views = {event.stream: empty_view(event.stream) for event in log}
    hidden = {stream for stream, view in views.items() if view is None}
    assert hidden == {s for s in STREAMS if s.startswith(HIDDEN)}, "only what is about no incident is on no screen"
    for event in log:
        view = views[event.stream]
        if view is None:
            assert event.event.wire_type == UPCASTS.newest(event.type)
            continue
        views[event.stream] = view.apply([event])
        if event.stream.startswith("incident#"):
            assert evolve(empty_case("x"), event).unknown_events == [], event.type
    for stream, view in views.items():
        if view is None:
            continue
        assert view.version == max(event.version for event in log if event.stream == stream)


@pytest.mark.feature(210)
@pytest.mark.parametrize("wire_type", sorted(REGISTRY))
def test_the_stored_example_of_every_version_still_reads(wire_type: str) -> None:
    stored = json.loads((EXAMPLES / f"{wire_type}.json").read_text())
    event = example(wire_type)
    assert event.hash == stored["hash"]
    assert event.event.wire_type == UPCASTS.newest(wire_type)
    assert event.envelope.body() == event.body, "re-serialising must give the stored bytes"
    jsonschema.validate(event.envelope.data, json.loads((SCHEMAS / f"{wire_type}.json").read_text()))


def test_the_story_still_writes_the_examples_byte_for_byte() -> None:
    written: dict[str, str] = {}
    for stream, events in STREAMS.items():
        for event in recorded(stream, events):
            written.setdefault(event.type, event.body.decode())
    stored = {p.stem: json.loads(p.read_text())["body"] for p in EXAMPLES.glob("*.json")}
    assert stored == written
