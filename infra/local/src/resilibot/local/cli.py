"""resilibot: the command line. Each command has --json; exit code 2 is bad use, 1 a failure."""

from typing import Annotated, Any

import typer

from resilibot.local.commands import (
    archiving,
    asking,
    auditing,
    confirming,
    evaluating,
    exporting,
    letters,
    looking,
    policies,
    rebuilding,
    regrouping,
    render,
    rerunning,
    running,
    silencing,
    status,
)
from resilibot.local.commands.context import BAD_USE, api, errors, show
from resilibot.local.commands.usage import IncidentId, Resilibot
from resilibot.local.drill import decide

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]

app = typer.Typer(
    cls=Resilibot,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=__doc__,
)
incident_app = typer.Typer(no_args_is_help=True, help="List, show, open, close, merge, split and confirm incidents.")
app.add_typer(incident_app, name="incident")
app.add_typer(letters.app, name="dlq")
app.add_typer(auditing.app, name="audit")
app.add_typer(evaluating.app, name="eval")
app.add_typer(silencing.app, name="silence")
app.add_typer(policies.app, name="policy")
app.command("up")(running.up)
app.command("demo")(running.demo)
app.command("drill")(running.drill)
app.command("replay")(auditing.replay)
app.command("export")(exporting.export)
app.command("rerun")(rerunning.rerun_incident)
app.command("archive")(archiving.archive)
app.command("restore")(archiving.restore)
app.command("rebuild")(rebuilding.rebuild)
app.command("status")(status.status)
app.command("ask")(asking.ask)
app.command("signal")(looking.signal)
app.command("target")(looking.target)
incident_app.command("timeline")(looking.timeline)
incident_app.command("merge")(regrouping.merge)
incident_app.command("unmerge")(regrouping.unmerge)
incident_app.command("split")(regrouping.split)
incident_app.command("confirm")(confirming.confirm)


@incident_app.command("list")
def list_incidents(
    status: Annotated[str | None, typer.Option(help="only this status")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    at: Annotated[str | None, typer.Option(help="RFC 3339 time: the incidents there were, as they were")] = None,
    as_json: Json = False,
) -> None:
    """Newest first."""
    with errors(as_json):
        rows = api().incidents(limit, status=status.upper() if status else None, at=at)
    show(rows, as_json, lambda: render.incidents(rows))


@incident_app.command("show")
def show_incident(
    incident_id: IncidentId,
    at: Annotated[str | None, typer.Option(help="stream version or RFC 3339 time: the case as it was")] = None,
    as_json: Json = False,
) -> None:
    """The case: status, diagnosis with its evidence, actions, recovery."""
    with errors(as_json):
        case = api().get(f"/incidents/{incident_id}", at=at)
    show(case, as_json, lambda: render.case(case))


@incident_app.command("open")
def open_incident(
    title: str,
    service: Annotated[str, typer.Option(help="the workload it is about")],
    severity: Annotated[str, typer.Option(help="LOW, MEDIUM, HIGH or CRITICAL")] = "MEDIUM",
    description: Annotated[str, typer.Option()] = "",
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="a wish, recorded; it permits nothing")] = False,
    key: Annotated[str | None, typer.Option(help="idempotency key: the same key gives the same incident")] = None,
    as_json: Json = False,
) -> None:
    """Open an incident by hand."""
    body: dict[str, Any] = {
        "title": title,
        "service": service,
        "severity": severity.upper(),
        "description": description,
    }
    if auto_approve:
        body["auto_approve"] = True
    with errors(as_json):
        opened = api().post("/incidents", body, {"Idempotency-Key": key} if key else None)
    show(opened, as_json, lambda: typer.echo(opened["incident_id"]))


@incident_app.command("close")
def close_incident(
    incident_id: IncidentId, comment: Annotated[str, typer.Option()] = "", as_json: Json = False
) -> None:
    """Close an incident."""
    with errors(as_json):
        closed = api().post(f"/incidents/{incident_id}/close", {"comment": comment})
    show(closed, as_json, lambda: typer.echo(f"{incident_id} closed"))


@app.command()
def approve(
    incident_id: IncidentId,
    grant: Annotated[str | None, typer.Option(help="grant id; needed when several are pending")] = None,
    comment: Annotated[str, typer.Option()] = "",
    yes: Annotated[bool, typer.Option("--yes", help="do not show it and ask")] = False,
    as_json: Json = False,
) -> None:
    """Approve the pending step for exactly the arguments shown, or the investigation."""
    _answer(incident_id, grant, comment, as_json, approve=True, is_sure=yes)


@app.command()
def deny(
    incident_id: IncidentId,
    grant: Annotated[str | None, typer.Option(help="grant id; needed when several are pending")] = None,
    comment: Annotated[str, typer.Option()] = "",
    yes: Annotated[bool, typer.Option("--yes", help="do not show it and ask")] = False,
    as_json: Json = False,
) -> None:
    """Deny the pending step, or the investigation."""
    _answer(incident_id, grant, comment, as_json, approve=False, is_sure=yes)


def _is_meant(request: dict[str, Any], word: str) -> bool:
    render.approval(request)
    return typer.confirm(f"{word} exactly this?")


def _answer(
    incident_id: IncidentId, grant: str | None, comment: str, as_json: bool, *, approve: bool, is_sure: bool
) -> None:
    from resilibot.local.commands.context import fail

    with errors(as_json):
        client = api()
        approvals = client.get(f"/incidents/{incident_id}")["approvals"]
        pending = [g for g, a in approvals.items() if a["state"] == "pending" and grant in (None, g)]
        if grant is not None and grant in approvals:
            pending = [grant]  # the server says why an answered or expired one cannot be answered
        if len(pending) != 1:
            what = "no pending approval" if not pending else f"several are pending, name one: {', '.join(pending)}"
            raise fail(f"{incident_id}: {what}", "no_single_approval", as_json, BAD_USE)
        request = approvals[pending[0]]["request"]
        if not is_sure and not (not as_json and _is_meant(request, "approve" if approve else "deny")):
            raise fail("nothing was answered: say yes, or --yes", "not_confirmed", as_json, BAD_USE)
        answer = decide(client, incident_id, request, approve=approve, comment=comment)
    show(answer, as_json, lambda: typer.echo(f"{'approved' if approve else 'denied'} {pending[0]}"))


@app.command()
def forget(
    subject: str,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    as_json: Json = False,
) -> None:
    """Forget a person for good: what names them becomes unreadable everywhere, and stays so. See docs/erasure.md."""
    from resilibot.local.commands.context import fail

    if not yes and (as_json or not typer.confirm(f"destroy the key of {subject}? This cannot be undone")):
        raise fail("nothing was forgotten: say yes, or --yes", "not_confirmed", as_json, BAD_USE)
    with errors(as_json):
        forgotten = api().post("/erasures", {"subject": subject})
    show(forgotten, as_json, lambda: typer.echo(f"forgotten: {forgotten['subject']}"))


def main() -> None:
    app()


if __name__ == "__main__":
    main()
