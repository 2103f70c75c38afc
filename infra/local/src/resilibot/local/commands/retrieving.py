"""eval retrieve: the runbooks that are found for given texts, on the production path."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from resilibot.local.commands.context import BAD_USE, err, fail
from resilibot.local.commands.rows import json_lines, write
from resilibot.local.emulators.port import tools_dir
from resilibot.local.retrieve_eval import (
    EvalInputError,
    NoCases,
    Score,
    rank,
    read_corpus,
    read_qrels,
    read_queries,
    score,
    trec,
)
from resilibot.observe.adapters.file_vectors import FileVectors
from resilibot.observe.adapters.minilm_encoder import MiniLmEncoder
from resilibot.observe.exact_index import ExactIndex
from resilibot.observe.runbook_library import Ranking, RunbookLibrary


def retrieve(
    corpus: Annotated[Path, typer.Option(help="folder of runbooks, or JSON lines with id, text and title")],
    queries: Annotated[Path, typer.Option(help="JSON lines with id and text")],
    out: Annotated[Path | None, typer.Option(help="TREC run, ten per query; standard output if not given")] = None,
    qrels: Annotated[Path | None, typer.Option(help="relevant runbooks: score the run")] = None,
    at_least: Annotated[float, typer.Option(min=0, max=1, help="with --qrels: R@1 below it is a failure")] = 0.0,
    words_alone: Annotated[bool, typer.Option("--words-alone", help="without the encoder")] = False,
    abstain: Annotated[bool, typer.Option("--abstain", help="leave out queries that no runbook fits")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="machine-readable figures and errors; the run to --out only")
    ] = False,
) -> None:
    """Runbooks per query, best first. Exit code 1 when there is no runbook or no query, or the score is too low."""
    if at_least and qrels is None:
        raise fail("--at-least needs --qrels", "no_truth", as_json, BAD_USE)
    try:
        texts, asked = read_corpus(corpus), read_queries(queries)
        relevant = read_qrels(qrels) if qrels else None
    except EvalInputError as error:
        raise fail(str(error), error.code, as_json, 1 if isinstance(error, NoCases) else BAD_USE) from error
    library = RunbookLibrary(None if words_alone else MiniLmEncoder(), ExactIndex(FileVectors(tools_dir() / "vectors")))
    rankings = rank(library, texts, asked)
    told = {query: ranking for query, ranking in rankings.items() if ranking.best or not abstain}
    if out is not None or not as_json:
        write(trec(told), out, as_json)
    scored = score(told, relevant) if relevant is not None else None
    _tell(rankings, scored, as_json)
    if scored is not None and scored.r1 < at_least:
        raise fail(f"R@1 {scored.r1:.3f} is below {at_least:.3f}", "score_too_low", as_json)


def _tell(rankings: dict[str, Ranking], scored: Score | None, as_json: bool) -> None:
    """How it was searched, and how well: a run by words alone must not pass for one with the encoder."""
    manners = Counter(ranking.manner for ranking in rankings.values())
    fitting = sum(ranking.best is not None for ranking in rankings.values())
    unreadable = next(iter(rankings.values())).unreadable
    if as_json:
        figures = {"queries": len(rankings), "manner": dict(manners), "fitting": fitting, "unreadable": unreadable}
        write(json_lines([{**figures, "score": asdict(scored) if scored else None}]), None, as_json)
        return
    how = (
        ", ".join(f"{manner} ({count})" for manner, count in manners.items())
        if len(manners) > 1
        else next(iter(manners))
    )
    err.print(f"{len(rankings)} queries, searched {how}; a runbook fits {fitting}", markup=False)
    for line in unreadable:
        err.print(line, markup=False)
    if scored is not None:
        err.print(str(scored))
