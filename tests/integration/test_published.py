"""The published incidents, read by another service from the tables that projections write: same place, same packing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resilibot.contracts.similar import past_of
from resilibot.local.aws import clients_at
from resilibot.observe.adapters.published_incidents import EarlierIncidents
from resilibot.observe.ports import SourceFailed
from resilibot.projections import answering
from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
from resilibot.projections.ports import Ports
from resilibot.projections.project import fold_view
from resilibot.projections.tables import definitions, table_name
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.published import LIVE, PublishedIncidents
from tests.support.past_incidents import lived

pytestmark = [pytest.mark.integration, pytest.mark.feature(113)]
CURSORS = "published-cursors"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LOGS = [lived("hung", "checkout", number, number=number) for number in (1, 2, 3)]  # opened an hour apart
VERSION = {"incidents": 41, "cases": 41, "timelines": 41}  # no other test's tables


@pytest.fixture(scope="module")
def dynamodb(ministack_endpoint: str) -> Any:
    with clients_at(ministack_endpoint) as client:
        found = client("dynamodb")
        for table in definitions(VERSION):
            found.create_table(**table)
        found.create_table(
            TableName=CURSORS,
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        live = {model: {"N": str(version)} for model, version in VERSION.items()}
        found.put_item(TableName=CURSORS, Item={"name": {"S": LIVE}, "live": {"M": live}})
        models = DynamoReadModels(found, lambda: VERSION)
        for own, log in LOGS:
            view = fold_view(f"incident#{own}", log)
            models.save(f"incident#{own}", view.states(), view.version)
        yield found


class Counting:
    """A client that counts what is asked of it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self.client, name)


def test_rows_come_newest_first_from_before_the_moment_only(dynamodb: Any) -> None:
    published = PublishedIncidents(dynamodb, CURSORS)
    third = datetime.fromisoformat(fold_view(f"incident#{LOGS[2][0]}", LOGS[2][1]).states()["incidents"]["opened_at"])
    rows = published.before(third, 10)
    assert [row["incident_id"] for row in rows] == [LOGS[1][0], LOGS[0][0]]
    assert [row["incident_id"] for row in published.before(third, 1)] == [LOGS[1][0]]
    assert len(published.before(third + timedelta(microseconds=1), 10)) == 3
    (newest, _) = past_of(rows)
    assert (newest.remembered.cause, newest.remembered.resolved) == ("hung_process", True)


def test_the_live_table_is_looked_up_once_in_five_minutes_and_again_after_a_failure(dynamodb: Any) -> None:
    client, now = Counting(dynamodb), [0.0]
    published = PublishedIncidents(client, CURSORS, lambda: now[0])
    for seconds in (0, 10, 299, 301):
        now[0] = float(seconds)
        assert len(published.before(NOON + timedelta(days=1), 10)) == 3
    assert client.calls == ["get_item", "query", "query", "query", "get_item", "query"]
    published._known = (now[0], 999)  # a table that was dropped meanwhile
    with pytest.raises(SourceFailed, match="incidents"):
        EarlierIncidents(published).before(NOON, 10)
    assert len(published.before(NOON + timedelta(days=1), 10)) == 3


@pytest.mark.feature(72)
def test_a_question_is_answered_over_the_real_tables(dynamodb: Any) -> None:
    models = DynamoReadModels(dynamodb, lambda: VERSION)
    ports = Ports(InMemoryEventStore(), models, clock=ManualClock(NOON + timedelta(hours=20)))
    told = answering.answer(ports, "why did checkout fail on 2026-11-24?")
    assert told["found"] == "answered"
    assert {citation["incident_id"] for citation in told["citations"]} == {own for own, _ in LOGS}
    assert table_name("incidents", VERSION["incidents"]) == "resilibot-readmodel-incidents-v41"
