"""resilibot status: is anything stuck, buried or half rebuilt?"""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from resilibot.local.commands.context import FAILED, errors, home, out, show
from resilibot.local.commands.text import safe
from resilibot.local.dead_letters import DeadLetters
from resilibot.local.home_file import STUCK_S


def status(as_json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False) -> None:
    """Stuck streams, dead letters, live read models. Exit code 1 when a stream is stuck."""
    from resilibot.local.aws import home_client
    from resilibot.local.backbone import status_of

    with errors(as_json):
        running = home()
        found = status_of(running, STUCK_S)
        queues = DeadLetters(running, home_client(running, "sqs"))
        letters, intake = queues.depths(), queues.intake()
    data: dict[str, Any] = asdict(found) | {"dead_letters": letters, "intake": intake, "stuck_after_s": STUCK_S}

    def text() -> None:
        out.print(f"{found.streams} streams, {len(found.behind)} behind HEAD, {len(found.stuck)} stuck")
        for one in found.stuck:
            shown = "not shown" if one.shown is None else f"shown at {one.shown}"
            out.print(
                f"  [red]stuck[/red] {safe(one.stream)}: HEAD at {one.version}, {shown}, published to {one.published}"
            )
        buried = {name: depth for name, depth in letters.items() if depth}
        out.print(f"dead letters: {', '.join(f'{name} {depth}' for name, depth in buried.items()) or 'none'}")
        out.print(f"intake: {intake['waiting']} waiting, {intake['held']} held")
        out.print("read models: " + ", ".join(f"{model} v{version}" for model, version in found.live.items()))
        if found.rebuilding:
            out.print(f"rebuild not finished: {', '.join(found.rebuilding)}; run resilibot rebuild to go on")

    show(data, as_json, text)
    if found.stuck:
        raise typer.Exit(FAILED)
