"""resilibot rebuild: every read model anew from the store, beside the live ones; switched at the end."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from resilibot.local.commands.context import err, errors, fail, home, out, show
from resilibot.projections.ports import Progress as SegmentProgress

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]


def rebuild(
    model: Annotated[
        list[str] | None, typer.Option(help="incidents, cases, timelines, signals or targets; all when left out")
    ] = None,
    segments: Annotated[int, typer.Option(min=1, max=64, help="how many are folded side by side")] = 4,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="only delete the tables that are not live")] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="only give up an unfinished rebuild")] = False,
    as_json: Json = False,
) -> None:
    """Rebuild read models while everything runs; one that was interrupted goes on where it was."""
    from resilibot.local.backbone import make_rebuild
    from resilibot.projections.tables import FIRST

    unknown = sorted(set(model or ()) - set(FIRST))
    if unknown:
        raise fail(f"no read model {', '.join(unknown)}; there are {', '.join(FIRST)}", "unknown_model", as_json, 2)
    with errors(as_json), make_rebuild(home()) as (prepared, tables):
        if drop_old:
            dropped = tables.drop_old()
            show({"dropped": dropped}, as_json, lambda: out.print(f"dropped: {', '.join(dropped) or 'nothing'}"))
            return
        if abandon:
            job = tables.abandon()
            models = sorted(job.targets) if job else []
            show({"abandoned": models}, as_json, lambda: out.print(f"abandoned: {', '.join(models) or 'nothing'}"))
            return
        started = time.monotonic()
        with _bar(prepared.heads.count(), as_json) as told:
            report = replace(prepared, told=told).run(tuple(model or ()), segments)
    data: dict[str, Any] = {
        "live": dict(report.targets),
        "resumed": report.resumed,
        "streams": report.streams,
        "events": report.events,
        "folded_now": report.folded_now,
        "behind": list(report.behind),
        "seconds": round(time.monotonic() - started, 1),
    }

    def text() -> None:
        names = ", ".join(f"{name} v{version}" for name, version in report.targets.items())
        resumed = f" ({report.folded_now} of them now, the others before it was interrupted)" if report.resumed else ""
        out.print(f"rebuilt {report.streams} streams, {report.events} events{resumed} in {data['seconds']} s")
        out.print(f"live now: {names}; streams found behind, pass by pass: {data['behind']}")

    show(data, as_json, text)


@contextmanager
def _bar(total: int, as_json: bool) -> Iterator[Callable[[SegmentProgress], None]]:
    """A progress bar on standard error; with --json a line of JSON per page instead."""
    done: dict[int, SegmentProgress] = {}
    if as_json:

        def line(progress: SegmentProgress) -> None:
            done[progress.segment] = progress
            streams = sum(one.streams for one in done.values())
            typer.echo(json.dumps({"streams": streams, "of": total}), err=True)

        yield line
        return
    columns = (
        TextColumn("folding streams"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("streams", total=total)

        def advance(progress: SegmentProgress) -> None:
            done[progress.segment] = progress
            bar.update(task, completed=sum(one.streams for one in done.values()))

        yield advance
