"""Recorded incidents of texts alone: whether they fire, when each was told, by whom, and what is over by the alarm."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resilibot.contracts.evidence import LogContent, LogPattern
from resilibot.local.incident_folder import BEFORE, IncidentFolder, RecordedIncident

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(folder: Path, evidence: dict[str, Any], **alarm: Any) -> RecordedIncident:
    path = folder / "incidents" / "one"
    (path / "evidence").mkdir(parents=True)
    told = {"id": "one", "alarm": {"title": "cards fail", "service": "cards", **alarm}, "baseline": None}
    (path / "incident.json").write_text(json.dumps(told))
    for name, content in evidence.items():
        (path / "evidence" / f"{name}.json").write_text(json.dumps(content))
    (found,) = IncidentFolder(folder).read()
    return found


def patterns(incident: RecordedIncident) -> list[LogPattern]:
    logs = [LogContent.model_validate(item.content) for item in incident.gathered.items if item.kind == "log"]
    return [pattern for log in logs for pattern in log.patterns]


def warning(first: float, last: float, count: int) -> dict[str, Any]:
    told = {"reason": "Failed", "message": "no", "involved_object": "Pod/a", "count": count}
    return {"warning_events": [{**told, "first_time": at(first), "last_time": at(last)}]}


def entry(minutes: float, service: str = "cards") -> dict[str, Any]:
    return {"timestamp": at(minutes), "service": service, "host": "node-7", "status": "error", "message": "no"}


def test_a_warning_that_is_told_again_and_again_counts_when_it_was_told_last(tmp_path: Path) -> None:
    assert [p.first_at for p in patterns(read(tmp_path / "a", {"e": warning(0, 90, 7)}))] == [
        NOON + timedelta(minutes=90)
    ]
    assert [p.first_at for p in patterns(read(tmp_path / "b", {"e": warning(0, 90, 1)}))] == [NOON]


def test_a_line_without_a_time_has_that_of_the_line_before_it(tmp_path: Path) -> None:
    raw = f"{at(5)} INFO starting\npanic: nil pointer\n\tmain.go:7\n"
    found = patterns(read(tmp_path, {"pod_logs": {"pod_name": "a", "logs": raw}}))
    assert {p.first_at for p in found} == {NOON + timedelta(minutes=5)}


def test_what_a_daemon_of_every_node_logs_is_told_by_the_node(tmp_path: Path) -> None:
    found = patterns(read(tmp_path, {"logs": {"logs": [entry(0, "kernel"), entry(0, "cards")]}}))
    assert [p.component for p in found] == ["node-7", "cards"]


def test_without_metrics_an_incident_ends_with_its_alarm_or_with_what_was_told_last(tmp_path: Path) -> None:
    logs = {"logs": {"logs": [entry(-500), entry(0)]}}
    untimed = read(tmp_path / "a", logs).gathered
    assert (untimed.onset, untimed.window.end) == (NOON - BEFORE, NOON)
    timed = read(tmp_path / "b", logs, timestamp=(NOON + timedelta(minutes=9)).timestamp()).gathered
    assert timed.window.end == NOON + timedelta(minutes=9)
    assert timed.onset == timed.window.end - BEFORE


@pytest.mark.parametrize(("state", "fires"), [("alerting", True), ("triggered", True), ("OK", False)])
def test_an_alarm_in_another_products_words_fires(tmp_path: Path, state: str, fires: bool) -> None:
    (summary,) = read(tmp_path, {}, state=state).case.signals.values()
    assert summary.is_firing == fires
