"""Every source under damaged samples and under any JSON at all: nothing but MalformedSignal ever comes out of it.

HYPOTHESIS_PROFILE=long runs 5,000 examples of each.
"""

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts.signal import Signal
from resilibot.ingest.sources import Ignored, MalformedSignal, Refused, read
from resilibot.ingest.sources.record import Record, Source
from resilibot.ingest.sources.registry import all_sources

SAMPLES = Path(__file__).parents[3] / "tests" / "samples" / "ingest"
NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
FUZZED = settings(max_examples=5_000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 25, deadline=None)
FOLDERS = ("cloudwatch", "aws", "vendors", "other")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["\u202e", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PARSED = [
    json.loads(path.read_text())
    for folder in FOLDERS
    for path in sorted((SAMPLES / folder).glob("*.json"))
    if "half" not in path.read_text()
]
RAW = [path.read_bytes() for path in sorted(SAMPLES.rglob("*.*")) if path.name != "expected.jsonl"]
KEYS = sorted({key for sample in PARSED for key in (sample if isinstance(sample, dict) else {})})


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value, as keys and indexes."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in below for place in places(item, (*path, key)))]


def damaged(value: Any, path: tuple[Any, ...], replacement: Any) -> Any:
    """A copy with something else at one place."""
    if not path:
        return replacement
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = damaged(value[path[0]], path[1:], replacement)
    return copied


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    """A sample with one to three places replaced by anything."""
    sample = draw(st.sampled_from(PARSED))
    for _ in range(draw(st.integers(1, 3))):
        sample = damaged(sample, draw(st.sampled_from(places(sample))), draw(VALUES))
    return sample


def is_well_formed(raw: bytes | str) -> None:
    """Read, and look at what came out: never nothing, every refusal and every ignoring with its reason."""
    try:
        items = read(raw, received_at=NOW)
    except MalformedSignal as error:
        items = [Refused(str(error))]
    assert items
    for item in items:
        if isinstance(item, Ignored | Refused):
            assert item.reason
        else:
            assert isinstance(item, Signal)
            assert item.title.isprintable()
            assert item.name.isprintable()
            assert Signal.model_validate_json(item.model_dump_json()) == item


@pytest.mark.feature(6)
@FUZZED
@given(mutants())
def test_a_damaged_sample_is_read_or_refused(sample: Any) -> None:
    is_well_formed(json.dumps(sample))


@pytest.mark.feature(6)
@FUZZED
@given(mutants())
def test_a_damaged_sample_in_envelopes_is_read_or_refused(sample: Any) -> None:
    inner = json.dumps({"Type": "Notification", "MessageId": "m", "Message": json.dumps(sample)})
    is_well_formed(json.dumps({"Records": [{"messageId": "q", "eventSource": "aws:sqs", "body": inner}]}))


@pytest.mark.feature(6)
@FUZZED
@given(st.sampled_from(RAW), st.data())
def test_damaged_bytes_are_read_or_refused(raw: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(raw)))
    is_well_formed(raw[:start] + data.draw(st.binary(max_size=4)) + raw[start + data.draw(st.integers(0, 9)) :])


@pytest.mark.feature(6)
@FUZZED
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), VALUES, max_size=8))
def test_any_object_is_read_or_refused(body: dict[str, Any]) -> None:
    is_well_formed(json.dumps(body))


@pytest.mark.parametrize("source", all_sources(), ids=lambda source: source.name)
@FUZZED
@given(data=st.data())
def test_each_parser_by_itself_raises_nothing_else(source: Source, data: st.DataObject) -> None:
    """Also of what it would not recognise: a parser never relies on another one having looked."""
    own = [sample for sample in PARSED if isinstance(sample, dict) and source.recognises(sample)]
    bodies = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)
    body = data.draw(bodies | st.sampled_from(own)) if own else data.draw(bodies)
    for _ in range(data.draw(st.integers(0, 3))):
        body = damaged(body, data.draw(st.sampled_from([p for p in places(body) if p] or [()])), data.draw(VALUES))
    if isinstance(body, dict) and source.recognises(body):
        with contextlib.suppress(MalformedSignal):
            assert list(source.read(Record(body, NOW, "m")))
