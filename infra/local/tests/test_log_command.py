"""resilibot eval log: the own incidents against what people confirmed, and again when they confirm otherwise."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent, format_time
from resilibot.local.cli import app
from resilibot.reason.recover import judge
from tests.simulation.run import Run
from tests.support.recorded_rows import followed_by, rows

WEEK_S = 7 * 86400
CLOSED = (60.0, e.IncidentClosedV1(why="person"))


def verdict(component: str, cause: str = "found by hand", **more: str) -> tuple[float, DomainEvent]:
    return WEEK_S, e.RootCauseConfirmedV1.model_validate({"component": component, "cause": cause, **more})


@cache
def incident(outcome: str) -> tuple[tuple[RecordedEvent, ...], e.DiagnosisReachedV1]:
    """A simulated incident that is not closed yet, whose first diagnosis had this outcome; and that diagnosis."""
    for seed in range(200):
        run = Run(seed).play()
        for stream in run.incidents():
            log = run.events(stream)
            ends = next((n for n, one in enumerate(log) if isinstance(one.readable, e.IncidentClosedV1)), len(log))
            reached = [one.readable for one in log[:ends] if isinstance(one.readable, e.DiagnosisReachedV1)]
            if reached and reached[0].outcome == outcome:
                return log[:ends], reached[0]
    raise AssertionError(f"no incident is {outcome} at first")


def culprit() -> e.Hypothesis:
    return next(h for h in incident("conclusive")[1].hypotheses if h.verdict == "leading")


def kept(folder: Path, name: str, log: Sequence[RecordedEvent]) -> None:
    (folder / f"{name}.json").write_text(json.dumps(rows(log)))


def run(folder: Path, *more: object) -> Result:
    return CliRunner().invoke(app, ["eval", "log", "--from", str(folder), *map(str, more)])


def figures(folder: Path, *more: object) -> dict[str, Any]:
    result = run(folder, "--json", *more)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


@pytest.mark.feature(209)
def test_a_verdict_weeks_later_changes_the_figures_by_itself(tmp_path: Path) -> None:
    log, _ = incident("conclusive")
    closed = followed_by(log, CLOSED)
    kept(tmp_path, "one", closed)
    assert run(tmp_path).exit_code == 1, "nobody has said yet what it was"

    right = followed_by(closed, verdict(culprit().component, culprit().cause))
    kept(tmp_path, "one", right)
    before = figures(tmp_path)
    assert (before["top1"], before["grade"], before["cases"]) == (1.0, 100, 1)

    wrong = followed_by(right, verdict("the switch in the cellar"))
    kept(tmp_path, "one", wrong)
    after = figures(tmp_path)
    assert (after["top1"], after["grade"], after["cases"]) == (0.0, 0, 1)
    assert after["brier"] > before["brier"]
    (case,) = after["cases_graded"]
    assert case["verdicts"] == 2


@pytest.mark.feature(209)
def test_both_dates_are_shown(tmp_path: Path) -> None:
    log, reached = incident("conclusive")
    confirmed = followed_by(log, CLOSED, verdict(culprit().component))
    kept(tmp_path, "one", confirmed)
    diagnosed = next(one for one in log if one.readable == reached)
    (case,) = figures(tmp_path)["cases_graded"]
    assert case["diagnosed_at"] == format_time(diagnosed.envelope.recorded_at)
    assert case["confirmed_at"] == format_time(confirmed[-1].envelope.recorded_at)
    shown = run(tmp_path).stdout
    assert case["diagnosed_at"] in shown
    assert case["confirmed_at"] in shown


def test_the_right_place_with_another_cause_is_the_right_area_only(tmp_path: Path) -> None:
    other = next(cause for cause in ("bad_release", "hung_process") if cause != culprit().cause)
    kept(tmp_path, "one", followed_by(incident("conclusive")[0], CLOSED, verdict(culprit().component, other)))
    told = figures(tmp_path)
    assert (told["top1"], told["grade"]) == (1.0, 35)


def test_free_words_are_not_held_against_the_reasoners(tmp_path: Path) -> None:
    log = incident("conclusive")[0]
    kept(tmp_path, "one", followed_by(log, CLOSED, verdict(culprit().component, "somebody pulled the plug")))
    assert figures(tmp_path)["grade"] == 100


def test_a_false_alarm_is_a_healthy_control(tmp_path: Path) -> None:
    kept(tmp_path, "calm", followed_by(incident("no_fault")[0], CLOSED, verdict("orders", "no_fault")))
    assert figures(tmp_path)["specificity"] == 1.0
    kept(tmp_path, "blamed", followed_by(incident("conclusive")[0], CLOSED, verdict("orders", "no_fault")))
    told = figures(tmp_path)
    assert (told["specificity"], told["counts"]["healthy"], told["cases"]) == (0.5, 2, 2)


def test_open_incidents_and_such_without_a_verdict_are_not_graded(tmp_path: Path) -> None:
    log = incident("conclusive")[0]
    alive = next((n for n, one in enumerate(log) if isinstance(one.readable, e.IncidentResolvedV1)), len(log))
    kept(tmp_path, "open", followed_by(log[:alive], verdict(culprit().component)))
    kept(tmp_path, "silent", followed_by(incident("no_fault")[0], CLOSED))
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "none of 2 incidents" in " ".join(result.stderr.split())


def test_todays_reasoner_is_graded_on_the_evidence_of_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path, "one", followed_by(incident("conclusive")[0], CLOSED, verdict(culprit().component)))
    assert figures(tmp_path, "--rerun")["cases_graded_again"] == figures(tmp_path)["cases_graded"]

    def shy(case: Any, gathered: Any) -> Any:
        reached = judge(case, gathered)
        return reached.model_copy(update={"outcome": "inconclusive", "hypotheses": [], "confidence": 0.0})

    monkeypatch.setattr("resilibot.local.commands.grading.REASONERS", {"deterministic": shy})
    told = figures(tmp_path, "--rerun")
    assert (told["top1"], told["abstained"]) == (0.0, 1)
    assert told["cases_graded"][0]["right"] is True
    assert told["cases_graded_again"][0]["right"] is False
    assert "today" in run(tmp_path, "--rerun").stdout


def test_limits_are_held(tmp_path: Path) -> None:
    kept(tmp_path, "one", followed_by(incident("conclusive")[0], CLOSED, verdict("elsewhere")))
    result = run(tmp_path, "--at-least", "top1=0.5")
    assert result.exit_code == 1
    assert "top1 0.000 is below 0.5" in " ".join(result.stderr.split())
    assert run(tmp_path, "--at-least", "top1=0").exit_code == 0


def test_a_log_that_was_changed_is_no_evidence_for_anything(tmp_path: Path) -> None:
    told = rows(followed_by(incident("conclusive")[0], CLOSED, verdict("elsewhere")))
    told[-1]["body"] = told[-1]["body"].replace("elsewhere", culprit().component)
    (tmp_path / "one.json").write_text(json.dumps(told))
    assert run(tmp_path).exit_code == 2
