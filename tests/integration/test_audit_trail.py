"""A running home signs where its streams end; a rewrite is seen, a lost stream comes back, a bundle proves itself."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resilibot.contracts.canonical import GENESIS, link
from resilibot.local.audit_trail import trail_of
from resilibot.local.aws import clients_at
from resilibot.local.home import HomePlan
from resilibot.runtime.audit import verify_bundle
from resilibot.runtime.event_store.tables import Tables
from tests.support.house import House, living_in, until
from tests.support.object_lock import assert_checkpoints_are_kept

pytestmark = pytest.mark.integration
TABLES = Tables()


@pytest.fixture(scope="module")
def quiet_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A home without a world, which takes a checkpoint each second."""
    settings = {"RESILIBOT_CHECKPOINT_INTERVAL_S": "1", "RESILIBOT_QUIET_PERIOD_S": "3600"}
    plan = HomePlan(tmp_path_factory.mktemp("home"), with_world=False, settings=settings)
    with living_in(plan, is_told=False) as house:
        yield house


def settled_incident(house: House, service: str) -> str:
    """An incident that is closed and of which everything is written and signed."""
    incident_id = str(house.api.post("/incidents", {"title": "disk is full", "service": service})["incident_id"])
    until(lambda: [row for row in house.incidents_of(service) if row["incident_id"] == incident_id], 20, "the incident")
    until(lambda: house.api.get(f"/incidents/{incident_id}")["diagnoses"], 20, "a diagnosis")
    house.api.post(f"/incidents/{incident_id}/close", {"comment": ""})
    until(lambda: house.api.get(f"/incidents/{incident_id}")["status"] == "CLOSED", 20, "closed")
    with trail_of(house.file) as trail:
        until(lambda: not trail.verify().coverage.windows, 30, "a checkpoint of all")
    return incident_id


def items(house: House, stream: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.client("dynamodb").query(
        TableName=TABLES.events,
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "stream"},
        ExpressionAttributeValues={":s": {"S": stream}},
    )["Items"]
    return found


def head(house: House, stream: str) -> dict[str, Any]:
    found: dict[str, Any] = house.client("dynamodb").get_item(TableName=TABLES.streams, Key={"stream": {"S": stream}})
    return dict(found["Item"])


@pytest.mark.feature(205)
def test_a_home_signs_by_itself_and_says_how_far_that_reaches(quiet_house: House) -> None:
    settled_incident(quiet_house, "billing")
    report = quiet_house.cli_json("audit", "verify")
    assert report["ok"]
    assert report["checkpoints"]["count"] >= 1
    assert report["checkpoints"]["key_id"] == quiet_house.file.checkpoint_key
    assert report["checkpoints"]["streams"] == report["streams"]
    taken = quiet_house.cli_json("audit", "checkpoint")
    assert (taken["key_id"], taken["size"]) == (quiet_house.file.checkpoint_key, report["streams"])


@pytest.mark.feature(40)
def test_an_exported_bundle_verifies_alone(quiet_house: House, tmp_path: Path) -> None:
    incident_id = settled_incident(quiet_house, "search")
    told = quiet_house.cli_json("audit", "export", incident_id, "--out", str(tmp_path / "b.tar"))
    assert (told["ok"], told["missing_blobs"]) == (True, {})
    assert set(told["streams"]) >= {f"incident#{incident_id}"}
    command = [sys.executable, verify_bundle.__file__, str(tmp_path / "b.tar"), "--key", told["key_id"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1].split(":")[0]) == (0, "ok")
    assert quiet_house.cli("audit", "export", "nothing").returncode == 2


@pytest.mark.feature(41)
def test_a_lost_incident_comes_back_from_the_archive(quiet_house: House) -> None:
    incident_id = settled_incident(quiet_house, "orders")
    stream = f"incident#{incident_id}"
    done = {one["incident_id"]: one["state"] for one in quiet_house.cli_json("archive", "--older-than-days", "0")}
    assert done[incident_id] == "archived"
    replayed = quiet_house.cli_json("replay", incident_id)
    stored, ended = items(quiet_house, stream), head(quiet_house, stream)
    dynamodb = quiet_house.client("dynamodb")
    for item in stored:
        dynamodb.delete_item(TableName=TABLES.events, Key={"stream": item["stream"], "version": item["version"]})
    dynamodb.delete_item(TableName=TABLES.streams, Key={"stream": {"S": stream}})
    lost = quiet_house.cli("audit", "verify", "--json")
    assert lost.returncode == 1
    assert (stream, 1) in [(fault["stream"], fault["version"]) for fault in json.loads(lost.stdout)["faults"]]
    states = {one["stream"]: one["state"] for one in quiet_house.cli_json("restore", incident_id)}
    assert states.pop(stream) == "restored"
    assert set(states.values()) == {"present"}
    assert quiet_house.cli_json("audit", "verify")["ok"]
    assert quiet_house.cli_json("replay", incident_id) == replayed
    assert [{**item, "commit_id": 0} for item in items(quiet_house, stream)] == [{**i, "commit_id": 0} for i in stored]
    restored = head(quiet_house, stream)  # without the copy of the commit that moved it: nobody needs that any more
    assert restored["version"] == ended["version"]
    assert {name: ended[name] for name in restored} == restored
    # HEAD's feed told everybody again: nobody does anything twice
    assert quiet_house.cli_json("audit", "verify", incident_id)["events"] == len(replayed)
    assert quiet_house.cli("restore", "01JAAAAAAAAAAAAAAAAAAAAAAA").returncode == 1


@pytest.mark.feature(205)
def test_a_rewrite_with_its_head_is_seen_by_the_checkpoint_only(quiet_house: House) -> None:
    """The last of this module: the home's store is not what it was afterwards."""
    stream = f"incident#{settled_incident(quiet_house, 'payments')}"
    dynamodb, running = quiet_house.client("dynamodb"), GENESIS
    for item in items(quiet_house, stream):
        item["prev_hash"] = {"S": running}
        for body in item["events"]["L"]:
            body["S"] = body["S"].replace("disk is full", "disk is fine")
            running = link(running, body["S"].encode())
        item["hash"] = {"S": running}
        dynamodb.put_item(TableName=TABLES.events, Item=item)
    dynamodb.put_item(TableName=TABLES.streams, Item={**head(quiet_house, stream), "hash": {"S": running}})
    assert quiet_house.api.get("/audit", stream=stream)["ok"]
    done = quiet_house.cli("audit", "verify", "--json")
    assert done.returncode == 1
    faults = json.loads(done.stdout)["faults"]
    assert {(fault["stream"], fault["kind"]) for fault in faults} == {(stream, "checkpoint_differs")}
    assert min(fault["version"] for fault in faults) == 1


def test_the_embedded_emulator_keeps_checkpoints_as_aws_does(ministack_endpoint: str) -> None:
    with clients_at(ministack_endpoint) as client:
        assert_checkpoints_are_kept(client)
