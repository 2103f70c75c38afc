"""Looking at read models other than the case, now or as they were."""

from typing import Annotated, Any

import typer

from resilibot.local.commands import render
from resilibot.local.commands.context import api, errors, out, show
from resilibot.local.commands.text import safe
from resilibot.local.commands.usage import IncidentId, OtherId

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
At = Annotated[str | None, typer.Option(help="stream version or RFC 3339 time: as it was")]


def timeline(incident_id: IncidentId, at: At = None, as_json: Json = False) -> None:
    """One line per event of an incident."""
    with errors(as_json):
        entries = api().get(f"/incidents/{incident_id}/timeline", at=at)["entries"]

    def text() -> None:
        for entry in entries:
            render.entry(entry, with_date=True)

    show(entries, as_json, text)


def signal(fingerprint: OtherId, at: At = None, as_json: Json = False) -> None:
    """How often a signal was received, and what became of it."""
    with errors(as_json):
        found = api().get(f"/signals/{fingerprint}", at=at)

    def text() -> None:
        what = ", ".join(f"{number} {word}" for word, number in found["dispositions"].items())
        out.print(f"received {found['received']} times: {safe(what)}")
        out.print(f"incidents: {', '.join(found['incidents']) or 'none'}")
        if found["last"]:
            out.print(f"last: {safe(found['last']['name'])} is {found['last']['state']} since {found['last']['at']}")

    show(found, as_json, text)


def target(name: str, at: At = None, as_json: Json = False) -> None:
    """The action that is open on a target (service/checkout), and those before."""
    with errors(as_json):
        found: dict[str, Any] = api().get("/targets", name=name, at=at)

    def text() -> None:
        out.print(f"open action: {found['open_action'] or 'none'}")
        for done in found["history"]:
            out.print(f"  {done['action']} {done['outcome']} for {done['incident_id']} ({done['action_id']})")

    show(found, as_json, text)
