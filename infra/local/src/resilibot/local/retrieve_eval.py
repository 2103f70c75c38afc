"""retrieve_eval: which runbooks the product finds for given texts: a run in TREC's format, and its score.

The search is production's: `RunbookLibrary.rank`, which observe asks when it gathers evidence.

A corpus is a folder of runbooks (Markdown, JSON, YAML), or JSON lines with id, text and, if known, title and path.
Queries are JSON lines with id and text; qrels have four columns: query 0 runbook relevance.

EvalInputError
├── BadInput   a file cannot be read as what it should be (line named)
└── NoCases    there is no runbook, or no query: nothing was evaluated
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from resilibot.observe.runbook_library import Ranking, RunbookLibrary
from resilibot.observe.runbook_ports import Runbook
from resilibot.observe.runbook_text import is_runbook, plain

TAG = "resilibot"


class EvalInputError(Exception):
    code: ClassVar[str] = "eval_input"


class BadInput(EvalInputError):
    code = "bad_input"


class NoCases(EvalInputError):
    code = "no_cases"


@dataclass(frozen=True)
class Query:
    id: str
    text: str


@dataclass(frozen=True)
class Score:
    """Share of queries with a relevant runbook at rank 1, among the first 3, and the mean reciprocal rank of ten."""

    queries: int
    r1: float
    r3: float
    mrr10: float

    def __str__(self) -> str:
        return f"{self.queries} queries: R@1 {self.r1:.3f}, R@3 {self.r3:.3f}, MRR@10 {self.mrr10:.3f}"


def read_corpus(path: Path) -> list[Runbook]:
    """Raises BadInput or NoCases."""
    runbooks = _folder(path) if path.is_dir() else [_runbook(where, row) for where, row in _rows(path)]
    _unique([runbook.key for runbook in runbooks], path)
    if not runbooks:
        raise NoCases(f"{path}: no runbook in it, nothing was evaluated")
    return sorted(runbooks, key=lambda runbook: runbook.key)


def read_queries(path: Path) -> list[Query]:
    """Raises BadInput or NoCases."""
    queries = [Query(_name(where, row), _text(where, row, "text")) for where, row in _rows(path)]
    _unique([query.id for query in queries], path)
    if not queries:
        raise NoCases(f"{path}: no query in it, nothing was evaluated")
    return queries


def read_qrels(path: Path) -> dict[str, set[str]]:
    """Relevant runbooks by query. Raises BadInput or NoCases."""
    relevant: dict[str, set[str]] = {}
    for number, line in _lines(path):
        match line.split():
            case [query, _, runbook, relevance] if relevance.isdigit():
                relevant.setdefault(query, set()).update({runbook} if int(relevance) else ())
            case _:
                raise BadInput(f"{path}:{number}: not the four columns query 0 runbook relevance")
    if not any(relevant.values()):
        raise NoCases(f"{path}: no relevant runbook in it")
    return relevant


def rank(library: RunbookLibrary, corpus: Sequence[Runbook], queries: Sequence[Query]) -> dict[str, Ranking]:
    return {query.id: library.rank(query.text, corpus) for query in queries}


def trec(rankings: dict[str, Ranking]) -> str:
    """`query Q0 runbook rank score tag`, at most ten per query, best first."""
    return "".join(
        f"{query} Q0 {hit.runbook.key} {number} {hit.score:.6f} {TAG}\n"
        for query, ranking in rankings.items()
        for number, hit in enumerate(ranking.hits, 1)
    )


def score(rankings: dict[str, Ranking], relevant: dict[str, set[str]]) -> Score:
    """A query of `relevant` that has no ranking counts as a miss."""
    wanted = {query: runbooks for query, runbooks in relevant.items() if runbooks}
    ranks = [_first(rankings[query], runbooks) if query in rankings else 0 for query, runbooks in wanted.items()]
    size = len(ranks)
    return Score(
        size,
        sum(rank == 1 for rank in ranks) / size,
        sum(1 <= rank <= 3 for rank in ranks) / size,
        sum(1 / rank for rank in ranks if rank) / size,
    )


def _first(ranking: Ranking, wanted: set[str]) -> int:
    return next((number for number, hit in enumerate(ranking.hits, 1) if hit.runbook.key in wanted), 0)


def _folder(folder: Path) -> list[Runbook]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_runbook(path.name)]
    return [Runbook(_no_space(p, p.relative_to(folder).as_posix()), "", _read(p, "replace"), {}) for p in paths]


def _runbook(where: str, row: dict[str, Any]) -> Runbook:
    title, path = (_text(where, row, field) if field in row else "" for field in ("title", "path"))
    return Runbook(_name(where, row), "", _text(where, row, "text"), {}, title, path)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in _lines(path):
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where}: no JSON: {error}") from error
        if not isinstance(row, dict):
            raise BadInput(f"{where}: not a JSON object")
        yield where, row


def _lines(path: Path) -> list[tuple[int, str]]:
    """Lines that are not blank, with their numbers."""
    return [(number, line) for number, line in enumerate(_read(path, "strict").split("\n"), 1) if line.strip()]


def _read(path: Path, errors: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors=errors)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error


def _text(where: str, row: dict[str, Any], field: str) -> str:
    if not isinstance(value := row.get(field), str):
        raise BadInput(f"{where}: {field} is missing or no text")
    return plain(value)


def _name(where: str, row: dict[str, Any]) -> str:
    return _no_space(where, _text(where, row, "id"))


def _no_space(where: object, name: str) -> str:
    if len(name.split()) != 1 or name != name.strip():
        raise BadInput(f"{where}: {name!r} has a space or is empty; a run is separated by spaces")
    return name


def _unique(names: Sequence[str], path: Path) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"{path}: {twice[0]} is there more than once")
