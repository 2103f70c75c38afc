"""The project's own diagnosis cases by the very call of `make eval`; and what the command does when it must fail."""

import gzip
import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from resilibot.local.cli import app
from resilibot.local.commands import evaluating
from resilibot.reason import diagnose as reasoner
from tests.support import diagnosis_cases

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples" / "diagnosis"
TRUTH = SAMPLES / "truth.jsonl"


def run(folder: Path = SAMPLES, *more: object, truth: Path = TRUTH) -> Result:
    arguments = ["eval", "diagnose", str(folder), "--truth", str(truth), *map(str, more)]
    return CliRunner().invoke(app, arguments)


def truths() -> list[dict[str, Any]]:
    return [json.loads(line) for line in TRUTH.read_text().splitlines()]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Two cases of each kind, and their truth."""
    kept = ("g01", "g04", "t01", "t06")
    for name in kept:
        shutil.copytree(SAMPLES / "incidents" / name, tmp_path / "incidents" / name)
    shutil.copytree(SAMPLES / "baselines", tmp_path / "baselines")
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(t) + "\n" for t in truths() if t["id"] in kept))
    return tmp_path


@pytest.mark.feature(22)
@pytest.mark.feature(136)
def test_make_eval_holds_the_own_cases_to_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits are read from the Makefile, so that there is one place for them."""
    makefile = (ROOT / "Makefile").read_text()
    limits = re.findall(r"^DIAGNOSIS_AT_LEAST := (.+)$", makefile, re.MULTILINE)[0].split()
    assert "cases=32" in limits
    call = re.findall(r"resilibot (eval diagnose .+)", makefile.replace("\\\n", " "))[0]
    arguments = re.sub(r"\$\(foreach.+?\(limit\)\)", " ".join(f"--at-least {limit}" for limit in limits), call)
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, [*shlex.split(arguments), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["cases"], told["stable"], told["repeat"]) == (len(truths()), len(truths()), 7)
    assert sum(one["cases"] for one in told["reliability"]) == told["cases"]


@pytest.mark.feature(135)
def test_a_quarter_are_healthy_controls_and_others_hold_red_herrings() -> None:
    told = truths()
    assert sum(t["healthy"] for t in told) >= len(told) / 4
    assert sum(not t["healthy"] and t["note"] != "" for t in told) >= len(told) / 5


def test_the_samples_are_what_the_script_writes() -> None:
    wanted = dict(diagnosis_cases.files())
    stored = {p.relative_to(SAMPLES).as_posix(): p.read_bytes() for p in SAMPLES.rglob("*") if p.is_file()}
    assert stored.keys() == wanted.keys()
    for path, content in wanted.items():
        unpack = gzip.decompress if path.endswith(".gz") else bytes
        assert unpack(stored[path]) == unpack(content), path


def test_people_read_every_figure_with_its_count(copy: Path) -> None:
    result = run(copy, "--repeat", "3", truth=copy / "truth.jsonl")
    assert result.exit_code == 0
    shown = " ".join(result.stdout.split())
    assert "4 cases, 2 of them healthy" in shown
    assert "top-1 1.000 of 1" in shown
    assert "specificity 1.000 of 2" in shown
    assert "category 1.000 of 2" in shown
    assert "4 of 4 cases gave 3/3 equal answers" in shown


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (("--at-least", "top1=1.1"), "top1 1.000 is below 1.1"),
        (("--at-most", "brier=0"), "is above 0"),
        (("--at-least", "cases=5"), "cases 4.000 is below 5"),
        (("--at-least", "auroc=0"), "auroc: there was no case"),
    ],
)
def test_a_figure_that_misses_its_limit_is_a_failure(copy: Path, limit: tuple[str, str], said: str) -> None:
    result = run(copy, *limit, truth=copy / "truth.jsonl")
    assert result.exit_code == 1
    assert said in " ".join(result.stderr.split())


def test_fewer_cases_than_the_truth_tells_of_is_a_failure(copy: Path) -> None:
    result = run(copy)
    assert result.exit_code == 1
    assert "4 cases ran, 32 are in the truth" in result.stderr


def test_a_case_without_a_truth_is_a_failure(copy: Path) -> None:
    shutil.copytree(SAMPLES / "incidents" / "g02", copy / "incidents" / "g02")
    result = run(copy, truth=copy / "truth.jsonl")
    assert result.exit_code == 1
    assert "without truth: g02" in result.stderr


def test_no_case_is_a_failure_whatever_the_truth(copy: Path) -> None:
    shutil.rmtree(copy / "incidents")
    (copy / "incidents").mkdir()
    (copy / "truth.jsonl").write_text("")
    assert run(copy, truth=copy / "truth.jsonl").exit_code == 1


def test_an_answer_that_hangs_on_the_order_of_the_evidence_is_a_failure(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = reasoner.diagnose

    def hasty(case: Any, gathered: Any) -> Any:
        reached = original(case, gathered)
        first = gathered.items[0].id[-1:]
        return reached.model_copy(update={"confidence": 0.5 if first == "1" else 0.4, "hypotheses": []})

    monkeypatch.setattr("resilibot.local.diagnosis_eval.diagnose", hasty)
    result = run(copy, "--repeat", "7", truth=copy / "truth.jsonl")
    assert result.exit_code == 1
    assert re.search(r"g0\d: only \d of 7 answers are the same", result.stderr)


def test_a_wrong_answer_is_counted_as_wrong(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who always names the alarm's node is right about nobody."""
    original = evaluating.said
    monkeypatch.setattr(
        evaluating, "said", lambda incident: replace(original(incident), ranked=("lobby",), is_sure=True)
    )
    told = json.loads(run(copy, "--json", truth=copy / "truth.jsonl").stdout)
    assert (told["top1"], told["specificity"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"id": "g01"}', '{"id": "g01", "healthy": "no"}', '{"id": "g01", "healthy": false, "service": 7}'],
)
def test_a_truth_out_of_shape_is_bad_use(copy: Path, line: str) -> None:
    (copy / "truth.jsonl").write_text(line + "\n")
    result = run(copy, truth=copy / "truth.jsonl")
    assert result.exit_code == 2
    assert "truth.jsonl:1" in result.stderr.replace("\n", "")


@pytest.mark.parametrize(
    "more",
    [
        ("--at-least", "luck=1"),
        ("--at-least", "top1"),
        ("--at-most", "brier=low"),
        ("--at-least", "top1=nan"),
        ("--at-least", "top1=1.1", "--at-least", "top1=0"),
    ],
)
def test_a_limit_that_is_none_is_bad_use(copy: Path, more: tuple[str, str]) -> None:
    assert run(copy, *more, truth=copy / "truth.jsonl").exit_code == 2


def test_limits_without_a_truth_are_bad_use() -> None:
    assert CliRunner().invoke(app, ["eval", "diagnose", str(SAMPLES), "--at-least", "top1=1"]).exit_code == 2


@pytest.mark.parametrize("which", [["diagnose", str(SAMPLES)], ["ingest", "tests/samples/ingest"]])
def test_a_file_that_cannot_be_written_is_bad_use(tmp_path: Path, which: list[str]) -> None:
    result = CliRunner().invoke(app, ["eval", *which, "--out", str(tmp_path / "absent" / "rows.jsonl")])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
