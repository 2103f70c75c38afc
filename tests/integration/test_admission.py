"""Admission in a running home: silences end, a person is asked before the investigation, a threshold counts."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.ingest.fingerprint import fingerprint
from resilibot.local.home import HomePlan
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from tests.support.house import House, living_in, until

pytestmark = pytest.mark.integration

POLICY = {
    "rules": [
        {"id": "careful", "match": {"service": "careful"}, "severity": "CRITICAL", "investigation": "approval"},
        {"id": "noise", "match": {"name": "noise-*"}, "threshold": {"occurrences": 3, "within_s": 600}},
    ],
    "budget": {"max_concurrent": 2},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A home under a policy of its own, without the drill's world."""
    state: Path = tmp_path_factory.mktemp("home")
    file = tmp_path_factory.mktemp("policy") / "door.json"
    file.write_text(json.dumps(POLICY))
    plan = HomePlan(state, with_world=False, settings={"RESILIBOT_DOOR_POLICY_FILE": str(file)})
    with living_in(plan, is_told=False) as house:
        yield house


def received(house: House, name: str) -> list[e.SignalReceivedV1]:
    """What the signal streams hold of an alarm."""
    store = DynamoEventStore(house.client("dynamodb"))
    streams = [head.stream for head in store.heads() if head.category == "signal"]
    events = [recorded.event for stream in streams for recorded in store.load(stream).events]
    return [event for event in events if isinstance(event, e.SignalReceivedV1) and event.signal.name == name]


def row_of(house: House, service: str) -> dict[str, Any] | None:
    return next(iter(house.incidents_of(service)), None)


@pytest.mark.feature(104)
def test_an_alarm_that_still_fires_when_a_silence_ends_by_time_opens_then(house: House) -> None:
    started = house.cli_json("silence", "add", "--service", "quiet", "--for", "6s", "--reason", "moving house")
    house.alarm("quiet-failures", service="quiet")
    (signal,) = until(lambda: received(house, "quiet-failures"), 15, "the signal")
    assert (signal.disposition, signal.silence_id) == ("silenced", started["silence_id"])
    row = until(lambda: row_of(house, "quiet"), 30, "the incident")
    assert datetime.fromisoformat(row["opened_at"]) >= datetime.fromisoformat(started["ends_at"])
    case = house.api.get(f"/incidents/{row['incident_id']}")
    assert case["admission"] == f"silence {started['silence_id']} is over"
    shown = house.api.get(f"/signals/{fingerprint(signal.signal)}")
    assert shown["dispositions"] == {"silenced": 1}
    assert shown["incidents"] == [row["incident_id"]]


def test_a_person_ends_a_silence_and_the_list_says_who_and_why(house: House) -> None:
    started = house.cli_json("silence", "add", "--name", "hush-*", "--for", "1h", "--reason", "load test")
    house.alarm("hush-failures", service="hush")
    until(lambda: received(house, "hush-failures"), 15, "the signal")
    (listed,) = until(lambda: house.cli_json("silence", "list"), 15, "the silence in the list")
    assert (listed["comment"], listed["started_by"]) == ("load test", "operator@localhost")
    assert house.incidents_of("hush") == []
    house.cli_json("silence", "end", started["silence_id"])
    until(lambda: row_of(house, "hush"), 20, "the incident")
    again = house.cli("silence", "end", started["silence_id"])
    assert (again.returncode, "ended already" in again.stderr) == (1, True)
    until(lambda: house.cli_json("silence", "list") == [], 15, "an empty list")


@pytest.mark.feature(103)
def test_the_third_occurrence_opens(house: House) -> None:
    for number in range(1, 3):
        house.alarm("noise-cpu", service="noisy")
        until(lambda n=number: len(received(house, "noise-cpu")) == n, 15, f"signal {number}")
    assert house.incidents_of("noisy") == []
    house.alarm("noise-cpu", service="noisy")
    row = until(lambda: row_of(house, "noisy"), 15, "the incident")
    assert "3 occurrences" in house.api.get(f"/incidents/{row['incident_id']}")["admission"]


def test_nothing_is_looked_at_before_a_person_agrees(house: House) -> None:
    house.alarm("careful-failures", service="careful")
    row = until(lambda: row_of(house, "careful"), 15, "the incident")
    until(lambda: (row_of(house, "careful") or {})["status"] == "PENDING_APPROVAL", 15, "the question")
    assert row["severity"] == "CRITICAL"
    before = house.api.get(f"/incidents/{row['incident_id']}")
    assert (before["rounds"], before["policy_rules"]) == ([], ["careful"])
    shown = house.cli("incident", "show", row["incident_id"])
    assert "nothing is changed" in shown.stdout
    approved = house.cli("approve", row["incident_id"], "--yes")
    assert approved.returncode == 0, approved.stderr
    until(lambda: house.api.get(f"/incidents/{row['incident_id']}")["rounds"], 30, "the first round")


def test_the_policies_in_force_are_on_the_log(house: House) -> None:
    def both() -> Any:
        policies = house.cli_json("policy", "show")
        return policies if set(policies) == {"door", "gate"} else None

    policies = until(both, 20, "both policies")
    assert [rule["id"] for rule in policies["door"]["policy"]["rules"]] == ["careful", "noise"]
    assert policies["gate"]["origin"] == "built-in"
