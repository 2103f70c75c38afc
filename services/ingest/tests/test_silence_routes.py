"""The door of the silences: who may, what is refused, and that the same request twice is one silence."""

from collections.abc import Iterator
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.ingest.ports import Ports
from resilibot.ingest.routes import routes
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Writer
from tests.support.door import Door, known

BODY = {"matcher": {"name": "cpu-*"}, "duration_s": 60, "reason": "moving house"}


class Rooms:
    def __init__(self) -> None:
        self.store, self.clock = InMemoryEventStore(), ManualClock(NOON)
        ports = Ports(IngestSettings(), self.clock, InMemoryBlobStore(), history=self.store)
        self.door = Door(routes(ports, Writer(self.store, SERVICE, self.clock, ports=ports)))

    def post(self, path: str, token: str = "ana", **changes: Any) -> tuple[int, dict[str, Any]]:
        return self.door.post(path, {**(BODY if path == "/silences" else {}), **changes}, token)

    def events(self) -> list[Any]:
        return [recorded.event for recorded in self.store.load("control#silences").events]


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    with known(("ana", "ana@example.org", {"responder"}), ("vic", "vic@example.org", {"viewer"})):
        yield Rooms()


def test_a_responder_starts_and_ends_one(rooms: Rooms) -> None:
    status, started = rooms.post("/silences")
    assert (status, started["created"]) == (200, True)
    assert rooms.post(f"/silences/{started['silence_id']}/end")[0] == 200
    assert [type(event) for event in rooms.events()] == [e.SilenceStartedV1, e.SilenceEndedV1]
    assert rooms.store.load("control#silences").events[0].envelope.actor.id == "ana@example.org"


def test_a_viewer_may_not(rooms: Rooms) -> None:
    assert rooms.post("/silences", "vic")[0] == 403
    assert rooms.post("/silences/x/end", "vic")[0] == 403
    assert rooms.events() == []


def test_what_is_over_or_unknown_is_not_ended(rooms: Rooms) -> None:
    _, started = rooms.post("/silences")
    rooms.post(f"/silences/{started['silence_id']}/end")
    assert rooms.post(f"/silences/{started['silence_id']}/end")[0] == 409
    assert rooms.post("/silences/nothing/end")[0] == 404
    assert rooms.post(f"/silences/{'x' * 65}/end")[0] == 404


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"matcher": {}}, 422, "matcher"),
        ({"ends_at": "2026-11-24T13:00:00Z"}, 422, "ends_at or duration_s"),
        ({"duration_s": None, "ends_at": "2026-11-24T11:00:00Z"}, 400, "ends_at"),
        ({"duration_s": None, "ends_at": "2027-11-24T11:00:00Z"}, 400, "30 days"),
        ({"duration_s": 31 * 86400}, 422, "duration_s"),
        ({"by": "somebody"}, 422, "by"),
    ],
)
def test_what_is_asked_wrongly_is_answered_with_the_field(
    rooms: Rooms, changes: dict[str, Any], status: int, field: str
) -> None:
    answered, problem = rooms.post("/silences", **changes)
    assert (answered, field in str(problem)) == (status, True), problem
    assert rooms.events() == []
