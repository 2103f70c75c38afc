"""The drills on the embedded emulator: real faults in real processes, healed, abstained from, or survived."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from resilibot.local.home import WORKERS, HomePlan
from tests.support.house import House, living_in, until

pytestmark = pytest.mark.integration
OUTCOMES = ("ActionSucceeded", "ActionFailed", "ActionOutcomeUnknown")


def types(report: Any) -> list[str]:
    return [entry["type"].split(".")[0] for entry in report.timeline]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One home for all drills, each right after the other; a dozen within ten minutes are no flapping here."""
    policy = tmp_path_factory.mktemp("policy") / "door.json"
    policy.write_text(json.dumps({"flapping": {"changes": 1000, "within_s": 600}}))
    plan = HomePlan(tmp_path_factory.mktemp("home"), settings={"RESILIBOT_DOOR_POLICY_FILE": str(policy)})
    with living_in(plan) as house:
        yield house


@pytest.mark.feature(27)
@pytest.mark.feature(211)
def test_a_hung_worker_is_restarted_once_by_policy_and_resolved_from_fresh_evidence(
    house: House, tmp_path: Path
) -> None:
    before = house.world.state()["hosts"]
    report = house.drill("hung-worker", approve=None)
    after = house.world.state()["hosts"]
    assert report.case["diagnoses"][0]["hypotheses"][0]["cause"] == "hung_process"
    assert [a["started"]["basis"] for a in report.case["actions"].values()] == ["policy"]
    assert "ApprovalRequested" not in types(report)
    changed = [host for host in before if before[host]["pid"] != after[host]["pid"]]
    assert changed == [report.case["diagnoses"][0]["hypotheses"][0]["component"]]
    (action,) = report.case["actions"].values()
    assert [line["cause"] for line in after[changed[0]]["journal"]].count(action["provider_id"]) == 1
    cited = {c["evidence_id"] for f in report.case["resolution"]["findings"] for c in f["citations"]}
    assert all(evidence_id.startswith(f"r{report.case['resolution']['round']}.") for evidence_id in cited)
    assert _held_as_a_case(house, report, tmp_path)["cause"] == "hung_process"


@pytest.mark.feature(12)
@pytest.mark.feature(211)
def test_a_bad_deploy_waits_for_a_person_and_is_rolled_back_once(house: House, tmp_path: Path) -> None:
    waited: list[Mapping[str, Any]] = []
    report = house.drill("bad-deploy", on_event=waited.append)
    assert report.case["diagnoses"][0]["hypotheses"][0]["cause"] == "bad_release"
    order = types(report)
    assert order.index("ApprovalRequested") < order.index("ApprovalGranted") < order.index("ActionStarted")
    (action,) = report.case["actions"].values()
    assert action["started"]["action"] == "ssm.rollback_release"
    assert action["started"]["basis"] == "grant"
    (approval,) = report.case["approvals"].values()
    assert approval["answered_by"] == "operator@localhost"
    starts = [line for line in house.starts() if line["cause"] == action["provider_id"]]
    assert sorted(line["release"] for line in starts) == ["1.4.1", "1.4.1"]
    assert house.receiver is not None
    told = ["incident.opened", "incident.approval_requested", "incident.resolved"]
    until(lambda: house.receiver and house.receiver.kinds(report.incident_id) == told, 10, "each message once")
    assert _held_as_a_case(house, report, tmp_path)["cause"] == "bad_release"


def test_a_channel_that_is_down_for_a_moment_is_told_in_the_end(house: House) -> None:
    assert house.receiver is not None
    house.receiver.answers += [503]
    incident_id = house.api.post("/incidents", {"title": "told late", "service": "late"})["incident_id"]
    until(lambda: house.receiver and house.receiver.kinds(incident_id) == ["incident.opened"], 20, "the message")


@pytest.mark.feature(111)
@pytest.mark.feature(211)
def test_a_false_alarm_is_abstained_from(house: House, tmp_path: Path) -> None:
    starts = len(house.starts())
    report = house.drill("false-alarm")
    outcomes = [diagnosis["outcome"] for diagnosis in report.case["diagnoses"]]
    assert outcomes, "it says what it saw"
    assert "conclusive" not in outcomes, "a first look may come too early to tell; it never finds a cause"
    assert "without any action" in report.case["resolution"]["summary"]
    assert report.case["actions"] == {}
    assert "PlanProposed" not in types(report)
    assert report.status in ("RESOLVED", "CLOSED")
    assert len(house.starts()) == starts
    if "no_fault" not in outcomes:
        house.cli_json("incident", "confirm", report.incident_id, "--component", "checkout", "--cause", "no_fault")
    assert _held_as_a_case(house, report, tmp_path)["component"] is None


@pytest.mark.feature(206)
@pytest.mark.parametrize("worker", [*WORKERS, "api"])
def test_kill_9_of_any_worker_heals_all_the_same_and_acts_once(house: House, worker: str) -> None:
    """The worker is killed as soon as the incident is there, so that it dies somewhere in its own part of the loop."""
    killed: list[float] = []

    def kill_at_once(entry: Mapping[str, Any]) -> None:
        if not killed:
            killed.append(time.monotonic())
            house.kill(worker)

    report = house.drill("hung-worker", on_event=kill_at_once, approve=None, timeout_s=60)
    assert killed
    assert report.status in ("RESOLVED", "CLOSED")
    assert report.alarm_to_recovery_s is not None
    assert report.alarm_to_recovery_s < 8 + 30
    _assert_acted_once(house, report)


@pytest.mark.feature(206)
@pytest.mark.parametrize("kind", ["ActionStarted", "ActionDispatched"])
def test_kill_9_of_act_between_its_claim_and_the_outcome_acts_once(house: House, kind: str) -> None:
    """Watches the store itself, since the read models come too late to die in between.

    On a busy machine the moment can pass between two looks: such a drill proves nothing, and another one follows.
    """
    killed_at: list[datetime] = []
    store = house.client("dynamodb")

    def kill_when_recorded() -> None:
        (stream,) = until(lambda: _incident_streams(store) - known, 30, "the incident")
        if until(lambda: _now_or_missed(_newest_kinds(store, stream), kind), 30, kind, every_s=0.002) == "now":
            house.kill("act")
            killed_at.append(datetime.now(UTC))

    for _ in range(4):
        known = _incident_streams(store)
        report = house.drill("hung-worker", approve=None, timeout_s=60, injected=kill_when_recorded)
        (outcome,) = [entry for entry in report.timeline if entry["type"].split(".")[0] in OUTCOMES]
        assert report.status in ("RESOLVED", "CLOSED") or report.escalated
        _assert_acted_once(house, report)
        if killed_at and datetime.fromisoformat(outcome["at"]) > killed_at[-1]:
            return
    pytest.fail(f"act never died between {kind} and the outcome, in four drills")


def test_a_hundred_repeats_are_one_incident_and_one_action(house: House) -> None:
    def repeat() -> None:
        house.repeat(until(lambda: house.open_incident("checkout"), 30, "the incident"), 100)

    known = {row["incident_id"] for row in house.incidents_of("checkout")}
    report = house.drill("hung-worker", approve=None, injected=repeat)
    new = [row for row in house.incidents_of("checkout") if row["incident_id"] not in known]
    assert [row["incident_id"] for row in new] == [report.incident_id]
    assert len(report.case["actions"]) == 1
    fingerprint = report.case["fingerprint"]

    def counted() -> bool:
        state = house.api.get(f"/signals/{fingerprint}")
        return bool(state["dispositions"].get("counted", 0) + state["dispositions"].get("attached", 0) >= 100)

    until(counted, 20, "all hundred signals in the signal stream")
    _assert_acted_once(house, report)


def _held_as_a_case(house: House, report: Any, folder: Path) -> Mapping[str, Any]:
    """What the incident's case is diagnosed as: what it was diagnosed as then; nobody is named in its files."""
    told = house.cli_json("export", "--fixture", report.incident_id, "--out", str(folder / "cases"))
    truth = str(folder / "cases" / "truth.jsonl")
    judged = house.cli_json("eval", "diagnose", str(folder / "cases"), "--truth", truth, "--at-least", "grade=100")
    assert (told["diagnosis"]["same"], judged["cases"], judged["grade"]) == (True, 1, 100)
    everything = "".join(path.read_text() for path in (folder / "cases").rglob("*.json*"))
    assert [name for name in ("operator@", "enc:v1") if name in everything] == []
    now: Mapping[str, Any] = told["diagnosis"]["now"]
    return now


def _incident_streams(store: Any) -> set[str]:
    heads = store.scan(TableName="resilibot-streams", ConsistentRead=True)["Items"]
    return {head["stream"]["S"] for head in heads if head["category"]["S"] == "incident"}


def _newest_kinds(store: Any, stream: str) -> list[str]:
    """Types of the events of the newest ten commits of a stream, the newest event first."""
    items = store.query(
        TableName="resilibot-events",
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "stream"},
        ExpressionAttributeValues={":s": {"S": stream}},
        ScanIndexForward=False,
        Limit=10,
        ConsistentRead=True,
    )["Items"]
    return [json.loads(event["S"])["type"].split(".")[0] for item in items for event in reversed(item["events"]["L"])]


def _now_or_missed(newest: list[str], kind: str) -> str | None:
    if newest[:1] == [kind]:
        return "now"
    return "missed" if set(newest).intersection(OUTCOMES) else None


def _assert_acted_once(house: House, report: Any) -> None:
    (action,) = report.case["actions"].values()
    restarts = [line for line in house.starts() if line["cause"] == action["provider_id"]]
    assert len(restarts) == 1, restarts
    assert house.cli_json("audit", "verify")["ok"]
