"""rows: what an evaluation answers, case by case, into a file or to standard output."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

from resilibot.local.commands.context import BAD_USE, fail


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(lines: str, out: Path | None, as_json: bool) -> None:
    """To standard output if no file is given. A file that cannot be written is bad use."""
    if out is None:
        typer.echo(lines, nl=False)
        return
    try:
        out.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise fail(f"{out}: cannot be written: {error}", "bad_output", as_json, BAD_USE) from error
