"""The drill's follower against an API whose answers are scripted: what it takes for its incident, and what it tells."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from resilibot.local import drill
from resilibot.local.cli import app
from resilibot.local.client import ApiUnavailable
from resilibot.local.commands import running
from resilibot.local.drill import DrillTimedOut, Known, Watcher, follow
from resilibot.local.home_file import FILE, HomeFile, HomeGone
from resilibot.local.world.client import WorldClient, WorldUnavailable

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
SILENT = Watcher(lambda entry: None, lambda request, case: None)


class Api:
    """Answers by path; an answer that is callable is called with the number of times it was asked before."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, path: str, **query: Any) -> Any:
        number = self.asked.count(path)
        self.asked.append(path)
        answer = self.answers[path]
        return answer(number) if callable(answer) else answer


def row(incident_id: str, status: str = "OPEN", version: int = 3) -> dict[str, Any]:
    return {"incident_id": incident_id, "status": status, "version": version, "fingerprint": "fp"}


def entry(version: int, kind: str) -> dict[str, Any]:
    return {"version": version, "type": f"{kind}.v1", "at": "2026-11-24T12:00:01Z", "sentence": kind}


def case(status: str, *, postmortem: str = "") -> dict[str, Any]:
    return {"status": status, "postmortem": postmortem, "approvals": {}, "diagnoses": [], "escalated": None}


def followed(api: Any, before: dict[str, Known], timeout_s: float = 5) -> drill.DrillReport:
    return follow(api, SILENT, drill="hung-worker", before=before, injected_at=AT, timeout_s=timeout_s)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill.time, "sleep", lambda s: None)


def growing(steps: list[dict[str, Any]]) -> Callable[[int], dict[str, Any]]:
    return lambda number: {"entries": steps[: number + 1]}


def test_the_timeline_tells_at_least_as_much_as_the_case_that_ended_the_drill() -> None:
    """Between the two requests an incident goes on; read the other way round, the last events would be missing."""
    told = [entry(1, "IncidentOpened"), entry(2, "IncidentResolved"), entry(3, "PostmortemWritten")]
    order: list[str] = []

    def is_over(number: int) -> dict[str, Any]:
        order.append("case")
        return case("RESOLVED", postmortem="s3://x")

    def timeline(number: int) -> dict[str, Any]:
        return {"entries": told if "case" in order else told[:1]}

    api = Api({"/incidents": {"incidents": [row("A")]}, "/incidents/A": is_over, "/incidents/A/timeline": timeline})
    assert [e["version"] for e in followed(api, {}).timeline] == [1, 2, 3]


def test_an_incident_that_was_open_before_is_not_the_drills() -> None:
    rows = {"incidents": [row("A", "IN_PROGRESS", version=9), row("B")]}
    ended = {"entries": [entry(1, "IncidentOpened")]}
    api = Api({"/incidents": rows, "/incidents/B": case("DENIED"), "/incidents/B/timeline": ended})
    assert followed(api, {"A": Known(5, is_over=False)}).incident_id == "B"


def test_an_api_that_was_killed_is_waited_for() -> None:
    """It is a worker like the others, and the supervisor starts it again."""
    told: list[str] = []

    def rows(number: int) -> dict[str, Any]:
        if number == 0:
            raise ApiUnavailable("no answer")
        return {"incidents": [row("A")]}

    def ended(number: int) -> dict[str, Any]:
        if number == 0:
            raise ApiUnavailable("gone again")
        return case("DENIED")

    entries = {"entries": [entry(1, "IncidentOpened")]}
    api = Api({"/incidents": rows, "/incidents/A": ended, "/incidents/A/timeline": entries})
    watcher = Watcher(lambda entry: None, lambda request, case: None, told.append)
    report = follow(api, watcher, drill="hung-worker", before={}, injected_at=AT, timeout_s=5)  # type: ignore[arg-type]
    assert (report.incident_id, told) == ("A", ["no answer", "gone again"])


def test_one_that_was_over_and_is_open_again_is_the_drills_and_only_what_is_new_is_told() -> None:
    entries = {"entries": [entry(7, "IncidentClosed"), entry(8, "IncidentReopened")]}
    api = Api(
        {
            "/incidents": {"incidents": [row("OLD", "OPEN", version=8)]},
            "/incidents/OLD": case("DENIED"),
            "/incidents/OLD/timeline": entries,
        }
    )
    report = followed(api, {"OLD": Known(7, is_over=True)})
    assert [e["version"] for e in report.timeline] == [8]


def test_when_nothing_opens_it_says_that_the_alarm_was_held_back_and_why() -> None:
    last = {"name": "errors", "disposition": "silenced", "at": "2026-11-24T12:00:00Z", "reason": "silence s1"}
    over = {"incidents": [row("OLD", "CLOSED")]}
    api = Api({"/incidents": over, "/signals/fp": {"last": last}})
    with pytest.raises(DrillTimedOut, match=r"errors was silenced at 2026-11-24T12:00:00Z \(silence s1\)"):
        followed(api, {"OLD": Known(3, is_over=True)}, timeout_s=0.05)


def test_when_nothing_opens_and_nothing_was_held_back_it_does_not_guess() -> None:
    def gone(number: int) -> dict[str, Any]:
        raise ApiUnavailable("no answer")

    last = {"name": "errors", "disposition": "opened", "at": "t", "reason": ""}
    over = {"incidents": [row("OLD", "CLOSED")]}
    for signal in ({"last": last}, gone):
        api = Api({"/incidents": over, "/signals/fp": signal})
        with pytest.raises(DrillTimedOut, match=r"opened an incident in time$"):
            followed(api, {"OLD": Known(3, is_over=True)}, timeout_s=0.05)


class Gone:
    """A home's API and world which answer until the fault is in, and never again."""

    def __init__(self, *_: object) -> None:
        self.answers = 2

    def get(self, path: str, **query: Any) -> Any:
        if self.answers == 0:
            raise ApiUnavailable(f"GET {path}: connection refused")
        self.answers -= 1
        return {"incidents": []}

    def state(self) -> dict[str, Any]:
        return {"healthy_for_s": running.WARM_UP_S}

    def inject(self, fault: str) -> None: ...

    def undo(self, fault: str) -> None:
        raise WorldUnavailable("connection refused")


def a_home(state: Path, pid: int) -> HomeFile:
    file = HomeFile(
        state_dir=state,
        pid=pid,
        emulator="ministack",
        endpoint="http://127.0.0.1:1",
        world="http://127.0.0.1:1",
        api="http://127.0.0.1:1",
        env={},
    )
    file.write()
    return file


@pytest.fixture
def ended_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_drill_ends_with_an_error_when_its_home_is_gone(
    tmp_path: Path, ended_pid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its API would never come again: it was asked until the drill timed out."""
    a_home(tmp_path, ended_pid)
    monkeypatch.setenv("RESILIBOT_HOME", str(tmp_path))
    monkeypatch.setattr(running, "ApiClient", Gone)
    monkeypatch.setattr(running, "WorldClient", Gone)
    result = CliRunner().invoke(app, ["drill", "bad-deploy", "--timeout", "2", "--json"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(result.stderr)["error"] == {
        "code": "home_gone",
        "message": f"the home in {tmp_path} runs no more: process {ended_pid} has ended",
    }


def test_a_home_runs_while_its_own_process_does(tmp_path: Path, ended_pid: int) -> None:
    file = a_home(tmp_path, os.getpid())
    file.check_running()
    a_home(tmp_path, ended_pid)
    with pytest.raises(HomeGone):
        file.check_running()
    (tmp_path / FILE).unlink()
    with pytest.raises(HomeGone):
        file.check_running()


def test_a_world_that_does_not_answer_is_told_and_no_trace() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    for answer in (refuse, lambda request: httpx.Response(500), lambda request: httpx.Response(200, text="<html>")):
        world = WorldClient("http://127.0.0.1:1")
        world._http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://world")
        with pytest.raises(WorldUnavailable, match="GET /state: the drill's world does not answer"):
            world.state()
