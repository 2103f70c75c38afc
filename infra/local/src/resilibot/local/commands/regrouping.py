"""regrouping: people say which incidents are one trouble, and which signals are another."""

from typing import Annotated

import typer

from resilibot.local.commands.context import api, errors, show
from resilibot.local.commands.usage import IncidentId, as_incident_id

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
Comment = Annotated[str, typer.Option(help="why")]


def merge(
    incident_id: IncidentId,
    into: Annotated[str, typer.Option(callback=as_incident_id, help="the incident that goes on")],
    comment: Comment = "",
    as_json: Json = False,
) -> None:
    """End an incident that is the same trouble as another: its signals go there."""
    with errors(as_json):
        merged = api().post(f"/incidents/{incident_id}/merge", {"into": into, "comment": comment})
    show(merged, as_json, lambda: typer.echo(f"{incident_id} merged into {into}"))


def unmerge(incident_id: IncidentId, comment: Comment = "", as_json: Json = False) -> None:
    """Take a merge back: the incident lives again, with the signals that it brought."""
    with errors(as_json):
        back = api().post(f"/incidents/{incident_id}/unmerge", {"comment": comment})
    show(back, as_json, lambda: typer.echo(f"{incident_id} is an incident of its own again"))


def split(
    incident_id: IncidentId,
    fingerprints: Annotated[list[str], typer.Argument(help="as `resilibot incident show` names them")],
    comment: Comment = "",
    as_json: Json = False,
) -> None:
    """Take signals out into a new incident of their own, and print its id."""
    with errors(as_json):
        body = {"fingerprints": fingerprints, "comment": comment}
        parted = api().post(f"/incidents/{incident_id}/split", body)
    show(parted, as_json, lambda: typer.echo(parted["incident_id"]))
