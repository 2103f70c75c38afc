"""eval watch: what declared watches would have found in recorded series, beside a naive rule."""

from pathlib import Path
from typing import Annotated

import typer

from resilibot.local.commands.context import BAD_USE, err, fail
from resilibot.local.commands.rows import json_lines, write
from resilibot.local.diagnosis_eval import CasesInvalid, read_truth
from resilibot.local.incident_folder import FolderInvalid
from resilibot.local.watch_eval import Answer, WatchFolder, answer, tally

KINDS = ("anomaly", "exhaustion")
NAIVE = {"anomaly": "a static threshold", "exhaustion": "the line of the last two points"}


def watch(
    folder: Annotated[Path, typer.Argument(help="recorded incidents: incidents/<id>/, baselines/")],
    out: Annotated[Path | None, typer.Option(help="JSON lines; standard output if not given")] = None,
    truth: Annotated[Path | None, typer.Option(help="JSON lines with id and healthy: count right and wrong")] = None,
    at_least: Annotated[
        float, typer.Option(min=0, max=1, help="with --truth: lower precision or recall is a failure")
    ] = 0.0,
    quiet: Annotated[bool, typer.Option(help="count false alarms in the baselines as well")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable errors")] = False,
) -> None:
    """One line per recorded window: what a watch on the alarm's series found, and how long before the alarm.

    How well, and how often in quiet hours, on standard error. Exit code 1 without any case, or when a score is too low
    or no better than the naive rule; 2 for a bad folder.
    """
    if at_least and truth is None:
        raise fail("--at-least needs --truth", "no_truth", as_json, BAD_USE)
    try:
        recorded = WatchFolder(folder)
        healthy = {name: told.is_healthy for name, told in read_truth(truth).items()} if truth else {}
        answers = [answer(case) for case in recorded.cases()]
        if not answers:
            raise fail(f"{folder}: no case in it, nothing was evaluated", "no_cases", as_json)
        write(json_lines(one.row() for one in answers), out, as_json)
        if quiet:
            for kind in KINDS:
                err.print(f"{kind}: {recorded.quiet(kind)}", markup=False, soft_wrap=True)
    except (FolderInvalid, CasesInvalid) as error:
        raise fail(str(error), error.code, as_json, BAD_USE) from error
    if truth:
        _score(answers, healthy, at_least, as_json)


def _score(answers: list[Answer], healthy: dict[str, bool], at_least: float, as_json: bool) -> None:
    low: list[str] = []
    judged = 0
    for kind in KINDS:
        of_kind = [one for one in answers if one.case.watch.kind == kind and one.case.id in healthy]
        if not of_kind:
            continue
        judged += len(of_kind)
        ours, naive = tally(of_kind, healthy), tally(of_kind, healthy, naive=True)
        err.print(f"{kind}, {len(of_kind)} cases: {ours}", markup=False, soft_wrap=True)
        err.print(f"{kind}, by {NAIVE[kind]}: {naive}", markup=False, soft_wrap=True)
        if min(ours.precision, ours.recall) < at_least:
            low.append(f"{kind}: precision {ours.precision:.3f}, recall {ours.recall:.3f}, below {at_least:.3f}")
        if at_least and _f1(ours.precision, ours.recall) <= _f1(naive.precision, naive.recall):
            low.append(f"{kind}: no better than {NAIVE[kind]}")
    if not judged:
        raise fail("the truth knows none of these cases", "no_cases", as_json)
    if low:
        raise fail("; ".join(low), "score_too_low", as_json)


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
