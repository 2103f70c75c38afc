"""eval watch: what declared watches would have found in recorded series, beside a naive rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from resilibot.local.commands.context import BAD_USE, err, fail
from resilibot.local.commands.rows import json_lines, write
from resilibot.local.diagnosis_eval import CasesInvalid, NotTheSame, read_truth
from resilibot.local.incident_folder import FolderInvalid
from resilibot.local.watch_eval import Answer, Quiet, Tally, WatchFolder, answer, check, tally

KINDS = ("anomaly", "exhaustion")
NAIVE = {"anomaly": "a static threshold", "exhaustion": "the line of the last two points"}


@dataclass(frozen=True)
class Scored:
    """How well one kind of watch did, and the naive rule beside it."""

    kind: str
    cases: int
    ours: Tally
    naive: Tally

    def missed(self, at_least: float) -> list[str]:
        """What is told against it, where a least score was asked for."""
        low = []
        if min(self.ours.precision, self.ours.recall) < at_least:
            figures = f"precision {self.ours.precision:.3f}, recall {self.ours.recall:.3f}"
            low.append(f"{self.kind}: {figures}, below {at_least:.3f}")
        if at_least and _f1(self.ours) <= _f1(self.naive):
            low.append(f"{self.kind}: no better than {NAIVE[self.kind]}")
        return low

    def told(self) -> dict[str, Any]:
        return {"cases": self.cases, "watch": self.ours.told(), "naive": self.naive.told()}


def watch(
    folder: Annotated[Path, typer.Argument(help="recorded incidents: incidents/<id>/, baselines/")],
    out: Annotated[Path | None, typer.Option(help="JSON lines; standard output if not given")] = None,
    truth: Annotated[Path | None, typer.Option(help="JSON lines with id and healthy: count right and wrong")] = None,
    at_least: Annotated[
        float, typer.Option(min=0, max=1, help="with --truth: lower precision or recall is a failure")
    ] = 0.0,
    quiet: Annotated[bool, typer.Option(help="count false alarms in the baselines as well")] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="machine-readable figures and errors; lines to --out only")
    ] = False,
) -> None:
    """One line per recorded window: what a watch on the alarm's series found, and how long before the alarm.

    How well, and how often in quiet hours, on standard error; with --json on standard output. Exit code 1 without any
    case, when cases and truths are not the same, or when a score is too low or no better than the naive rule; 2 for a
    bad folder.
    """
    if at_least and truth is None:
        raise fail("--at-least needs --truth", "no_truth", as_json, BAD_USE)
    try:
        recorded = WatchFolder(folder)
        healthy = {name: told.is_healthy for name, told in read_truth(truth).items()} if truth else None
        cases, unwatched = recorded.read()
        answers = [answer(case) for case in cases]
        if not answers:
            raise fail(f"{folder}: no case in it, nothing was evaluated", "no_cases", as_json)
        if out is not None or not as_json:
            write(json_lines(one.row() for one in answers), out, as_json)
        hours = {kind: recorded.quiet(kind) for kind in KINDS} if quiet else {}
        if healthy is not None:
            check(answers, unwatched, healthy.keys())
    except NotTheSame as error:
        raise fail(str(error), error.code, as_json) from error
    except (FolderInvalid, CasesInvalid) as error:
        raise fail(str(error), error.code, as_json, BAD_USE) from error
    scored = _scored(answers, healthy) if healthy is not None else []
    _tell(answers, unwatched, hours, scored, as_json)
    if low := [line for one in scored for line in one.missed(at_least)]:
        raise fail("; ".join(low), "score_too_low", as_json)


def _scored(answers: Sequence[Answer], healthy: Mapping[str, bool]) -> list[Scored]:
    """By kind, of those that have cases."""
    kinds = {kind: [one for one in answers if one.case.watch.kind == kind] for kind in KINDS}
    return [
        Scored(kind, len(some), tally(some, healthy), tally(some, healthy, naive=True))
        for kind, some in kinds.items()
        if some
    ]


def _tell(
    answers: Sequence[Answer],
    unwatched: Sequence[str],
    hours: Mapping[str, Quiet],
    scored: Sequence[Scored],
    as_json: bool,
) -> None:
    if as_json:
        figures: dict[str, Any] = {"cases": len(answers), "not_watched": list(unwatched)}
        figures["quiet"] = {kind: one.told() for kind, one in hours.items()}
        figures["scores"] = {one.kind: one.told() for one in scored}
        write(json_lines([figures]), None, as_json)
        return
    if unwatched:
        named = ", ".join(unwatched)
        err.print(f"{len(unwatched)} incidents have nothing that is watched, not judged: {named}", markup=False)
    for kind, one in hours.items():
        err.print(f"{kind}: {one}", markup=False, soft_wrap=True)
    for score in scored:
        err.print(f"{score.kind}, {score.cases} cases: {score.ours}", markup=False, soft_wrap=True)
        err.print(f"{score.kind}, by {NAIVE[score.kind]}: {score.naive}", markup=False, soft_wrap=True)


def _f1(counted: Tally) -> float:
    both = counted.precision + counted.recall
    return 2 * counted.precision * counted.recall / both if both else 0.0
