"""resilibot audit checkpoint and export, archive, restore: proofs and copies that outlive the store."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from resilibot.local.audit_trail import trail_of
from resilibot.local.commands.context import BAD_USE, FAILED, errors, fail, home, out, show
from resilibot.local.commands.text import safe
from resilibot.local.commands.usage import IncidentId
from resilibot.runtime.audit.verify_bundle import verify

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]


def checkpoint(as_json: Json = False) -> None:
    """Sign where every stream ends now, and keep it where nobody can take it away."""
    with errors(as_json), trail_of(home()) as trail:
        taken = trail.checkpoint()
        if taken is None:
            raise fail("there is no stream yet", "nothing_to_sign", as_json)
    data = {**taken.statement.model_dump(mode="json"), "signature": taken.signature}
    text = f"checkpoint {taken.number}: {len(taken.leaves)} streams, root {taken.statement.root}, key {trail.key_id}"
    show(data, as_json, lambda: out.print(text))


def export(
    incident_id: IncidentId,
    out_file: Annotated[Path | None, typer.Option("--out", help="default: ID.tar in this folder")] = None,
    as_json: Json = False,
) -> None:
    """Write all that proves one incident's log into one file that verifies offline. Exit code 1 if it does not."""
    with errors(as_json), trail_of(home()) as trail:
        bundle = trail.export(incident_id)
        if bundle is None:
            raise fail(f"no incident {incident_id}", "not_found", as_json, BAD_USE)
    path = out_file or Path(f"{incident_id}.tar")
    path.write_bytes(bundle.content)
    report = verify(bundle.content, trail.key_id)
    data = {
        "file": str(path),
        "sha256": bundle.sha256,
        "streams": dict(bundle.ends),
        "checkpoints": [number for number, _ in report.checkpoints],
        "missing_blobs": dict(bundle.missing_blobs),
        "key_id": trail.key_id,
        "ok": not report.faults,
        "faults": [fault._asdict() for fault in report.faults],
    }

    def text() -> None:
        for fault in report.faults:
            out.print(f"[red]{fault.kind}[/red] at {safe(fault.place)}: {safe(fault.detail)}")
        out.print(f"{path}: {report.events} events in {report.streams} streams, sha256 {bundle.sha256}")
        out.print(f"verify it anywhere: python3 verify.py {path.name} --key {trail.key_id}")

    show(data, as_json, text)
    if report.faults:
        raise typer.Exit(FAILED)


def archive(
    older_than_days: Annotated[float | None, typer.Option(min=0, help="default: RESILIBOT_ARCHIVE_AFTER_DAYS")] = None,
    as_json: Json = False,
) -> None:
    """Copy closed incidents into the archive, verified. Nothing is deleted. Exit code 1 if one is faulty."""
    with errors(as_json), trail_of(home()) as trail:
        done = trail.archive(older_than_days)

    def text() -> None:
        for one in done:
            out.print(
                f"{one.state:<12} {one.incident_id} {safe(one.detail) or (one.entry.sha256 if one.entry else '')}"
            )
        out.print(f"{sum(one.state == 'archived' for one in done)} archived, of {len(done)} closed")

    show([asdict(one) for one in done], as_json, text)
    if any(one.state == "faulty" for one in done):
        raise typer.Exit(FAILED)


def restore(incident_id: IncidentId, as_json: Json = False) -> None:
    """Bring back from the archive what the store lost of an incident. Never overwrites. Exit code 1 if not all came."""
    with errors(as_json), trail_of(home()) as trail:
        done = trail.restore(incident_id)

    def text() -> None:
        for one in done:
            out.print(f"{one.state:<9} {safe(one.stream)} {one.commits} commits {safe(one.detail)}")

    show([asdict(one) for one in done], as_json, text)
    if any(one.state == "behind" for one in done):
        raise typer.Exit(FAILED)
