"""resilibot dlq: what no service could handle."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from resilibot.local.commands.context import errors, home, out, show
from resilibot.local.commands.text import safe
from resilibot.local.dead_letters import DeadLetter, DeadLetters
from resilibot.local.refusal import of_intake

app = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, redrive.")
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]


def _letters() -> DeadLetters:
    from resilibot.local.aws import home_client

    running = home()
    return DeadLetters(running, home_client(running, "sqs"))


@app.command("list")
def list_queues(as_json: Json = False) -> None:
    """How many dead letters each service has."""
    with errors(as_json):
        depths = _letters().depths()

    def text() -> None:
        for name, depth in depths.items():
            out.print(f"{name:<14} {depth}")

    show(depths, as_json, text)


@app.command("show")
def show_letters(queue: str, limit: Annotated[int, typer.Option(min=1)] = 10, as_json: Json = False) -> None:
    """The dead letters of one queue; they stay there. Of the intake's also why each was refused."""
    with errors(as_json):
        letters = _letters().show(queue, limit)
    rows = [_row(letter) for letter in letters]

    def text() -> None:
        for row in rows:
            out.print(f"[bold]{row['message_id']}[/bold] received {row['received']} times, group {row['group']}")
            if "reason" in row:
                out.print("  [yellow]" + safe(row["reason"]) + "[/yellow]")
            out.print("  " + safe(row.get("message", row["body"])[:2000]))
        if not rows:
            out.print("no dead letters")

    show(rows, as_json, text)


def _row(letter: DeadLetter) -> dict[str, Any]:
    row = {name: value for name, value in asdict(letter).items() if name != "receipt"}
    if letter.queue == "intake":
        row["message"], row["reason"] = of_intake(letter.body)
    return row


@app.command()
def redrive(queue: str, limit: Annotated[int, typer.Option(min=1)] = 100, as_json: Json = False) -> None:
    """Send dead letters back to the queue they came from."""
    with errors(as_json):
        moved = _letters().redrive(queue, limit)
    show({"moved": moved}, as_json, lambda: out.print(f"{moved} sent back to {queue}"))
