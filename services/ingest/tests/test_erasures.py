"""Forgetting a person: who may, what is recorded, and that a crash in between is finished by asking again."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.personal import ERASED
from resilibot.ingest.ports import Ports
from resilibot.ingest.routes import ERASURES, routes
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.personal import InMemorySubjectKeys, Personal
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Writer
from tests.support.door import Door, known

ANN, PAT = "ann@example.org", "pat@example.org"


@dataclass
class House:
    store: InMemoryEventStore
    personal: Personal
    door: Door

    def forget(self, subject: str, token: str = "pat") -> tuple[int, dict[str, object]]:
        return self.door.post("/erasures", {"subject": subject}, token)

    def recorded(self) -> list[object]:
        return [event.event for event in self.store.load(ERASURES).events]


@pytest.fixture
def house() -> Iterator[House]:
    store, clock, personal = InMemoryEventStore(), ManualClock(NOON), Personal(InMemorySubjectKeys())
    ports = Ports(IngestSettings(), clock, InMemoryBlobStore())
    writer = Writer(store, SERVICE, clock, ports=ports, personal=personal)
    personal.identity(ANN)  # she has done something
    with known(("ann", ANN, {"responder"}), ("pat", PAT, {"admin"})):
        yield House(store, personal, Door(routes(ports, writer)))


@pytest.mark.feature(214)
def test_who_was_forgotten_is_recorded_by_pseudonym_and_by_whom_is_sealed(house: House) -> None:
    token = house.personal.identity(ANN)
    status, answer = house.forget(ANN)
    assert status == 200
    assert house.recorded() == [e.SubjectForgottenV1(subject=str(answer["subject"]))]
    assert house.personal.reveal(token) == ERASED
    (recorded,) = house.store.load(ERASURES).events
    assert house.personal.reveal(recorded.envelope.actor.id) == PAT
    assert b"@example.org" not in recorded.body


def test_forgetting_again_records_nothing_more(house: House) -> None:
    house.forget(ANN)
    assert house.forget(ANN)[0] == 200
    assert len(house.recorded()) == 1


def test_after_a_crash_between_key_and_event_asking_again_records_it(house: House) -> None:
    house.personal.forget(ANN)
    assert house.recorded() == []
    assert house.forget(ANN)[0] == 200
    assert len(house.recorded()) == 1


def test_one_can_ask_to_be_forgotten_oneself(house: House) -> None:
    assert house.forget(PAT)[0] == 404, "who has done nothing is not known"
    house.forget(ANN)
    assert house.forget(PAT)[0] == 200
    first, second = house.store.load(ERASURES).events
    assert [house.personal.reveal(x.envelope.actor.id) for x in (first, second)] == [ERASED, ERASED]


def test_a_stranger_cannot_be_forgotten_and_is_not_named(house: House) -> None:
    status, problem = house.forget("stranger@example.org")
    assert (status, "stranger" in str(problem)) == (404, False)
    assert house.recorded() == []


def test_only_who_may_forget_does(house: House) -> None:
    assert house.forget(PAT, token="ann")[0] == 403
    assert house.recorded() == []
