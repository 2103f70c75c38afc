"""Policies: which are in force, and whether a file would be one."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from resilibot.act import policy as gate_policy
from resilibot.contracts import door_policy
from resilibot.local.commands.context import BAD_USE, api, errors, fail, out, show
from resilibot.local.commands.text import safe

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]

app = typer.Typer(
    no_args_is_help=True, help="The owner's policies: of the door (what comes in), of the gate (actions)."
)


@app.command("show")
def show_policies(
    at: Annotated[str | None, typer.Option(help="RFC 3339 time or version: what was in force")] = None,
    as_json: Json = False,
) -> None:
    """The policies in force, as the log says."""
    with errors(as_json):
        policies = api().get("/policies", at=at)["policies"]

    def text() -> None:
        for scope, active in policies.items():
            out.print(f"[bold]{scope}[/bold] {active['version']} since {active['since']} ({safe(active['origin'])})")
            out.print(safe(json.dumps(active["policy"], indent=2)))

    show(policies, as_json, text)


@app.command("check")
def check(
    file: Path,
    scope: Annotated[str, typer.Option(help="door or gate; found out by the fields when left out")] = "",
    as_json: Json = False,
) -> None:
    """Whether the file is a policy; exit code 2 and the field when it is not."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"{file}: {error}", "unreadable", as_json, BAD_USE) from error
    if scope not in ("", "door", "gate"):
        raise fail(f"--scope: {scope!r} is neither door nor gate", "bad_scope", as_json, BAD_USE)
    kind: Literal["door", "gate"] = "gate" if scope == "gate" or (not scope and _is_gate(text)) else "door"
    try:
        version = gate_policy.parse(text).version if kind == "gate" else door_policy.parse(text).version
    except (gate_policy.PolicyInvalid, door_policy.DoorPolicyInvalid) as error:
        raise fail(f"{file} as policy of the {kind}: {error}", error.code, as_json, BAD_USE) from error
    checked = {"scope": kind, "version": version}
    show(checked, as_json, lambda: typer.echo(f"{file} is a policy of the {kind}, version {version}"))


def _is_gate(text: str) -> bool:
    """Rules of the gate say what they decide; those of the door say what they match."""
    try:
        rules: Any = json.loads(text)["rules"]
        return any("decision" in rule for rule in rules)
    except (ValueError, KeyError, TypeError):
        return False
