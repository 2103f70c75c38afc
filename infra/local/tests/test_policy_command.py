"""`resilibot policy check`: what is wrong is named, with exit code 2."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from resilibot.local.cli import app


def check(tmp_path: Path, text: str, *options: str) -> tuple[int, str]:
    file = tmp_path / "policy.json"
    file.write_text(text)
    done = CliRunner().invoke(app, ["policy", "check", str(file), *options])
    return done.exit_code, done.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"rules": [{"id": "a", "match": {"nmae": "x"}, "severity": "LOW"}]}', "rules.0.match.nmae"),
        ('{"rules": [{"id": "a", "match": {"name": "x"}}]}', "sets nothing"),
        ('{"rules": [{"id": "a", "severity": "LOW"}, {"id": "a", "severity": "HIGH"}]}', "a is there twice"),
        ('{"rules": [{"id": "a", "threshold": {"occurrences": 1, "within_s": 5}}]}', "rules.0.threshold.occurrences"),
        ('{"budget": {}}', "max_concurrent"),
        ('{"budget": {"max_concurent": 3}}', "budget.max_concurent"),
        ('{"rules": [{"id": "a", "decision": "auto"}]}', "rules.0.decision"),
        ("{", "no JSON"),
    ],
)
def test_a_bad_file_is_named_with_its_field(tmp_path: Path, text: str, field: str) -> None:
    code, output = check(tmp_path, text)
    assert (code, field in output) == (2, True), output


def test_a_file_that_is_not_there_is_bad_use(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["policy", "check", str(tmp_path / "none.json")])
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ('{"rules": [{"id": "a", "match": {"labels": {"team": "shop"}}, "investigation": "approval"}]}', "door"),
        ('{"rules": [{"id": "a", "decision": "blocked", "sources": ["grafana"]}]}', "gate"),
    ],
)
def test_a_good_file_is_told_with_its_scope_and_version(tmp_path: Path, text: str, scope: str) -> None:
    code, output = check(tmp_path, text)
    assert code == 0, output
    assert f"a policy of the {scope}, version" in output
