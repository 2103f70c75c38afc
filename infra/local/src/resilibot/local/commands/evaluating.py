"""eval: what the product makes of given input, file by file, on the production path and without anything running."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from resilibot.local.commands.context import BAD_USE, fail
from resilibot.local.commands.figures import LimitInvalid, Limits, hold, tell
from resilibot.local.commands.grading import grade_log
from resilibot.local.commands.retrieving import retrieve
from resilibot.local.commands.rows import json_lines, write
from resilibot.local.commands.watching import watch
from resilibot.local.commands.withholding import SEED, WithholdingInvalid, away_of, told_of
from resilibot.local.diagnosis_eval import CasesInvalid, answer, matched, read_truth, said, stable
from resilibot.local.incident_folder import FolderInvalid, IncidentFolder
from resilibot.local.ingest_eval import INDEX_FILES, judge
from resilibot.local.scoring import score
from resilibot.local.taken_away import By

app = typer.Typer(no_args_is_help=True, help="Run the product's own code over a folder of input.")
app.command("retrieve")(retrieve)
app.command("log")(grade_log)
app.command("watch")(watch)


@app.command("ingest")
def ingest(
    folder: Annotated[Path, typer.Argument(help="every file below it is one message as it came")],
    out: Annotated[Path | None, typer.Option(help="JSON lines; standard output if not given")] = None,
    expect: Annotated[Path | None, typer.Option(help="JSON lines with file, accept and expect: compare")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False,
) -> None:
    """One line per file: what the intake does with it. Exit code 1 when there is no file, or one is not as expected."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in INDEX_FILES]
    if not files:
        raise fail(
            f"{folder}: no file in it, nothing was evaluated", "no_cases", as_json, 1 if folder.is_dir() else BAD_USE
        )
    rows = [{"file": path.relative_to(folder).as_posix(), **judge(path.read_bytes())} for path in files]
    if out is not None or expect is None:
        write(json_lines(rows), out, as_json)
    if expect is not None:
        _compare(rows, expect, as_json)


@app.command("diagnose")
def diagnose(
    folder: Annotated[Path, typer.Argument(help="recorded incidents: incidents/<id>/, baselines/")],
    out: Annotated[Path | None, typer.Option(help="JSON lines; standard output if not given")] = None,
    abstain: Annotated[bool, typer.Option("--abstain", help="name nobody unless the diagnosis is conclusive")] = False,
    truth: Annotated[Path | None, typer.Option(help="JSON lines of what it really was: score the answers")] = None,
    at_least: Annotated[list[str] | None, typer.Option(help="with --truth: top1=0.95; below it is a failure")] = None,
    at_most: Annotated[list[str] | None, typer.Option(help="with --truth: brier=0.1; above it is a failure")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="with --truth: answers per case, evidence in other orders")] = 1,
    without: Annotated[float, typer.Option(min=0, max=1, help="share of the other nodes' telemetry to leave out")] = 0,
    by: Annotated[By | None, typer.Option(help="with --without: whole nodes (usual), or single series")] = None,
    seed: Annotated[int | None, typer.Option(help=f"with --without: of what is drawn; {SEED} when left out")] = None,
    spare_culprit: Annotated[bool, typer.Option("--spare-culprit", help="with --without and --truth")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable figures and errors")] = False,
) -> None:
    """One line per incident: what the reasoner makes of it; with --truth the figures instead (lines to --out).

    Exit code 1 without any incident, when not all that are present ran, nothing could be left out as wanted, or a
    figure misses its limit; 2 for bad input. The alarm's own node keeps its telemetry whatever is left out.
    """
    if truth is None and (at_least or at_most or repeat > 1):
        raise fail("--at-least, --at-most and --repeat need --truth", "no_truth", as_json, BAD_USE)
    try:
        limits = Limits.read(at_least or [], at_most or [])
        truths = read_truth(truth) if truth else {}
        away = away_of(without, seed, by, spare_culprit, truths if truth else None)
        recorded = IncidentFolder(folder, away)
        if not recorded.incidents:
            raise fail(f"{folder}: no incident in it, nothing was evaluated", "no_cases", as_json)
        incidents = list(recorded.read())
    except (FolderInvalid, CasesInvalid, LimitInvalid, WithholdingInvalid) as error:
        raise fail(str(error), error.code, as_json, BAD_USE) from error
    try:
        left_out = {"without": told_of(away, incidents, truths)} if away else {}
    except WithholdingInvalid as error:
        raise fail(str(error), error.code, as_json) from error
    if out is not None or truth is None:
        write(json_lines(answer(incident, abstain=abstain) for incident in incidents), out, as_json)
    if truth is None:
        return
    try:
        figures = score(matched({i.id: said(i) for i in incidents}, truths))
    except CasesInvalid as error:
        raise fail(str(error), error.code, as_json) from error
    same = {i.id: stable(i, repeat) for i in incidents}
    tell(figures, as_json, {"repeat": repeat, "stable": sum(n == repeat for n in same.values()), **left_out})
    unstable = [f"{i}: only {n} of {repeat} answers are the same" for i, n in same.items() if n != repeat]
    hold(figures, limits, unstable, as_json)


def _compare(rows: list[dict[str, Any]], expect: Path, as_json: bool) -> None:
    try:
        wanted = [json.loads(line) for line in expect.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise fail(f"{expect}: {error}", "bad_expectation", as_json, BAD_USE) from error
    by_file = {row["file"]: row for row in rows}
    differing = [said for case in wanted if (said := _differs(case, by_file.get(case["file"])))]
    differing += [f"{name}: no expectation" for name in sorted(by_file.keys() - {case["file"] for case in wanted})]
    typer.echo(json.dumps({"cases": len(wanted), "differing": differing}) if as_json else f"{len(wanted)} cases")
    if differing or not wanted:
        raise fail("; ".join(differing) or "no case", "not_as_expected", as_json)


def _differs(case: dict[str, Any], row: dict[str, Any] | None) -> str:
    """Why a row is not as expected; "" if it is. `expect` names fields of signals, in any order."""
    if row is None:
        return f"{case['file']}: no line"
    if row["outcome"] not in case["accept"]:
        return f"{case['file']}: {row['outcome']} ({row['reason']}), expected {', '.join(case['accept'])}"
    missing = [want for want in case.get("signals", []) if not any(want.items() <= s.items() for s in row["signals"])]
    return f"{case['file']}: no signal like {missing[0]} in {row['signals']}" if missing else ""
