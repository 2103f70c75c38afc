"""eval retrieve: the runbooks that are found for given texts, on the production path."""

from pathlib import Path
from typing import Annotated

import typer

from resilibot.local.commands.context import BAD_USE, err, fail
from resilibot.local.commands.rows import write
from resilibot.local.emulators.port import tools_dir
from resilibot.local.retrieve_eval import (
    EvalInputError,
    NoCases,
    rank,
    read_corpus,
    read_qrels,
    read_queries,
    score,
    trec,
)
from resilibot.observe.adapters.file_vectors import FileVectors
from resilibot.observe.adapters.minilm_encoder import MiniLmEncoder
from resilibot.observe.runbook_library import Ranking, RunbookLibrary


def retrieve(
    corpus: Annotated[Path, typer.Option(help="folder of runbooks, or JSON lines with id, text and title")],
    queries: Annotated[Path, typer.Option(help="JSON lines with id and text")],
    out: Annotated[Path | None, typer.Option(help="TREC run, ten per query; standard output if not given")] = None,
    qrels: Annotated[Path | None, typer.Option(help="relevant runbooks: score the run")] = None,
    at_least: Annotated[float, typer.Option(min=0, max=1, help="with --qrels: R@1 below it is a failure")] = 0.0,
    words_alone: Annotated[bool, typer.Option("--words-alone", help="without the encoder")] = False,
    abstain: Annotated[bool, typer.Option("--abstain", help="leave out queries that no runbook fits")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable errors")] = False,
) -> None:
    """Runbooks per query, best first. Exit code 1 when there is no runbook or no query, or the score is too low."""
    if at_least and qrels is None:
        raise fail("--at-least needs --qrels", "no_truth", as_json, BAD_USE)
    try:
        texts, asked = read_corpus(corpus), read_queries(queries)
        relevant = read_qrels(qrels) if qrels else None
    except EvalInputError as error:
        raise fail(str(error), error.code, as_json, 1 if isinstance(error, NoCases) else BAD_USE) from error
    library = RunbookLibrary(None if words_alone else MiniLmEncoder(), FileVectors(tools_dir() / "vectors"))
    rankings = rank(library, texts, asked)
    _say(rankings)
    told = {query: ranking for query, ranking in rankings.items() if ranking.best or not abstain}
    write(trec(told), out, as_json)
    if relevant is not None:
        scored = score(told, relevant)
        err.print(str(scored))
        if scored.r1 < at_least:
            raise fail(f"R@1 {scored.r1:.3f} is below {at_least:.3f}", "score_too_low", as_json)


def _say(rankings: dict[str, Ranking]) -> None:
    """How it was searched, on standard error: a run by words alone must not pass for one with the encoder."""
    some = next(iter(rankings.values()))
    fitting = sum(ranking.best is not None for ranking in rankings.values())
    err.print(f"{len(rankings)} queries, searched {some.manner}; a runbook fits {fitting}", markup=False)
    for line in some.unreadable:
        err.print(line, markup=False)
