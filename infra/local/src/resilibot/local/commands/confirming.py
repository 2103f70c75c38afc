"""confirming: a person says what it really was, so that what the reasoner said can be graded."""

from typing import Annotated, Any

import typer

from resilibot.local.commands.context import api, errors, show
from resilibot.local.commands.usage import IncidentId


def confirm(
    incident_id: IncidentId,
    component: Annotated[str, typer.Option(help="what was at fault: a host, a release, a service")],
    cause: Annotated[str, typer.Option(help="bad_release, hung_process ..., or free words")],
    fault_class: Annotated[str | None, typer.Option(help="latency-config, error-deploy ...")] = None,
    category: Annotated[str | None, typer.Option(help="configuration_error, resource_exhaustion ...")] = None,
    comment: Annotated[str, typer.Option(help="how it was found out")] = "",
    key: Annotated[str | None, typer.Option(help="idempotency key: the same key is one verdict")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False,
) -> None:
    """Confirm the root cause of an incident: also weeks later, also of a closed one. The latest counts."""
    told = {"component": component, "cause": cause, "fault_class": fault_class, "fault_category": category}
    body: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    with errors(as_json):
        path = f"/incidents/{incident_id}/root-cause"
        answer = api().post(path, {**body, "comment": comment}, {"Idempotency-Key": key} if key else None)
    word = "confirmed" if answer["recorded"] else "was confirmed like this before"
    show(answer, as_json, lambda: typer.echo(f"{incident_id}: {cause} at {component} {word}"))
