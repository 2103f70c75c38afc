"""runbook_text: a runbook in Markdown, JSON or YAML as a title and a text to search. Pure.

Runbooks are data. Nothing in them is executed or constructed: YAML is read as nodes of text, tags are ignored. What
cannot be read as what it claims to be is kept as plain text, with the problem named.

Unreadable   it is not what its name says, or larger, deeper or more entangled than any runbook
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

SUFFIXES = (".md", ".markdown", ".json", ".yaml", ".yml")
CHARS = 200_000  # of a runbook that are searched
STRUCTURED_CHARS = 100_000  # of JSON or YAML; more is searched as plain text
NODES = 20_000  # after aliases are followed: a small YAML can unfold into billions
DEPTH = 40
TITLE_CHARS = 200
TITLES = ("title", "name", "alert", "summary")  # of JSON, YAML and front matter, the first that is there
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*$\r?\n?", re.DOTALL | re.MULTILINE)


class Unreadable(Exception):
    code: ClassVar[str] = "runbook_unreadable"


@dataclass(frozen=True)
class Document:
    title: str
    text: str
    problem: str = ""  # why it is searched as plain text, or only in part


@dataclass(frozen=True)
class Fields:
    """A mapping in the order it was written, duplicate keys included."""

    items: list[tuple[str, "Node"]]


Node: TypeAlias = "str | list[Node] | Fields"


def plain(text: str) -> str:
    """The text with a question mark for each half of a character that JSON may leave, so that it can be encoded."""
    return text.encode("utf-8", "replace").decode("utf-8")


def is_runbook(key: str) -> bool:
    return key.lower().endswith(SUFFIXES)


def document(key: str, raw: str, title: str = "") -> Document:
    """What to search of a runbook; `title` as its source gives it, else read from the text. Never raises."""
    text = plain(raw[:CHARS])
    problem = f"only its first {CHARS} characters are searched" if len(raw) > CHARS else ""
    try:
        named, body = _read(key.lower(), text)
    except Unreadable as unreadable:
        named, body, problem = "", text, f"searched as plain text: {unreadable}"
    return Document(_short(plain(title)) or _short(named) or _first_line(body) or _short(key), body, problem)


def _read(key: str, text: str) -> tuple[str, str]:
    """(title or "", text). Raises Unreadable."""
    if key.endswith(".json"):
        return _told(from_json(text))
    if key.endswith((".yaml", ".yml")):
        return _told(from_yaml(text))
    front = _FRONT_MATTER.match(text)
    if front is None:
        return "", text
    return _title(from_yaml(front[1])), text[front.end() :]


def from_json(text: str) -> Node:
    """Raises Unreadable. Numbers and constants stay the text they are."""
    _check_size(text)
    try:
        tree = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=str)
        return _Budget().of_json(tree, 0)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON: {error}"[:300]) from error


def from_yaml(text: str) -> Node:
    """Raises Unreadable. Several documents in one text are a list."""
    import yaml  # here, so that a cold start without runbooks does not pay for it

    _check_size(text)
    try:
        budget = _Budget()
        found = [budget.of_yaml(node, 0) for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node]
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:  # chr() of an escape
        raise Unreadable(f"no YAML: {' '.join(str(error).split())}"[:300]) from error
    return found[0] if len(found) == 1 else found


class _Pairs(list[Any]):
    """A JSON object, told from an array."""


class _Budget:
    """Copies a tree, and stops at what no runbook needs."""

    def __init__(self) -> None:
        self._left = NODES

    def _spend(self, depth: int) -> None:
        self._left -= 1
        if self._left < 0 or depth > DEPTH:
            raise Unreadable(f"more than {NODES} nodes, or nested deeper than {DEPTH}")

    def of_json(self, tree: Any, depth: int) -> Node:
        self._spend(depth)
        if isinstance(tree, _Pairs):
            return Fields([(str(key), self.of_json(value, depth + 1)) for key, value in tree])
        if isinstance(tree, list):
            return [self.of_json(value, depth + 1) for value in tree]
        return tree if isinstance(tree, str) else "" if tree is None else str(tree).lower()

    def of_yaml(self, node: Any, depth: int) -> Node:
        self._spend(depth)
        if node.id == "mapping":
            return Fields([(_key(key), self.of_yaml(value, depth + 1)) for key, value in node.value])
        if node.id == "sequence":
            return [self.of_yaml(value, depth + 1) for value in node.value]
        return str(node.value)


def _key(node: Any) -> str:
    return str(node.value) if node.id == "scalar" else ""


def _check_size(text: str) -> None:
    if len(text) > STRUCTURED_CHARS:
        raise Unreadable(f"more than {STRUCTURED_CHARS} characters")


def _told(tree: Node) -> tuple[str, str]:
    text = "\n".join(_lines(tree, 0))
    return _title(tree), plain(text)


def _title(tree: Node) -> str:
    fields = {key.lower(): value for key, value in reversed(tree.items)} if isinstance(tree, Fields) else {}
    titles = [value for name in TITLES if isinstance(value := fields.get(name), str) and value.strip()]
    return plain(titles[0]) if titles else ""


def _lines(tree: Node, depth: int) -> Iterator[str]:
    """Fields of the outermost mapping become headings, so that it is cut where a Markdown runbook is."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Fields):
        for key, value in tree.items:
            if depth == 0:
                yield f"## {' '.join(key.split())}"
                yield from _lines(value, 1)
            elif isinstance(value, str):
                yield f"{key}: {value}"
            else:
                yield f"{key}:"
                yield from _lines(value, depth + 1)
    else:
        for value in tree:
            lines = list(_lines(value, depth + 1))
            yield f"- {lines[0] if lines else ''}"
            yield from lines[1:]


def _first_line(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip("# \t")), "")
    return _short(first.lstrip("# "))


def _short(text: str) -> str:
    return " ".join(text.split())[:TITLE_CHARS]
