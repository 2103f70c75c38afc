"""The project's own samples, one per form of every source, by the same call as `make eval`: what the events say."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from resilibot.local.cli import app
from resilibot.local.ingest_eval import judge

SAMPLES = Path(__file__).parents[1] / "samples" / "ingest"
CASES: list[dict[str, Any]] = [json.loads(line) for line in (SAMPLES / "expected.jsonl").read_text().splitlines()]
STEERING = {*map(chr, range(32)), "\x7f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


@pytest.mark.feature(1)
@pytest.mark.feature(3)
@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_a_sample_becomes_what_it_says(case: dict[str, Any]) -> None:
    row = judge((SAMPLES / case["file"]).read_bytes())
    assert row["outcome"] in case["accept"], row
    assert row["reason"] or row["outcome"] in ("opened", "attached", "cleared")
    for wanted in case.get("signals", []):
        assert any(wanted.items() <= signal.items() for signal in row["signals"]), (wanted, row["signals"])
    assert not any(STEERING & set(signal["title"]) for signal in row["signals"])


def test_every_sample_has_an_expectation() -> None:
    files = {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*") if path.is_file()}
    assert files - {case["file"] for case in CASES} == {"expected.jsonl"}
    assert len(CASES) >= 100


def evaluated(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["eval", "ingest", *arguments])
    return result.exit_code, result.output


def test_the_command_writes_a_line_for_each_file(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    code, _ = evaluated(str(SAMPLES / "malformed"), "--out", str(out))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert code == 0
    assert {row["outcome"] for row in rows} == {"rejected"}
    assert len(rows) == sum(1 for _ in (SAMPLES / "malformed").iterdir())
    assert set(rows[0]) == {"file", "outcome", "reason", "signals"}


def test_no_case_is_a_failure(tmp_path: Path) -> None:
    code, said = evaluated(str(tmp_path))
    assert code == 1
    assert "nothing was evaluated" in said


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ('{"file": "a.json", "accept": ["opened"]}', "expected opened"),
        ('{"file": "a.json", "accept": ["ignored"], "signals": [{"state": "ALARM"}]}', "no signal like"),
        ('{"file": "b.json", "accept": ["ignored"]}', "no line"),
        ("", "no expectation"),
    ],
)
def test_what_is_not_as_expected_is_a_failure(tmp_path: Path, expected: str, said: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_text('{"hello": 1}')
    (tmp_path / "expected.jsonl").write_text(expected)
    code, output = evaluated(str(tmp_path / "in"), "--expect", str(tmp_path / "expected.jsonl"))
    assert code == 1
    assert said in output
