"""Silences and maintenance windows: start, list, end."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from resilibot.local.commands.context import BAD_USE, api, errors, fail, out, show
from resilibot.local.commands.text import safe
from resilibot.local.commands.usage import OtherId

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
Glob = Annotated[str | None, typer.Option(help="exact, or a glob with * and ?")]
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}

app = typer.Typer(no_args_is_help=True, help="Silence alarms for a while: what matches opens no incident.")


@app.command("add")
def add(
    reason: Annotated[str, typer.Option(help="why; kept with the silence")],
    lasts: Annotated[str | None, typer.Option("--for", help="how long: 30m, 2h, 1d")] = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339 time at which it ends")] = None,
    starts: Annotated[str | None, typer.Option(help="RFC 3339 time at which it begins; now when left out")] = None,
    source: Glob = None,
    name: Glob = None,
    service: Glob = None,
    environment: Glob = None,
    account: Glob = None,
    resource: Glob = None,
    label: Annotated[list[str] | None, typer.Option(help="LABEL=PATTERN, as often as wanted")] = None,
    as_json: Json = False,
) -> None:
    """Start a silence, or plan a maintenance window. All that is given must fit."""
    fields = {
        "source": source,
        "name": name,
        "service": service,
        "environment": environment,
        "account": account,
        "resource": resource,
    }
    pairs = [one.partition("=") for one in label or []]
    bad = next((key for key, equals, _ in pairs if not equals), None)
    if bad is not None:
        raise fail(f"label: {bad!r} is not LABEL=PATTERN", "bad_label", as_json, BAD_USE)
    body: dict[str, Any] = {"matcher": {key: value for key, value in fields.items() if value}, "reason": reason}
    if pairs:
        body["matcher"]["labels"] = {key: pattern for key, _, pattern in pairs}
    if lasts is not None:
        match = re.fullmatch(r"([0-9]+)([smhd])", lasts)
        if match is None:
            raise fail(f"--for: {lasts!r} is no duration such as 30m, 2h or 1d", "bad_duration", as_json, BAD_USE)
        body["duration_s"] = int(match[1]) * UNITS_S[match[2]]
    body |= {key: value for key, value in (("ends_at", until), ("starts_at", starts)) if value}
    with errors(as_json):
        started = api().post("/silences", body)
    show(started, as_json, lambda: typer.echo(f"{started['silence_id']} until {started['ends_at']}"))


@app.command("list")
def list_silences(
    everything: Annotated[bool, typer.Option("--all", help="those that ended, too")] = False,
    at: Annotated[str | None, typer.Option(help="RFC 3339 time or version: the silences there were")] = None,
    as_json: Json = False,
) -> None:
    """Silences that last or are to come."""
    with errors(as_json):
        silences = api().get("/silences", at=at)["silences"]
    rows = [row for row in silences if everything or not row["ended"]]

    def text() -> None:
        for row in rows:
            fields = {**row["matcher"]}
            fields |= {f"label {key}": value for key, value in fields.pop("labels", {}).items()}
            matcher = ", ".join(f"{key}={value}" for key, value in fields.items())
            is_coming = datetime.fromisoformat(row["starts_at"]) > datetime.now(UTC)
            state = f"ended ({row['ended']['why']})" if row["ended"] else "planned" if is_coming else "active"
            out.print(f"{row['silence_id']}  {state:<8}  {row['starts_at'][:19]} to {row['ends_at'][:19]} UTC")
            out.print(f"    {safe(matcher)}: {safe(row['comment'])} [dim]({safe(row['started_by'])})[/dim]")
        if not rows:
            out.print("no silences")

    show(rows, as_json, text)


@app.command("end")
def end(silence_id: OtherId, as_json: Json = False) -> None:
    """End a silence now: what it held back and still fires opens its incident."""
    with errors(as_json):
        ended = api().post(f"/silences/{silence_id}/end", {})
    show(ended, as_json, lambda: typer.echo(f"{silence_id} ended"))
