"""usage: what is wrong with a command's words is told like every other error, before anything runs."""

import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from resilibot.contracts.envelope import ULID
from resilibot.contracts.faults import in_our_words
from resilibot.local.commands.context import BAD_USE, FAILED, fail

_ID = re.compile(r"[\w-]{1,128}", re.ASCII)


class Resilibot(TyperGroup):
    """The root command. With --json also the parser's own errors are JSON on standard error."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        if "--json" not in given:
            return super().main(args, *more, **options)
        try:
            ended = super().main(args, *more, **{**options, "standalone_mode": False})
        except typer.Abort:
            sys.exit(FAILED)
        except typer.TyperException as error:
            sys.exit(fail(in_our_words(error.format_message()), "bad_use", True, BAD_USE).exit_code)
        sys.exit(ended if isinstance(ended, int) else 0)


def as_incident_id(given: str | None) -> str | None:
    if given is not None and not re.fullmatch(ULID, given):
        raise typer.BadParameter(f"{given!r} is no id of an incident: 26 letters and digits, as `incident list` shows")
    return given


def as_word(given: str) -> str:
    """A part of a path of the API: nothing in it may lead elsewhere."""
    if not _ID.fullmatch(given):
        raise typer.BadParameter(f"{given!r} is no id: letters, digits, - and _ alone")
    return given


IncidentId = Annotated[str, typer.Argument(callback=as_incident_id)]
OtherId = Annotated[str, typer.Argument(callback=as_word)]
