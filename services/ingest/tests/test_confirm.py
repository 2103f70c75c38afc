"""A person's verdict: of any incident at any time, once, and the latest counts."""

from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, Status, fold
from resilibot.contracts.envelope import Actor, stream_id
from resilibot.contracts.event import DomainEvent
from resilibot.ingest.confirm import ConfirmRefused, confirm
from resilibot.ingest.ports import Ports
from resilibot.ingest.routes import routes
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.service import On
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Origin, Writer
from tests.support.door import Door, known
from tests.support.story import INCIDENT, INCIDENT_EVENTS, recorded

VERDICT = e.RootCauseConfirmedV1(component="orders", cause="bad_release")
ANN = Actor(kind="person", id="ann@example.org")


def after(*events: DomainEvent) -> IncidentCase:
    return fold(INCIDENT, recorded(f"incident#{INCIDENT}", [one(e.IncidentOpenedV1), *events]))


def one(wanted: type[DomainEvent]) -> Any:
    return next(event for event in INCIDENT_EVENTS if isinstance(event, wanted))


@pytest.mark.parametrize("ended", [(), (e.IncidentClosedV1(why="person"),)])
def test_an_open_and_a_closed_incident_take_a_verdict(ended: tuple[DomainEvent, ...]) -> None:
    assert confirm(after(*ended), VERDICT) == [VERDICT]


def test_the_same_again_is_not_written_again() -> None:
    assert confirm(after(VERDICT), VERDICT) == []
    assert confirm(after(VERDICT.model_copy(update={"comment": "sealed"})), VERDICT) == []


@pytest.mark.parametrize("change", [{"component": "db"}, {"cause": "x"}, {"fault_category": "x"}, {"fault_class": "x"}])
def test_another_verdict_is_written(change: dict[str, str]) -> None:
    other = VERDICT.model_copy(update=change)
    assert confirm(after(VERDICT), other) == [other]


def test_what_was_taken_back_may_be_said_again() -> None:
    other = VERDICT.model_copy(update={"component": "db"})
    assert confirm(after(VERDICT, other), VERDICT) == [VERDICT]


def test_new_words_are_kept() -> None:
    commented = VERDICT.model_copy(update={"comment": "the review says so"})
    assert confirm(after(VERDICT), commented) == [commented]


def test_of_no_incident_and_of_a_merged_one_there_is_no_verdict() -> None:
    with pytest.raises(ConfirmRefused, match="no incident") as unknown:
        confirm(fold(INCIDENT, []), VERDICT)
    with pytest.raises(ConfirmRefused, match="say it there") as merged:
        confirm(after(e.IncidentMergedV1(into="01JD9Z3K6Q8V7W2X4Y5Z6A7B8D")), VERDICT)
    assert (unknown.value.status, merged.value.status) == (404, 409)


def test_the_latest_verdict_counts_with_both_dates_and_the_status_stays() -> None:
    """Written as the route writes it: by whom is in the envelope."""
    clock = ManualClock(NOON)
    store = InMemoryEventStore()
    writer = Writer(store, SERVICE, clock, pause=lambda _: None)
    stream = stream_id("incident", INCIDENT)

    def say(*events: DomainEvent) -> None:
        writer.write([stream], lambda _: [On(stream, event) for event in events], Origin(ANN, INCIDENT))

    say(one(e.IncidentOpenedV1), one(e.DiagnosisReachedV1))
    clock.advance(3600)
    say(e.IncidentClosedV1(why="person"))
    for days, verdict in ((1, VERDICT), (14, VERDICT.model_copy(update={"component": "invoices"}))):
        clock.advance(days * 86400)
        say(verdict)
    case = fold(INCIDENT, store.load(stream).events)
    assert case.root_cause is not None
    assert case.root_cause.confirmed.component == "invoices"
    assert case.root_cause.by == ANN.id
    assert case.root_cause.diagnosed_at == NOON
    assert (case.root_cause.at - NOON).total_seconds() == 3600 + 15 * 86400
    assert [v.confirmed.component for v in case.confirmed_causes] == ["orders", "invoices"]
    assert case.status is Status.CLOSED


def test_the_same_request_twice_is_one_verdict_of_whoever_asked() -> None:
    store, clock = InMemoryEventStore(), ManualClock(NOON)
    ports = Ports(IngestSettings(), clock, InMemoryBlobStore(), history=store)
    writer = Writer(store, SERVICE, clock, ports=ports, pause=lambda _: None)
    stream = stream_id("incident", INCIDENT)
    writer.write([stream], lambda _: [On(stream, one(e.IncidentOpenedV1))], Origin(ANN, INCIDENT))
    body = {"component": "orders", "cause": "bad_release", "comment": "see the review"}
    path = f"/incidents/{INCIDENT}/root-cause"
    with known(("ana", "ana@example.org", {"responder"}), ("vic", "vic@example.org", {"viewer"})):
        door = Door(routes(ports, writer))
        again = [door.post(path, body, "ana", **{"idempotency-key": "k1"})[1]["recorded"] for _ in range(2)]
        refused = door.post(path, body, "vic")[0]
        unknown = door.post("/incidents/01JD9Z3K6Q8V7W2X4Y5Z6A7B8D/root-cause", body, "ana")[0]
        odd = door.post(path, {**body, "cause": "a\nb"}, "ana")[0]
    assert (again, refused, unknown, odd) == ([True, False], 403, 404, 422)
    (verdict,) = [r for r in store.load(stream).events if r.type.startswith("Root")]
    assert verdict.envelope.actor == Actor(kind="person", id="ana@example.org")
