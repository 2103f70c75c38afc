"""resilibot export: an incident of the log as something to work with elsewhere. So far: a fixture."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from resilibot.local.commands.context import BAD_USE, FAILED, api, errors, fail, out, show
from resilibot.local.commands.text import safe
from resilibot.local.commands.usage import as_incident_id
from resilibot.local.diagnosis_eval import TruthInvalid
from resilibot.local.fixture import Fixture, FixtureRefused, fixture_of, headline
from resilibot.local.fixture_folder import TRUTH, FixtureExists, Trial, add, same_headline, tried
from resilibot.local.recorded_log import CarriedBlobs, LogInvalid, RecordedLog, of_answer, read_file


def export(
    fixture: Annotated[
        str,
        typer.Option("--fixture", metavar="ID", callback=as_incident_id, help="the incident that becomes a case"),
    ],
    folder: Annotated[Path, typer.Option("--out", help="cases of `eval diagnose`: it is added to them")] = Path(
        "fixtures"
    ),
    source: Annotated[Path | None, typer.Option("--from", help="a bundle, or `resilibot replay ID --json`")] = None,
    failing: Annotated[
        bool, typer.Option("--failing", help="also when today's reasoner gets it wrong: a test that is red by now")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False,
) -> None:
    """Make a case for `eval diagnose` of a diagnosed incident. It passes as it is, and fails once its diagnosis breaks.

    Exit code 1 when there is no diagnosis, nothing says what it was, or the case would not pass; 2 for bad use, as for
    a case that is there already.
    """
    try:
        with errors(as_json):
            made = fixture_of(_read(fixture, source, as_json))
        trial = tried(made)
        if not trial.passes and not failing:
            raise fail(_miss(made, trial), "does_not_pass", as_json)
        files = add(folder, made)
    except LogInvalid as error:  # a home's own log that does not prove itself is no bad use
        raise fail(str(error), error.code, as_json, BAD_USE if source else FAILED) from error
    except FixtureRefused as error:
        raise fail(str(error), error.code, as_json) from error
    except (FixtureExists, TruthInvalid) as error:
        raise fail(str(error), error.code, as_json, BAD_USE) from error
    except OSError as error:
        raise fail(f"{folder}: cannot be written: {error}", "bad_output", as_json, BAD_USE) from error
    told = _told(folder, files, made, trial)
    show(told, as_json, lambda: _print(told))


def _read(incident_id: str, source: Path | None, as_json: bool) -> RecordedLog:
    if source is None:
        return of_answer(api().get(f"/incidents/{incident_id}/events"), CarriedBlobs())
    log = read_file(source)
    if log.incident_id != incident_id:
        raise fail(f"{source} is of incident {log.incident_id}", "another_incident", as_json, BAD_USE)
    return log


def _told(folder: Path, files: list[Path], made: Fixture, trial: Trial) -> dict[str, Any]:
    truths = folder / TRUTH
    return {
        "incident_id": made.incident_id,
        "folder": str(folder),
        "files": [str(path) for path in files],
        "truth": made.truth,
        "passes": trial.passes,
        "grade": trial.grade,
        "diagnosis": {
            "recorded": headline(made.recorded),
            "now": headline(trial.reached),
            "same": same_headline(made, trial),
        },
        "left_behind": list(made.left_behind),
        "check": shlex.join(
            ["resilibot", "eval", "diagnose", str(folder), "--truth", str(truths), "--at-least", "grade=100"]
        ),
    }


def _print(told: dict[str, Any]) -> None:
    truth, then, now = told["truth"], told["diagnosis"]["recorded"], told["diagnosis"]["now"]
    was = (
        "no fault" if truth["healthy"] else f"{truth.get('cause', 'a fault')} at {truth.get('service', 'no one place')}"
    )
    who = "a person confirmed" if truth["told_by"] == "person" else "by the recorded diagnosis, which nobody confirmed"
    out.print(f"{told['folder']}: case {told['incident_id']}, {safe(was)} ({who}, {truth['since']})")
    same = "as recorded" if told["diagnosis"]["same"] else f"recorded: {safe(_said(then))}"
    verdict = "[green]passes[/green]" if told["passes"] else "[red]does not pass[/red]"
    out.print(f"  {verdict}: {safe(_said(now))}; {same}")
    for line in told["left_behind"]:
        out.print(f"  [dim]left behind: {safe(line)}[/dim]")
    out.print(f"  {told['check']}")


def _miss(made: Fixture, trial: Trial) -> str:
    was = "no fault" if made.truth["healthy"] else made.truth.get("service") or made.truth.get("category")
    now = _said(headline(trial.reached))
    return f"it was {was}, and today's reasoner says: {now}; --failing keeps it as a test that is red"


def _said(told: dict[str, Any]) -> str:
    named = f"{told['cause']} at {told['component']}" if told["component"] else "nobody named"
    return f"{told['outcome']}, {named} ({told['confidence']:.2f})"
