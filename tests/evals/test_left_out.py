"""The own diagnosis cases with a part of the other nodes' telemetry left out, by the very call of `make eval`."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from resilibot.local.cli import app
from resilibot.local.incident_folder import IncidentFolder, RecordedIncident
from resilibot.local.taken_away import By, TakenAway
from resilibot.reason.diagnose import diagnose

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples" / "diagnosis"
TRUTH = SAMPLES / "truth.jsonl"
MAKEFILE = (ROOT / "Makefile").read_text()
LIMITS = re.findall(r"^LEFT_OUT_AT_LEAST := (.+)$", MAKEFILE, re.MULTILINE)[0].split()
SEEDS = re.findall(r"^LEFT_OUT_SEEDS := (.+)$", MAKEFILE, re.MULTILINE)[0].split()
HELD = [argument for limit in LIMITS for argument in ("--at-least", limit)]


def run(*arguments: object, folder: Path = SAMPLES, truth: Path | None = TRUTH) -> Result:
    scored = ["--truth", str(truth)] if truth else []
    return CliRunner().invoke(app, ["eval", "diagnose", str(folder), *scored, *map(str, arguments)])


def told(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def read(name: str, away: TakenAway) -> RecordedIncident:
    (found,) = (i for i in IncidentFolder(SAMPLES, away).read() if i.id == name)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_make_eval_holds_the_cases_to_its_limits_with_nodes_left_out(
    seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is the Makefile's, so that there is one place for share and limits."""
    assert len(SEEDS) >= 5
    assert {"cases=32", "top1=0.92"} <= set(LIMITS)
    recipe = " ".join(MAKEFILE.replace("\\\n", " ").split())
    (call,) = re.findall(r"resilibot (eval diagnose (?:(?!resilibot).)+ --without .+?) \$\(foreach", recipe)
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, [*shlex.split(call.replace("$(seed)", seed)), *HELD, "--json"])
    assert result.exit_code == 0, result.output
    left_out = json.loads(result.stdout)["without"]
    assert (left_out["share"], left_out["seed"], left_out["culprits_hit"]) == (0.3, int(seed), 0)
    assert left_out["cases"] == 16, "every case on a call graph"


@pytest.mark.parametrize("seed", SEEDS)
def test_single_series_left_out_change_no_answer_either(seed: str) -> None:
    assert told("--without", 0.3, "--by", "series", "--spare-culprit", "--seed", seed, *HELD)["top1"] >= 0.92


@pytest.mark.parametrize("by", By)
def test_the_limit_fails_where_the_culprits_themselves_go_dark(by: By) -> None:
    result = run("--without", 0.3, "--by", by, "--seed", 1, *HELD)
    assert result.exit_code == 1
    assert re.search(r"top1 0\.\d+ is below 0\.92", result.stderr)


def test_what_is_left_out_is_read_by_nobody_and_named_as_a_gap() -> None:
    away = TakenAway(0.3, 2)
    whole, bare = read("g08", TakenAway(0.0, 2)), read("g08", away)
    dark = {service for service, _, _ in bare.taken}
    assert len(dark) == 4, "of 13"
    seen = {item.content["component"] for item in bare.gathered.items if item.kind == "metric" and item.content}
    assert not dark & seen
    assert seen | dark == {i.content["component"] for i in whole.gathered.items if i.kind == "metric" and i.content}
    gaps = [gap.detail for gap in bare.gathered.gaps if gap.kind == "metric"]
    assert len(gaps) == len(bare.taken)
    for service, name, statistic in bare.taken:
        assert any(f"{name} of {service}, {statistic}" in gap for gap in gaps)
    told_dark = [gap.detail for gap in diagnose(bare.case, bare.gathered).gaps if "without telemetry" in gap.detail]
    assert all(any(node in gap for gap in told_dark) for node in dark)


def test_the_same_seed_gives_the_same_bytes_and_a_share_of_nothing_leaves_all_in() -> None:
    bare = run("--without", 0.3, "--seed", 3, truth=None).stdout
    assert run("--without", 0.3, "--seed", 3, truth=None).stdout == bare
    assert run("--without", 0.3, "--seed", 4, truth=None).stdout != bare
    assert run("--without", 0, truth=None).stdout == run(truth=None).stdout != bare


def test_people_read_how_much_was_left_out() -> None:
    shown = " ".join(run("--without", 0.3, "--seed", 1).stdout.split())
    assert re.search(r"\d+ series of 16 cases left out \(seed 1\); of the culprit itself in [1-9]", shown)


def test_a_run_that_could_leave_nothing_out_is_a_failure(tmp_path: Path) -> None:
    """A case in words has no other nodes: its metrics stay, whoever they are of."""
    for name in ("t01", "t06"):
        shutil.copytree(SAMPLES / "incidents" / name, tmp_path / "incidents" / name)
    with (tmp_path / "incidents" / "t01" / "metrics.csv").open("a") as metrics:
        metrics.write("1792000000,another-db,CPUUtilization,Average,12\n")
    assert run(folder=tmp_path, truth=None).exit_code == 0
    result = run("--without", 0.9, folder=tmp_path, truth=None)
    assert result.exit_code == 1
    assert "could be left out" in result.stderr


def test_sparing_a_culprit_takes_the_truth_and_a_share_is_one() -> None:
    assert run("--without", 0.3, "--spare-culprit", truth=None).exit_code == 2
    assert run("--without", 1.3).exit_code == 2
    assert run("--without", "nan").exit_code == 2


@pytest.mark.parametrize("given", [("--seed", 1), ("--by", "node"), ("--spare-culprit",)])
def test_how_to_leave_out_means_nothing_where_nothing_is_left_out(given: tuple[object, ...]) -> None:
    """Somebody forgot --without, and would take the figures for those of a house half seen."""
    for share in ((), ("--without", 0)):
        result = run(*given, *share)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"{given[0]}: only with --without" in result.stderr
