"""eval log: the own closed incidents against what people confirmed, as the log stands now."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from resilibot.local.commands.context import BAD_USE, FAILED, api, errors, fail, home, out
from resilibot.local.commands.figures import LimitInvalid, Limits, hold, tell
from resilibot.local.commands.text import safe
from resilibot.local.log_eval import Graded, graded
from resilibot.local.no_network import NetworkRefused
from resilibot.local.recorded_log import LogInvalid, RecordedLog, of_answer, read_file
from resilibot.local.rerun import REASONERS
from resilibot.local.scoring import score

MOST = 100_000  # incidents


def grade_log(
    source: Annotated[
        list[Path] | None, typer.Option("--from", help="a bundle, the JSON of `resilibot replay`, or a folder of them")
    ] = None,
    again: Annotated[
        bool, typer.Option("--rerun", help="grade what today's reasoner makes of the same evidence")
    ] = False,
    reasoner: Annotated[str, typer.Option(help="with --rerun: who judges")] = "deterministic",
    at_least: Annotated[list[str] | None, typer.Option(help="top1=0.9; below it is a failure")] = None,
    at_most: Annotated[list[str] | None, typer.Option(help="brier=0.1; above it is a failure")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False,
) -> None:
    """Grade the diagnoses of closed incidents whose root cause a person confirmed; with --rerun, today's too.

    Exit code 1 when there is none, or a figure misses its limit. A verdict that comes later changes the figures.
    """
    if reasoner not in REASONERS:
        raise fail(f"--reasoner: {reasoner!r} is none of {', '.join(REASONERS)}", "no_reasoner", as_json, BAD_USE)
    try:
        limits = Limits.read(at_least or [], at_most or [])
        with errors(as_json), _logs(source or []) as logs:
            found = list(logs)
        then = graded(found)
        now = graded(found, REASONERS[reasoner]) if again else None
    except LimitInvalid as error:
        raise fail(str(error), error.code, as_json, BAD_USE) from error
    except LogInvalid as error:  # a home's own log that does not prove itself is no bad use
        raise fail(str(error), error.code, as_json, BAD_USE if source else FAILED) from error
    except NetworkRefused as error:
        raise fail(f"the reasoner reached out: {error}", error.code, as_json) from error
    if not then:
        what = f"none of {len(found)} incidents is closed, diagnosed and its root cause confirmed"
        raise fail(f"{what}: nothing was graded", "no_cases", as_json)
    if not as_json:
        _print(then, now)
    figures = score([(one.said, one.truth) for one in now or then])
    told: dict[str, Any] = {"incidents": len(found), "judged_by": reasoner if now else "as recorded"}
    told["cases_graded"] = [one.told() for one in then]
    told |= {"cases_graded_again": [one.told() for one in now]} if now else {}
    tell(figures, as_json, told)
    hold(figures, limits, [], as_json)


@contextmanager
def _logs(sources: list[Path]) -> Iterator[Iterator[RecordedLog]]:
    """From files, or every incident of the running home that has a verdict."""
    if sources:
        yield (read_file(path) for source in sources for path in _files(source))
        return
    from resilibot.local.audit_trail import trail_of

    client = api()
    with trail_of(home()) as trail:
        rows = client.incidents(MOST, status="CLOSED")
        told = (row["incident_id"] for row in rows if row["root_cause"] is not None)
        yield (of_answer(client.get(f"/incidents/{incident}/events"), trail.blobs) for incident in told)


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    return sorted(path for path in source.iterdir() if path.suffix in (".json", ".tar"))


def _print(then: list[Graded], now: list[Graded] | None) -> None:
    """Each case with both dates, and what is said today where that was asked for."""
    today = {one.incident_id: one for one in now or ()}
    for one in then:
        told = one.told()
        named, was = safe(told["said"] or "nobody"), safe(told["was"] or "no fault")
        out.print(
            f"{one.incident_id}  {told['grade']:>3}  said {named} ({one.said.confidence:.2f}) at {told['diagnosed_at']}"
            f"; it was {was}, confirmed at {told['confirmed_at']}"
        )
        if one.incident_id in today:
            again = today[one.incident_id].told()
            out.print(f"  today  {again['grade']:>3}  {safe(again['said'] or 'nobody')} ({again['confidence']:.2f})")
