"""resilibot ask: a question in plain words, answered from the record."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any

import typer

from resilibot.local.commands.context import BAD_USE, api, errors, out, show
from resilibot.local.commands.text import safe

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]


def ask(question: str, as_json: Json = False) -> None:
    """Ask what the record knows: "why did checkout fail last night?". Exit code 2: the question is not understood."""
    with errors(as_json):
        reply = api().get("/ask", q=question)

    def text() -> None:
        reader = f"read by model {safe(reply['read_by'])} as" if reply["read_by"] else "understood as"
        out.print(f"[dim]{reader}: {safe(reply['understood'])}[/dim]")
        out.print(safe(reply["text"]))
        for line in cited(reply["citations"]):
            out.print(f"[dim]{safe(line)}[/dim]")
        if reply["bound"]:
            out.print(f"[yellow]note[/yellow] {safe(reply['bound'])}")
        if reply["fell_back"]:
            out.print(f"[yellow]note[/yellow] no model read it: {safe(reply['fell_back'])}")

    show(reply, as_json, text)
    if reply["found"] == "not_understood":
        raise typer.Exit(BAD_USE)


def cited(citations: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line per incident: its events by version, with the evidence meant."""
    ordered = sorted(citations, key=lambda one: (one["incident_id"], one["version"], one["evidence_id"] or ""))
    lines = []
    for incident_id, group in groupby(ordered, key=lambda one: one["incident_id"]):
        events = [f"v{one['version']}" + (f" {one['evidence_id']}" if one["evidence_id"] else "") for one in group]
        lines.append(f"rests on {incident_id}: {', '.join(events)}")
    return lines
