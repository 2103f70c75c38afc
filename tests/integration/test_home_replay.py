"""Replay in a running home: as it was, rebuilt while alarms come in, and nothing stuck afterwards."""

from typing import Any

import pytest

from resilibot.contracts.canonical import canonical
from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
from resilibot.projections.adapters.live_names import LiveNames
from resilibot.projections.rebuild import rebuilt
from resilibot.projections.views import empty_view
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.tables import Tables
from tests.support.house import House, until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def opened(house: House) -> str:
    house.alarm("replay-failures", service="replay")
    incident: str = until(lambda: house.open_incident("replay"), 30, "the incident")
    until(lambda: house.api.get(f"/incidents/{incident}")["version"] >= 4, 30, "some history")
    return incident


@pytest.mark.feature(201)
def test_every_read_model_is_shown_as_it_was(house: House, opened: str) -> None:
    timeline = house.cli_json("incident", "timeline", opened, "--at", "2")
    assert [entry["version"] for entry in timeline] == [1, 2]
    first = timeline[0]["at"]
    rows = house.cli_json("incident", "list", "--at", first)
    assert next(row for row in rows if row["incident_id"] == opened)["version"] == 1
    case = house.cli_json("incident", "show", opened, "--at", "1")
    fingerprint = case["fingerprint"]
    assert house.cli_json("signal", fingerprint, "--at", "1")["received"] == 1
    refused = house.cli("target", "service/nothing", "--at", "1", "--json")
    assert refused.returncode == 2
    assert "no target service/nothing" in refused.stderr


@pytest.mark.feature(208)
def test_a_rebuild_in_a_running_home_leaves_nothing_behind(house: House, opened: str) -> None:
    before = house.cli_json("incident", "show", opened, "--at", "3")
    house.alarm("during-failures", service="during")
    report = house.cli_json("rebuild", "--segments", "3")
    assert set(report["live"].values()) == {2}
    assert house.cli_json("incident", "show", opened, "--at", "3") == before
    house.alarm("after-failures", service="after")
    for service in ("during", "after"):
        until(lambda service=service: house.open_incident(service), 30, f"the incident of {service}")
    store = DynamoEventStore(house.client("dynamodb"), Tables())
    live = DynamoReadModels(house.client("dynamodb"), LiveNames(house.client("dynamodb"), Tables().cursors))

    def different() -> list[str]:
        """Streams whose shown states differ from the store's; such that move in between are asked again."""
        streams = [head.stream for head in store.heads() if empty_view(head.stream) is not None]
        wanted = {stream: rebuilt(store, stream) for stream in streams}
        shown = {stream: {model: live.get(model, stream) for model in states} for stream, states in wanted.items()}
        return [stream for stream in wanted if canonical(wanted[stream]) != canonical(shown[stream])]

    until(lambda: different() == [], 60, "equality to the byte")


def test_status_tells_what_is_live_and_that_nothing_is_stuck(house: House, opened: str) -> None:
    told = house.cli("status")
    assert told.returncode == 0, told.stdout
    assert "0 stuck" in told.stdout
    assert "dead letters: none" in told.stdout
    assert "incidents v" in told.stdout


def test_the_feed_tells_every_event_of_every_stream_once_in_one_order(house: House) -> None:
    incident_id = house.cli_json("incident", "open", "feed me", "--service", "feeding")["incident_id"]

    def told() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while page := house.cli_json("audit", "feed", "--after", str(rows[-1]["position"] if rows else 0))["entries"]:
            rows += page
        return rows

    rows = until(lambda: (r := told()) and any(x["stream"].endswith(incident_id) for x in r) and r, 20, "the incident")
    assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({(row["stream"], row["version"]) for row in rows}) == len(rows)
