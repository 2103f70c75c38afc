"""Watches in a running home: a disk that fills opens an incident of low severity before its limit, and clears."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resilibot.local.home import HomePlan
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from tests.support.house import House, living_in, until

pytestmark = pytest.mark.integration

NAMESPACE, METRIC = "Test", "disk_used_percent"
DIMENSIONS = [{"Name": "Service", "Value": "archive"}]
WATCHES = f"""
account = "000000000000"
region = "us-east-1"

[[watches]]
id = "archive-disk"
kind = "exhaustion"
namespace = "{NAMESPACE}"
metric = "{METRIC}"
dimensions = {{ Service = "archive" }}
service = "archive"
period_s = 1
history_h = 0.03
limit = 90
horizon_h = 0.05
"""
POINTS = 100


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A home with one watch of its own, without the drill's world."""
    state: Path = tmp_path_factory.mktemp("home")
    file = tmp_path_factory.mktemp("watches") / "watches.toml"
    file.write_text(WATCHES)
    settings = {"RESILIBOT_WATCH_FILE": str(file), "RESILIBOT_WATCH_EVERY_S": "1"}
    with living_in(HomePlan(state, with_world=False, settings=settings), is_told=False) as house:
        yield house


def publish(house: House, values: dict[datetime, float]) -> None:
    data: list[dict[str, Any]] = [
        {"MetricName": METRIC, "Dimensions": DIMENSIONS, "Timestamp": at, "Value": value, "StorageResolution": 1}
        for at, value in values.items()
    ]
    for start in range(0, len(data), 20):
        house.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + 20])


def watched(house: House) -> list[str]:
    """The types of the events on the watch's stream."""
    return [event.type for event in DynamoEventStore(house.client("dynamodb")).load("watch#archive-disk").events]


@pytest.mark.feature(73)
def test_a_filling_disk_opens_a_low_incident_before_its_limit_and_clears(house: House) -> None:
    until(lambda: watched(house) == [], 5, "a quiet start")
    now = datetime.now(UTC).replace(microsecond=0)
    full = 80.0
    publish(house, {now - timedelta(seconds=i): full - 0.1 * i for i in range(POINTS)})  # 100 s are left
    (row,) = until(lambda: house.incidents_of("archive"), 30, "the incident")
    case = house.api.get(f"/incidents/{row['incident_id']}")
    assert (row["severity"], row["source"]) == ("LOW", "watch")
    assert f"{METRIC} of archive is" in row["title"]
    assert " and reaches 90 in about" in row["title"]
    assert watched(house) == ["FindingRaised.v1"]
    for _ in range(40):  # cleaned: a second's value each second, until the watch has seen it
        publish(house, {datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=j): 20.0 for j in range(2)})
        if len(watched(house)) == 2:
            break
        time.sleep(0.8)
    assert watched(house) == ["FindingRaised.v1", "FindingEnded.v1"]

    def taken_back() -> Any:
        """What became of the OK, once ingest has it: a look may see the recovery first, then nothing is open."""
        last = house.api.get(f"/signals/{row['fingerprint']}")["last"]
        return last if last["state"] == "OK" else None

    last = until(taken_back, 60, "the end of the finding as a signal")
    events = house.api.get(f"/incidents/{row['incident_id']}/events")["events"]
    ended = {"cleared": "SignalCleared.v1", "ignored": "IncidentResolved.v1"}[last["disposition"]]
    assert ended in [event["envelope"]["type"] for event in events], last
    assert [one["incident_id"] for one in house.incidents_of("archive")] == [case["incident_id"]]
