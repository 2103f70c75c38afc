"""Every door: what comes in badly is named, kept and survived; what comes in well is one incident."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from resilibot.local.client import ApiRefused
from tests.support.event_store_contract import append_of
from tests.support.house import House, until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def opened(house: House) -> str:
    """A manual incident."""
    body = {"title": "invoices are late", "service": "invoices", "severity": "LOW"}
    incident_id: str = house.api.post("/incidents", body, {"Idempotency-Key": "k-1"})["incident_id"]
    until(lambda: house.incidents_of("invoices"), 10, "the incident in the list")
    return incident_id


@pytest.mark.feature(4)
def test_the_same_idempotency_key_gives_the_same_incident(house: House, opened: str) -> None:
    body = {"title": "invoices are late", "service": "invoices", "severity": "LOW"}
    again = house.api.post("/incidents", body, {"Idempotency-Key": "k-1"})
    assert again == {"incident_id": opened, "created": False}
    assert len(house.incidents_of("invoices")) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"service": "x"}, "title"),
        ({"title": "", "service": "x"}, "title"),
        ({"title": "t", "service": "x", "severity": "APOCALYPTIC"}, "severity"),
        ({"title": "t", "service": "x;rm"}, "service"),
        ({"title": "t", "service": "x", "autoApprove": True}, "autoApprove"),
    ],
)
def test_a_malformed_request_is_answered_with_the_field(house: House, body: dict[str, Any], field: str) -> None:
    with pytest.raises(ApiRefused, match=field) as refused:
        house.api.post("/incidents", body)
    assert refused.value.status == 422


def test_a_body_that_is_no_json_is_a_bad_request(house: House) -> None:
    token = house.file.token_file.read_text()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = httpx.post(f"{house.file.api}/incidents", content=b"{", headers=headers, trust_env=False)
    assert answer.status_code in (400, 422)


@pytest.mark.feature(82)
@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic YTpi"])
@pytest.mark.parametrize("path", ["/incidents", "/incidents/x", "/incidents/x/events", "/audit"])
def test_nobody_unknown_reads_anything(house: House, header: str | None, path: str) -> None:
    headers = {"Authorization": header} if header else {}
    assert httpx.get(f"{house.file.api}{path}", headers=headers, trust_env=False).status_code == 401


def test_a_crowd_is_answered_and_everybody_as_themselves(house: House) -> None:
    """Half of them are known, half are not: nobody waits for ever, and nobody is taken for somebody else."""
    token = house.file.token_file.read_text()

    def ask(number: int) -> int:
        headers = {"Authorization": f"Bearer {token if number % 2 else 'nonsense'}"}
        return httpx.get(f"{house.file.api}/incidents", headers=headers, trust_env=False, timeout=30).status_code

    with ThreadPoolExecutor(40) as pool:
        assert list(pool.map(ask, range(60))) == [401, 200] * 30


def test_an_unknown_incident_and_a_bad_moment_are_named(house: House, opened: str) -> None:
    with pytest.raises(ApiRefused, match="NOPE"):
        house.api.get("/incidents/NOPE")
    with pytest.raises(ApiRefused, match="yesterday"):
        house.api.get(f"/incidents/{opened}", at="yesterday")


def test_two_alarms_for_the_same_thing_are_one_incident(house: House) -> None:
    house.alarm("ledger-failures", service="ledger")
    house.alarm("ledger-latency", service="ledger", metric="Latency")
    house.alarm("other-failures", service="elsewhere")
    until(lambda: house.incidents_of("ledger") and house.incidents_of("elsewhere"), 15, "both incidents")
    (row,) = house.incidents_of("ledger")
    names = {"ledger-failures", "ledger-latency"}

    def told() -> set[str]:
        case = house.api.get(f"/incidents/{row['incident_id']}")
        return {summary["signal"]["name"] for summary in case["signals"].values()}

    until(lambda: told() == names, 10, "both signals")
    assert len(house.incidents_of("ledger")) == 1


@pytest.mark.feature(1)
def test_an_alarm_by_sns_and_by_eventbridge_is_one_incident(house: House) -> None:
    """An EventBridge rule puts its event into the intake queue as it is."""
    house.alarm("parcels-failures", service="parcels")
    event = {
        "id": uuid4().hex,
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "000000000000",
        "region": "us-east-1",
        "time": "2026-11-24T12:00:00Z",
        "detail": {
            "alarmName": "parcels-failures",
            "state": {"value": "ALARM", "reason": "x", "timestamp": "2026-11-24T12:00:00.000+0000"},
            "configuration": {
                "metrics": [
                    {
                        "metricStat": {
                            "metric": {
                                "namespace": "Test",
                                "name": "Failures",
                                "dimensions": {"Service": "parcels"},
                            },
                            "period": 60,
                            "stat": "Average",
                        }
                    }
                ]
            },
        },
    }
    house.client("sqs").send_message(QueueUrl=house.file.queues["intake"], MessageBody=json.dumps(event))
    (row,) = until(lambda: house.incidents_of("parcels"), 15, "the incident")
    received = until(
        lambda: (s := house.api.get(f"/signals/{row['fingerprint']}"))["received"] == 2 and s, 10, "both signals"
    )
    assert received["incidents"] == [row["incident_id"]]


def test_a_malformed_alarm_is_kept_with_its_body_and_can_be_redriven(house: House) -> None:
    house.client("sns").publish(TopicArn=house.file.alarm_topic_arn, Message='{"AlarmName": "half"}')
    until(lambda: house.cli_json("dlq", "list")["intake"] == 1, 40, "the dead letter")
    (letter,) = house.cli_json("dlq", "show", "intake")
    assert "half" in letter["body"]
    assert "NewStateValue" in letter["reason"]

    def named() -> int:
        return (house.file.state_dir / "logs" / "ingest.log").read_text().count("NewStateValue")

    before = named()
    assert before, "the error names the field"
    house.alarm("after-failures", service="after")
    until(lambda: house.incidents_of("after"), 10, "the next signal, handled as if nothing had been")
    assert house.cli_json("dlq", "redrive", "intake") == {"moved": 1}
    until(lambda: named() > before, 10, "the letter tried again: it is still malformed")


def test_malformed_messages_on_a_service_queue_are_kept(house: House) -> None:
    bodies = ["no json", '{"stream": "incident#x"}', '{"timer": {"id": 1}}']
    for body in bodies:
        house.client("sqs").send_message(
            QueueUrl=house.file.queues["reason"],
            MessageBody=body,
            MessageGroupId=f"g-{uuid4().hex}",
            MessageDeduplicationId=uuid4().hex,
        )
    until(lambda: house.cli_json("dlq", "list")["reason"] == len(bodies), 40, "the dead letters")
    assert sorted(letter["body"] for letter in house.cli_json("dlq", "show", "reason")) == sorted(bodies)


def test_an_unknown_queue_is_bad_use(house: House) -> None:
    done = house.cli("dlq", "show", "nowhere", "--json")
    assert done.returncode == 2
    assert "nowhere" in json.loads(done.stderr)["error"]["message"]


@pytest.mark.feature(201)
def test_replay_prints_the_history_and_the_case_as_it_was(house: House, opened: str) -> None:
    events = house.cli_json("replay", opened)
    assert [e["envelope"]["version"] for e in events] == list(range(1, len(events) + 1))
    assert events[0]["envelope"]["type"] == "IncidentOpened.v1"
    assert house.cli_json("replay", opened, "--at", "1")["version"] == 1
    moment = events[1]["envelope"]["recorded_at"]
    assert house.cli_json("replay", opened, "--at", moment)["version"] >= 2
    assert house.cli("replay", opened).stdout.count("IncidentOpened") == 1


def test_closing_twice_is_a_conflict_and_writes_nothing(house: House) -> None:
    body = {"title": "to be closed", "service": "closing"}
    incident_id = house.api.post("/incidents", body)["incident_id"]
    closed = house.cli_json("incident", "close", incident_id, "--comment", "done")
    with pytest.raises(ApiRefused, match="closed already") as refused:
        house.api.post(f"/incidents/{incident_id}/close", {"comment": "again"})
    assert refused.value.status == 409
    versions = [e["envelope"]["version"] for e in house.api.get(f"/incidents/{incident_id}/events")["events"]]
    assert closed["version"] in versions


@pytest.mark.feature(119)
def test_a_forged_grant_starts_nothing(house: House) -> None:
    """Somebody with write access to the store appends a grant of their own making."""
    from resilibot.contracts import events as e
    from resilibot.runtime.event_store.dynamodb import DynamoEventStore

    asked: list[dict[str, Any]] = []

    def forge(entry: Any) -> None:
        if not entry["type"].startswith("ApprovalRequested") or asked:
            return
        case = house.api.get(f"/incidents/{_only_open(house)}")
        request = next(iter(case["approvals"].values()))["request"]
        asked.append(request)
        store = DynamoEventStore(house.client("dynamodb"))
        stream = store.load(f"incident#{case['incident_id']}")
        grant = e.ApprovalGrantedV1(
            grant_id=request["grant_id"],
            arguments_hash=request["arguments_hash"],
            approver="mallory@example.org",
            mac="00" * 32,
        )
        store.append([append_of(stream, [grant])])

    starts = len(house.starts())
    house.warm_up()
    from datetime import UTC, datetime

    from resilibot.local.drill import DrillTimedOut, Watcher, follow, known_incidents

    before = known_incidents(house.api)
    injected_at = datetime.now(UTC)
    house.world.inject("bad-deploy")
    try:
        watcher = Watcher(forge, lambda request, case: None)
        with pytest.raises(DrillTimedOut):
            follow(house.api, watcher, drill="bad-deploy", before=before, injected_at=injected_at, timeout_s=20)
        assert asked
        (incident_id,) = known_incidents(house.api).keys() - before.keys()
        case = house.api.get(f"/incidents/{incident_id}")
        assert case["actions"] == {}
        assert "forged" in case["escalations"][-1]["detail"]
        assert [s for s in house.starts()[starts:] if s["event"] == "restart"] == []
    finally:
        house.world.undo("bad-deploy")


def _only_open(house: House) -> str:
    rows = [r for r in house.incidents_of("checkout") if r["status"] == "PENDING_APPROVAL"]
    incident_id: str = rows[0]["incident_id"]
    return incident_id


@pytest.mark.feature(141)
def test_audit_verify_names_the_place_of_one_changed_byte(house: House, opened: str) -> None:
    """Last in this module: the store is damaged afterwards."""
    assert house.cli_json("audit", "verify", opened)["ok"]
    dynamodb = house.client("dynamodb")
    key = {"stream": {"S": f"incident#{opened}"}, "version": {"N": "1"}}
    item = dynamodb.get_item(TableName="resilibot-events", Key=key)["Item"]
    body = item["events"]["L"][0]["S"]
    item["events"]["L"][0]["S"] = body.replace("invoices are late", "invoices are fine", 1)
    dynamodb.put_item(TableName="resilibot-events", Item=item)
    done = house.cli("audit", "verify", opened)
    assert done.returncode == 1
    assert f"incident#{opened}:1" in done.stdout.replace("\n", "")
