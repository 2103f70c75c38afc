"""Watches over the project's own drawn series, by the same call as `make eval`; and what the command refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from resilibot.local.cli import app
from resilibot.local.diagnosis_eval import read_truth
from resilibot.local.watch_eval import WatchFolder, answer, tally
from tests.support import watch_samples

SAMPLES = Path(__file__).parents[1] / "samples" / "watch"
TRUTH = SAMPLES / "truth.jsonl"


def evaluate(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["eval", "watch", str(folder), *more])


@pytest.mark.feature(71)
@pytest.mark.feature(73)
def test_watches_find_more_than_the_naive_rules_and_nothing_in_quiet_windows(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    result = evaluate(SAMPLES, "--truth", str(TRUTH), "--at-least", "0.85", "--out", str(out), "--no-quiet")
    assert result.exit_code == 0, result.output
    is_healthy = healthy()
    rows = {row["id"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert len(rows) == 51
    assert rows["noon-at-night"]["found"]
    assert not rows["noon-at-night"]["naive_found"]  # by day it would be usual: a threshold cannot tell
    assert "above the usual" in rows["noon-at-night"]["summary"]
    assert rows["filling-1"]["lead_s"] > 8 * 3600
    assert not any(row["found"] for name, row in rows.items() if is_healthy[name])


def healthy() -> dict[str, bool]:
    return {name: truth.is_healthy for name, truth in read_truth(TRUTH).items()}


def test_the_scores_are_counted_from_the_truth() -> None:
    answers = [answer(case) for case in WatchFolder(SAMPLES).cases() if case.watch.kind == "exhaustion"]
    ours, naive = tally(answers, healthy()), tally(answers, healthy(), naive=True)
    assert (ours.recall, ours.precision) == (1.0, 1.0)
    assert (naive.recall, naive.wrong) == (1.0, 5)
    inverted = {name: not is_healthy for name, is_healthy in healthy().items()}
    assert (tally(answers, inverted).found, tally(answers, inverted).wrong) == (0, 7)
    assert tally(answers, {}) == tally([], {})


@pytest.mark.feature(71)
def test_quiet_series_have_no_anomaly() -> None:
    quiet = WatchFolder(SAMPLES).quiet("anomaly", {"season": "daily", "history_h": 72})
    assert (quiet.series, quiet.findings) == (3, 0)
    assert quiet.weeks == pytest.approx(3 * 4 / 7, rel=0.01)


def test_a_limit_without_a_truth_to_hold_against_is_bad_use() -> None:
    result = evaluate(SAMPLES, "--at-least", "0.9", "--no-quiet")
    assert result.exit_code == 2
    assert "--truth" in result.output


def test_a_score_below_the_stated_one_is_a_failure() -> None:
    result = evaluate(SAMPLES, "--truth", str(TRUTH), "--at-least", "1", "--no-quiet")
    assert result.exit_code == 1
    assert "below 1.000" in result.output


def test_being_no_better_than_a_threshold_is_a_failure(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    truth.write_text('{"id": "failing-1", "healthy": false}\n{"id": "quiet-errors-1", "healthy": true}\n')
    result = evaluate(SAMPLES, "--truth", str(truth), "--at-least", "0.5", "--no-quiet")
    assert result.exit_code == 1
    assert "no better than a static threshold" in result.output


def test_nothing_evaluated_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "incidents").mkdir()
    result = evaluate(tmp_path)
    assert result.exit_code == 1
    assert "nothing was evaluated" in result.output
    truth = tmp_path / "truth.jsonl"
    truth.write_text('{"id": "unknown", "healthy": false}\n')
    assert evaluate(SAMPLES, "--truth", str(truth), "--no-quiet").exit_code == 1


def test_a_bad_folder_truth_or_watch_is_bad_use(tmp_path: Path) -> None:
    assert evaluate(tmp_path / "absent").exit_code == 2
    assert evaluate(SAMPLES, "--truth", str(tmp_path / "absent")).exit_code == 2
    folder = tmp_path / "incidents" / "one"
    folder.mkdir(parents=True)
    alarm = {"service": "shop", "metric": "used", "statistic": "Average", "timestamp": 0}
    (folder / "incident.json").write_text(json.dumps({"id": "one", "alarm": alarm, "watch": {"kind": "exhaustion"}}))
    (folder / "metrics.csv").write_text("timestamp,service,metric,statistic,value\n0,shop,used,Average,1\n")
    result = evaluate(tmp_path)
    assert result.exit_code == 2
    assert "limit" in result.output


def test_the_samples_are_what_their_script_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_samples, "SAMPLES", tmp_path)
    watch_samples.main()
    drawn = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert drawn == {path.relative_to(SAMPLES): path.read_bytes() for path in SAMPLES.rglob("*") if path.is_file()}
