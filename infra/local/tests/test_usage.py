"""Bad use of any command: exit code 2, nothing on standard output, the reason on standard error; JSON with --json."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from resilibot.local.cli import app

ID = "01JAAAAAAAAAAAAAAAAAAAAAAA"
ILL = "x"
BAD: dict[str, list[list[str]]] = {
    "up": [["--port", "many"], ["--emulator", "moto"]],
    "demo": [["--drill", "flood"], ["--timeout", "soon"]],
    "drill": [[], ["flood"], ["bad-deploy", "--timeout", "soon"]],
    "replay": [[], [ILL], ["../feed"]],
    "rerun": [[], [ILL], ["--reasoner", "oracle", ID], ["--from", "absent.tar"], [ID, "--environment", "test"]],
    "export": [[], [ID], ["--fixture", ILL], ["--fixture", "../silences"], ["--fixture", ID, "--from", "absent.tar"]],
    "archive": [["--older-than-days", "-1"]],
    "restore": [[], [ILL], [ID.lower()], [ID + "X"]],
    "rebuild": [["--model", "moods"], ["--segments", "0"]],
    "status": [["now"]],
    "ask": [[]],
    "signal": [[], ["."], ["a/b"], ["a?at=1"]],
    "target": [[]],
    "approve": [[], [ILL]],
    "deny": [[], [ILL]],
    "forget": [[]],
    "incident list": [["--limit", "0"], ["--limit", "many"]],
    "incident show": [[], [ILL], ["."], [f"{ID}/timeline"]],
    "incident open": [["title"], ["--service", "orders"]],
    "incident close": [[], [ILL]],
    "incident timeline": [[], [ILL]],
    "incident merge": [[ID], [ILL, "--into", ID], [ID, "--into", ILL]],
    "incident unmerge": [[], [ILL]],
    "incident split": [[ID], [ILL, "f"]],
    "incident confirm": [[ID], [ILL, "--component", "a", "--cause", "b"]],
    "dlq list": [["all"]],
    "dlq show": [[], ["intake", "--limit", "0"]],
    "dlq redrive": [[], ["intake", "--limit", "0"]],
    "audit verify": [[ILL], [ID, "more"]],
    "audit checkpoint": [["now"]],
    "audit export": [[], [ILL]],
    "audit feed": [["--after", "-1"], ["--limit", "0"]],
    "eval ingest": [[], ["absent"]],
    "eval diagnose": [[], ["absent"], ["absent", "--seed", "2"], ["absent", "--repeat", "0"]],
    "eval log": [["--reasoner", "oracle"], ["--at-least", "luck=1"]],
    "eval retrieve": [[], ["--corpus", "absent", "--queries", "absent"]],
    "eval watch": [[], ["absent"], ["absent", "--at-least", "0.5"]],
    "silence add": [[], ["--reason", "r", "--for", "long"], ["--reason", "r", "--label", "nothing"]],
    "silence list": [["all"]],
    "silence end": [[], ["a/b"]],
    "policy show": [["gate"]],
    "policy check": [[], ["absent.json"]],
}  # fmt: skip
CASES = [(command, words) for command, cases in BAD.items() for words in cases]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No home runs, and no file lies there: what is wrong with the words is said before either is looked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESILIBOT_HOME", str(tmp_path))


@pytest.mark.parametrize(("command", "words"), CASES, ids=[f"{c} {' '.join(w)}" for c, w in CASES])
def test_bad_use_is_told_as_such(command: str, words: list[str]) -> None:
    for more in ([], ["--json"]):
        result = CliRunner().invoke(app, [*command.split(), *words, *more])
        assert (result.exit_code, result.stdout) == (2, ""), (more, result.output)
        assert result.stderr
        if more:
            error: dict[str, Any] = json.loads(result.stderr)
            assert error.keys() == {"error"}
            assert error["error"].keys() == {"code", "message"}
            assert all(error["error"].values())
            assert "Value error" not in error["error"]["message"]


def commands(group: Any, *path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield " ".join([*path, name])


def test_every_command_is_in_the_table() -> None:
    assert sorted(commands(typer.main.get_command(app))) == sorted(BAD)


def test_what_is_well_formed_is_no_bad_use() -> None:
    for words in (["restore", ID], ["replay", ID], ["signal", "0a1b"], ["audit", "verify"], ["rerun", ID]):
        result = CliRunner().invoke(app, [*words, "--json"])
        assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (1, "no_home")


def test_what_ends_well_ends_well_with_json_too(tmp_path: Path) -> None:
    (tmp_path / "door.json").write_text('{"rules": [{"id": "a", "severity": "LOW"}]}')
    result = CliRunner().invoke(app, ["policy", "check", "door.json", "--json"])
    assert (result.exit_code, json.loads(result.stdout)["scope"]) == (0, "door")
    assert CliRunner().invoke(app, ["incident", "show", "--help", "--json"]).exit_code == 0
