"""resilibot replay and audit: the history as it was written, and whether it still is."""

from datetime import datetime
from typing import Annotated, Any

import typer

from resilibot.contracts.event import format_time
from resilibot.local.commands import archiving, render
from resilibot.local.commands.context import BAD_USE, FAILED, api, clock_time, errors, fail, home, out, show
from resilibot.local.commands.text import safe
from resilibot.local.commands.usage import IncidentId, as_incident_id

app = typer.Typer(no_args_is_help=True, help="Prove that nothing stored was changed.")
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]


app.command("checkpoint")(archiving.checkpoint)
app.command("export")(archiving.export)


@app.callback()
def audit() -> None:
    """Prove that nothing stored was changed."""


@app.command("verify")
def verify(
    incident_id: Annotated[
        str | None, typer.Argument(callback=as_incident_id, help="one incident; all streams when left out")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute every hash chain from the store itself, and hold it against the checkpoints and against the blobs that
    events refer to. Exit code 1 on a fault."""
    from resilibot.local.audit_trail import trail_of

    with errors(as_json), trail_of(home()) as trail:
        covered = trail.verify(f"incident#{incident_id}" if incident_id else None)
    report, coverage = covered.audit, covered.coverage
    if incident_id and not report.events and all(fault.stream == "checkpoints" for fault in report.faults):
        raise fail(f"no incident {incident_id}", "not_found", as_json, BAD_USE)
    data: dict[str, Any] = {
        "ok": report.ok,
        "streams": report.streams,
        "events": report.events,
        "faults": [
            {"stream": f.stream, "version": f.version, "kind": f.kind, "detail": f.detail} for f in report.faults
        ],
        "checkpoints": {
            "count": coverage.checkpoints,
            "since": format_time(coverage.since) if coverage.since else None,
            "key_id": trail.key_id,
            "streams": coverage.streams,
            "not_covered": [{"stream": w.stream, "first": w.first, "last": w.last} for w in coverage.windows],
        },
    }

    def text() -> None:
        for fault in data["faults"]:
            out.print(f"[red]{fault['kind']}[/red] at {fault['stream']}:{fault['version']}: {safe(fault['detail'])}")
        for line in render.coverage(data["checkpoints"]):
            out.print(safe(line))
        verdict = "[green]ok[/green]" if report.ok else "[red]FAILED[/red]"
        out.print(f"audit verify: {verdict} ({report.events} events in {report.streams} streams)")

    show(data, as_json, text)
    if not report.ok:
        raise typer.Exit(FAILED)


@app.command("feed")
def feed(
    after: Annotated[int, typer.Option(min=0, help="position to go on from")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 100,
    as_json: Json = False,
) -> None:
    """Every event of every stream, once, in one order; go on after the last position shown."""
    with errors(as_json):
        page = api().get("/feed", after=after, limit=limit)

    def text() -> None:
        for row in page["entries"]:
            actor = f"{row['actor']['kind']} {row['actor']['id']}"
            out.print(
                f"[dim]{row['position']:>6}  {clock_time(row['at'], with_date=True)}[/dim]  {safe(row['stream']):<36} "
                f"[bold]{row['type']:<24}[/bold] {safe(row['sentence'])} [dim]({safe(actor)})[/dim]"
            )

    show(page, as_json, text)


def replay(
    incident_id: IncidentId,
    at: Annotated[str | None, typer.Option(help="stream version or RFC 3339 time: the case as it was")] = None,
    as_json: Json = False,
) -> None:
    """Print an incident's history event by event; with --at, the case as it was at that version or moment."""
    with errors(as_json):
        client = api()
        events = client.get(f"/incidents/{incident_id}/events")["events"]
        timeline = client.get(f"/incidents/{incident_id}/timeline")["entries"]
        case = client.get(f"/incidents/{incident_id}", at=at) if at else None
    if case is not None:
        show(case, as_json, lambda: render.case(case))
        return
    sentences = {entry["version"]: entry["sentence"] for entry in timeline}

    def text() -> None:
        started: datetime | None = None
        for event in events:
            envelope = event["envelope"]
            when = datetime.fromisoformat(envelope["recorded_at"])
            started = started or when
            out.print(
                f"[dim]v{envelope['version']:<3} {clock_time(envelope['recorded_at'], with_date=True)} "
                f"+{(when - started).total_seconds():7.3f} s[/dim]  [bold]{envelope['type']:<24}[/bold] "
                f"{safe(sentences.get(envelope['version'], ''))}"
            )
            because = f" because of {envelope['causation_id']}" if envelope["causation_id"] else ""
            out.print(
                f"       [dim]{envelope['id']} by {envelope['producer']['service']} "
                f"({envelope['actor']['kind']} {safe(envelope['actor']['id'])}){because}  {event['hash'][:16]}…[/dim]"
            )

    show(events, as_json, text)
