"""Runbooks of every format: what is read of them, and that nothing in them breaks or moves anything."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from resilibot.observe.chunks import chunks
from resilibot.observe.runbook_library import RunbookLibrary
from resilibot.observe.runbook_ports import Runbook
from resilibot.observe.runbook_text import CHARS, STRUCTURED_CHARS, Unreadable, document, from_json, from_yaml
from resilibot.observe.words import words


def test_markdown_is_its_first_line_and_its_text() -> None:
    found = document("a.md", "\n# Disk   is full\n\nDelete logs.")
    assert (found.title, found.problem) == ("Disk is full", "")
    assert found.text.startswith("\n# Disk")


def test_front_matter_names_the_runbook_and_is_not_its_text() -> None:
    found = document("a.md", "---\ntitle: Dead letters\nowner: x\n---\nRedrive.")
    assert (found.title, found.text, found.problem) == ("Dead letters", "Redrive.", "")


@pytest.mark.parametrize("key", ["a.json", "a.yaml", "A.YML"])
def test_structured_runbooks_become_sections(key: str) -> None:
    raw = '{"title": "Queue is old", "look": {"first": "age", "then": ["a", {"b": 1}]}, "on": true, "no": null}'
    found = document(key, raw)
    assert found.title == "Queue is old"
    assert found.text.splitlines()[:2] == ["## title", "Queue is old"]
    assert "first: age" in found.text
    assert "- b: 1" in found.text
    assert len(chunks(found.title, found.text)) == 3
    assert found.problem == ""


def test_the_sources_own_title_goes_first_and_the_key_last() -> None:
    assert document("a.md", "# Other", "Given").title == "Given"
    assert document("folder/a.md", " \n#\n").title == "folder/a.md"


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("a.json", '{"title": "Disk full"'),
        ("a.yaml", "title: [Disk full"),
        ("a.md", "---\ntitle: [Disk full\n---\n"),
        ("a.json", "[" * 90_000 + "Disk full"),
        ("a.yaml", "[" * 5_000 + "Disk full"),
        ("a.json", '["Disk full"' + ", 1" * STRUCTURED_CHARS + "]"),
        ("a.json", '{"n": ' + "9" * 5_000 + ', "Disk full"}'),
        ("a.yaml", "Disk full: &a [*a]"),
        ("a.yaml", r'Disk full: "\U00110000"'),
        ("a.yaml", r'Disk full: "\UFFFFFFFF"'),
    ],
    ids=[
        "json",
        "yaml",
        "front-matter",
        "deep-json",
        "deep-yaml",
        "large",
        "number",
        "endless",
        "no-character",
        "no-integer",
    ],
)
def test_what_cannot_be_parsed_is_kept_as_plain_text_and_named(key: str, raw: str) -> None:
    ranking = RunbookLibrary().rank("disk full", [Runbook(key, "v1", raw, {})])
    (said,) = ranking.unreadable
    assert said.startswith(f"{key} is searched as plain text: ")
    assert ranking.best is not None


def test_a_small_yaml_that_unfolds_into_billions_is_not_unfolded() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{n}: &{n} [{', '.join(['*' + before] * 9)}]" for before, n in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(Unreadable, match="nodes"):
        from_yaml("\n".join(lines))


def test_a_runbook_is_data_and_nothing_in_it_is_executed(tmp_path: Path) -> None:
    target = tmp_path / "touched"
    raw = f"title: !!python/object/apply:os.system ['touch {target}']\ndo: $(touch {target})\nsee: !include /etc/hosts"
    found = document("a.yaml", raw)
    assert found.problem == ""
    assert "touch" in found.text
    assert not target.exists()


@pytest.mark.parametrize("key", ["a.md", "a.json", "a.yaml"])
def test_half_a_character_becomes_a_question_mark(key: str) -> None:
    raw = '{"title": "Disk \ud800"}' if key != "a.json" else r'{"title": "Disk \ud800", "x": "\udc00"}'
    found = document(key, raw)
    assert "?" in found.title
    assert RunbookLibrary().rank("disk \ud800", [Runbook(key, "v1", raw, {}, "Disk \ud800")]).hits
    (found.title + found.text + document(key, raw, "Disk \ud800").title).encode()


def test_a_long_runbook_is_searched_in_part_and_says_so() -> None:
    found = document("a.md", "# T\n" + "x" * CHARS)
    assert len(found.text) == CHARS
    assert "first" in found.problem


@given(key=st.sampled_from(["a.md", "a.json", "a.yaml", "b"]), raw=st.text() | st.text("-:[]{}&*!|>#'\" \n\tab%@?,0"))
def test_any_text_is_a_document(key: str, raw: str) -> None:
    found = document(key, raw)
    assert found.title
    assert all(chunk.encode() for chunk in chunks(found.title, found.text))
    found.text.encode()
    assert words(found.title) is not None


@given(raw=st.text("-:[]{}&*!|>#'\" \n\tab%@?,0\\uUF1"))
def test_parsers_raise_unreadable_and_nothing_else(raw: str) -> None:
    for parse in (from_json, from_yaml):
        try:
            parse(raw)
        except Unreadable as unreadable:
            assert str(unreadable)  # noqa: PT017  the only error there may be


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(tree=TREES)
def test_every_json_value_is_read_without_a_problem(tree: object) -> None:
    found = document("a.json", json.dumps(tree))
    assert found.problem == ""
    found.text.encode()


@given(tree=st.dictionaries(st.text("abc", min_size=1), st.text("xyz \n:-#", max_size=30), max_size=5))
def test_what_yaml_writes_is_found_again(tree: dict[str, str]) -> None:
    found = document("a.yaml", yaml.safe_dump(tree))
    assert found.problem == ""
    assert all(value in found.text for value in tree.values())


@given(st.binary(max_size=300))
def test_bytes_as_a_source_decodes_them_are_a_document(raw: bytes) -> None:
    for key in ("a.md", "a.json", "a.yaml"):
        assert document(key, raw.decode("utf-8", "replace")).title
