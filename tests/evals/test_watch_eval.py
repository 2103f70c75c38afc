"""Watches over the project's own drawn series, by the same call as `make eval`; and what the command refuses."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from resilibot.local.cli import app
from resilibot.local.diagnosis_eval import NotTheSame, read_truth
from resilibot.local.watch_eval import WatchFolder, answer, check, tally
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
    assert not any(row["found"] for name, row in rows.items() if is_healthy[name])
    assert all(row["found"] for name, row in rows.items() if row["kind"] == "exhaustion" and not is_healthy[name])
    forecasts = [(row["lead_s"], _told_s(row["summary"])) for row in rows.values() if row["kind"] == "exhaustion"]
    reached = [(lead_s, told_s) for lead_s, told_s in forecasts if lead_s is not None and told_s is not None]
    assert len(reached) == 6
    wrong = [told_s / lead_s for lead_s, told_s in reached if not 0.9 <= told_s / lead_s <= 1.25]
    assert len(wrong) == 1  # filling-faster: a line is late for what speeds up
    assert 1.25 < wrong[0] < 1.6


def _told_s(summary: str) -> float | None:
    """The time until the limit, as a finding's summary tells it."""
    told = re.search(r" in about (\S+) h ", summary)
    return float(told[1]) * 3600 if told else None


def test_the_figures_are_those_of_the_page() -> None:
    """docs/watches.md, How well: whoever changes what is found changes the page, too."""
    result = evaluate(SAMPLES, "--truth", str(TRUTH), "--json", "--no-quiet")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["cases"], told["not_watched"], told["quiet"]) == (51, [], {})
    anomaly, exhaustion = told["scores"]["anomaly"], told["scores"]["exhaustion"]
    assert counts(anomaly["watch"]) == (17, 2, 0, 19)
    assert counts(anomaly["naive"]) == (8, 11, 0, 19)
    assert counts(exhaustion["watch"]) == (7, 0, 0, 6)
    assert counts(exhaustion["naive"]) == (7, 0, 5, 6)
    assert anomaly["watch"]["recall"] == pytest.approx(17 / 19)
    assert exhaustion["naive"]["precision"] == pytest.approx(7 / 12)
    assert round(exhaustion["watch"]["lead_s"] / 3600) == 10
    assert round(exhaustion["naive"]["lead_s"] / 3600) == 18
    assert anomaly["watch"]["lead_s"] == 3600  # found at the second bad point of six


def counts(told: dict[str, Any]) -> tuple[int, ...]:
    return tuple(told[name] for name in ("found", "missed", "wrong", "healthy"))


def healthy() -> dict[str, bool]:
    return {name: truth.is_healthy for name, truth in read_truth(TRUTH).items()}


def test_the_scores_are_counted_from_the_truth() -> None:
    answers = [answer(case) for case in WatchFolder(SAMPLES).read()[0] if case.watch.kind == "exhaustion"]
    ours, naive = tally(answers, healthy()), tally(answers, healthy(), naive=True)
    assert (ours.recall, ours.precision) == (1.0, 1.0)
    assert (naive.recall, naive.wrong) == (1.0, 5)
    inverted = {name: not is_healthy for name, is_healthy in healthy().items()}
    assert (tally(answers, inverted).found, tally(answers, inverted).wrong) == (0, 7)
    assert ours.leads == tuple(one.lead_s(one.found_at) for one in answers if one.found_at and one.case.until)
    assert tally(answers, inverted).leads == ()


def drawn(
    folder: Path,
    name: str,
    watch: dict[str, Any],
    value: Callable[[int], float],
    points: int,
    baseline: str | None = None,
) -> Path:
    """An incident of one series, a quarter of an hour apart; its alarm comes with the end of the last point."""
    begin = watch_samples.BEGIN + (0 if baseline is None else 3 * 86400)
    place = folder / "incidents" / name
    place.mkdir(parents=True)
    alarm = {"service": "shop", "metric": "used", "statistic": "Average", "timestamp": begin + 900 * points}
    told = {"id": name, "alarm": alarm, "baseline": baseline, "period_s": 900, "watch": watch}
    (place / "incident.json").write_text(json.dumps(told))
    _csv(place / "metrics.csv", begin, [value(i) for i in range(points)])
    return folder


def _csv(path: Path, begin: int, values: Sequence[float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{begin + 900 * i},shop,used,Average,{value}" for i, value in enumerate(values)]
    path.write_text("\n".join([watch_samples.COLUMNS, *lines]) + "\n")


def test_the_lead_of_a_forecast_by_hand(tmp_path: Path) -> None:
    """One percent a quarter of an hour, the limit at point 100, six hours ahead: 24 points, so from point 76 on. The
    second of them tells it, at its end, which is 22 points before the limit.
    """
    limit = {"kind": "exhaustion", "limit": 100, "horizon_h": 6}
    drawn(tmp_path, "line", limit, lambda i: float(i), 120)
    (row,) = rows_of(tmp_path)
    assert (row["lead_s"], row["naive_lead_s"]) == (22 * 900, 22 * 900)
    assert _told_s(row["summary"]) == 23 * 900  # seen from the beginning of that point


def test_the_lead_of_an_anomaly_by_hand(tmp_path: Path) -> None:
    """Twelve points; the alarm comes with the end of the last one. The first finding counts, and two points tell it:
    the second of them may be the window's first.
    """
    _csv(tmp_path / "baselines" / "shop.csv", watch_samples.BEGIN, [10 + i % 2 for i in range(3 * 96)])
    usual = {"season": "none", "history_h": 24, "direction": "up"}
    drawn(tmp_path, "jump", usual, lambda i: 50.0 if i >= 6 else 10.5, 12, "shop")
    drawn(tmp_path, "spike", usual, lambda i: 50.0 if i == 6 else 10.5, 12, "shop")
    drawn(tmp_path, "at-once", usual, lambda i: 50.0 if i < 2 or i > 7 else 10.5, 12, "shop")
    _csv(tmp_path / "baselines" / "late.csv", watch_samples.BEGIN, [*(10 + i % 2 for i in range(3 * 96 - 1)), 50.0])
    drawn(tmp_path, "before", usual, lambda i: 50.0 if i < 2 else 10.5, 12, "late")
    found = {row["id"]: (row["lead_s"], row["naive_lead_s"]) for row in rows_of(tmp_path)}
    assert found == {
        "jump": (4 * 900, 4 * 900),
        "spike": (None, None),
        "at-once": (10 * 900, 10 * 900),
        "before": (11 * 900, 10 * 900),
    }


def test_what_never_moved_and_what_now_and_then_does_have_a_usual_range_by_hand(tmp_path: Path) -> None:
    """Of what stood still at 100, a fifth more is usual. Of a job that runs in one point of twelve, its run is."""
    usual = {"season": "none", "history_h": 24, "direction": "up"}
    _csv(tmp_path / "baselines" / "still.csv", watch_samples.BEGIN, [100.0] * (3 * 96))
    _csv(tmp_path / "baselines" / "job.csv", watch_samples.BEGIN, [10.0 if i % 12 else 50.0 for i in range(3 * 96)])
    for name, value, baseline in (
        ("still-115", 115.0, "still"),
        ("still-125", 125.0, "still"),
        ("job-50", 50.0, "job"),
        ("job-150", 150.0, "job"),
    ):
        drawn(tmp_path, name, usual, lambda i, value=value: value, 12, baseline)
    found = {row["id"]: row["found"] for row in rows_of(tmp_path)}
    assert found == {"still-115": False, "still-125": True, "job-50": False, "job-150": True}


def rows_of(folder: Path) -> list[dict[str, Any]]:
    result = evaluate(folder, "--no-quiet")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_false_alarms_in_quiet_hours_by_hand(tmp_path: Path) -> None:
    """Two series of two days; the second day of one of them has two times of trouble, each of four points."""
    for name, bad in (("calm", ()), ("troubled", (*range(120, 124), *range(150, 154)))):
        values = [50.0 if i in bad else 10.0 + i % 2 for i in range(192)]
        _csv(tmp_path / "baselines" / f"{name}.csv", watch_samples.BEGIN, values)
    drawn(tmp_path, "line", {"kind": "exhaustion", "limit": 1e6}, lambda i: float(i), 20)
    told = json.loads(evaluate(tmp_path, "--json").stdout)
    quiet = told["quiet"]["anomaly"]
    assert (quiet["series"], quiet["false_alarms"], quiet["naive_false_alarms"]) == (2, 2, 2)
    assert quiet["series_weeks"] == pytest.approx(2 * 95 * 900 / (7 * 86400))
    forecasts = told["quiet"]["exhaustion"]  # of a limit that is twice as far as they ever went
    assert (forecasts["series"], forecasts["false_alarms"]) == (2, 0)


@pytest.mark.feature(71)
def test_quiet_series_have_no_anomaly() -> None:
    quiet = WatchFolder(SAMPLES).quiet("anomaly", {"season": "daily", "history_h": 72})
    assert (quiet.series, quiet.findings) == (3, 0)
    assert quiet.weeks == pytest.approx(3 * 4 / 7, rel=0.01)
    result = evaluate(SAMPLES, "--out", "/dev/null")
    assert "anomaly: 3 quiet series" in result.stderr
    assert "exhaustion: 3 quiet series" in result.stderr


def test_a_limit_without_a_truth_to_hold_against_is_bad_use() -> None:
    result = evaluate(SAMPLES, "--at-least", "0.9", "--no-quiet")
    assert result.exit_code == 2
    assert "--truth" in result.output


def test_a_score_below_the_stated_one_is_a_failure() -> None:
    result = evaluate(SAMPLES, "--truth", str(TRUTH), "--at-least", "1", "--no-quiet")
    assert result.exit_code == 1
    assert "below 1.000" in result.output


@pytest.mark.parametrize(
    ("missed", "wrong"), [(True, False), (False, True)], ids=["recall alone is too low", "precision alone is too low"]
)
def test_each_score_is_held_against_the_limit(tmp_path: Path, missed: bool, wrong: bool) -> None:
    healthy = {"failing-1": False, "slow-0": wrong, "half-gone-0": not missed}  # two are found, the third is not
    folder, truth = some(tmp_path, healthy)
    result = evaluate(folder, "--truth", truth, "--at-least", "0.6", "--no-quiet")
    assert (result.exit_code, "below 0.600" in result.output) == ((1, True) if wrong else (0, False))
    result = evaluate(folder, "--truth", truth, "--at-least", "0.7", "--no-quiet")
    assert result.exit_code == 1
    assert "below 0.700" in result.output


def test_being_no_better_than_a_threshold_is_a_failure(tmp_path: Path) -> None:
    folder, truth = some(tmp_path, {"failing-1": False, "quiet-errors-1": True})
    result = evaluate(folder, "--truth", truth, "--at-least", "0.5", "--no-quiet")
    assert result.exit_code == 1
    assert "no better than a static threshold" in result.output
    assert evaluate(folder, "--truth", truth, "--no-quiet").exit_code == 0


def some(folder: Path, healthy: dict[str, bool]) -> tuple[Path, str]:
    """Of the samples, these incidents; and a truth of them, which may be another than the samples'."""
    shutil.copytree(SAMPLES / "baselines", folder / "baselines")
    for name in healthy:
        shutil.copytree(SAMPLES / "incidents" / name, folder / "incidents" / name)
    truth = folder / "truth.jsonl"
    truth.write_text("".join(json.dumps({"id": name, "healthy": told}) + "\n" for name, told in healthy.items()))
    return folder, str(truth)


def test_a_case_without_truth_and_a_truth_without_incident_are_named_and_a_failure(tmp_path: Path) -> None:
    folder, truth = some(tmp_path, {"failing-1": False, "slow-0": False, "quiet-errors-1": True})
    lines = Path(truth).read_text().splitlines()
    Path(truth).write_text("\n".join([*lines[1:], '{"id": "never-recorded", "healthy": true}']))
    for more in ([], ["--at-least", "0.1"], ["--json"]):
        result = evaluate(folder, "--truth", truth, "--no-quiet", *more)
        assert result.exit_code == 1
        said = " ".join(result.stderr.split())
        assert "3 cases, 3 truths; without truth: failing-1; in the truth, and not among the incidents" in said
        assert "never-recorded" in said
    answers = [answer(case) for case in WatchFolder(folder).read()[0]]
    with pytest.raises(NotTheSame, match="without truth: failing-1, quiet-errors-1, slow-0"):
        check(answers, [], {})
    told = [one.case.id for one in answers]
    with pytest.raises(
        NotTheSame, match="3 cases, 4 truths; in the truth, and not among the incidents: never-recorded"
    ):
        check(answers, [], [*told, "never-recorded"])
    check(answers, ["never-watched"], [*told, "never-watched"])


def test_an_incident_that_nothing_watches_is_named_and_not_judged(tmp_path: Path) -> None:
    folder, truth = some(tmp_path, {"failing-1": False, "slow-0": False})
    told = json.loads((folder / "incidents" / "slow-0" / "incident.json").read_text())
    (folder / "incidents" / "slow-0" / "incident.json").write_text(
        json.dumps({**told, "baseline": None, "watch": None})
    )
    result = evaluate(folder, "--truth", truth, "--no-quiet")
    assert result.exit_code == 0, result.output
    assert "1 incidents have nothing that is watched, not judged: slow-0" in result.stderr
    assert "anomaly, 1 cases: found 1 of 1 faulty" in result.stderr
    told = json.loads(evaluate(folder, "--truth", truth, "--no-quiet", "--json").stdout)
    assert (told["cases"], told["not_watched"]) == (1, ["slow-0"])


def test_nothing_evaluated_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "incidents").mkdir()
    result = evaluate(tmp_path)
    assert result.exit_code == 1
    assert "nothing was evaluated" in result.output
    truth = tmp_path / "truth.jsonl"
    truth.write_text('{"id": "unknown", "healthy": false}\n')
    assert evaluate(SAMPLES, "--truth", str(truth), "--no-quiet").exit_code == 1
    truth.write_text("")
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
