"""People merge, unmerge and split through the door: where signals go from then on, and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, Status
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.narrate import narrate_recorded
from resilibot.contracts.signal import Severity
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.ports import Ports
from resilibot.ingest.regroup import split
from resilibot.ingest.routes import routes
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.writer import Writer
from tests.support.door import Door, known
from tests.support.story import INCIDENT_EVENTS, STEP

from .test_admit import RESOLVED
from .test_related import House


class Desk(House):
    """A house with a door for people."""

    def __init__(self) -> None:
        super().__init__()
        ports = Ports(IngestSettings(), self.clock, InMemoryBlobStore())
        self.door = Door(routes(ports, Writer(self.store, SERVICE, self.clock, ports=ports, pause=lambda _: None)))

    def ask(self, what: str, case: IncidentCase | str, token: str = "ann", **body: Any) -> tuple[int, Any]:
        key = case if isinstance(case, str) else case.incident_id
        return self.door.post(f"/incidents/{key}/{what}", body, token)

    def two(self) -> tuple[IncidentCase, IncidentCase]:
        """Two unrelated incidents: of s00, and of search."""
        self.take(self.alarm("s00"))
        self.clock.advance(1)
        self.take(self.alarm("search"))
        one, other = self.cases()
        return one, other

    def sentences(self, case: IncidentCase) -> list[str]:
        return [narrate_recorded(event) for event in self.store.load(f"incident#{case.incident_id}").events]

    def again(self, case: IncidentCase) -> IncidentCase:
        return next(found for found in self.cases() if found.incident_id == case.incident_id)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with known(("ann", "ann@example.org", {"responder"}), ("vic", "vic@example.org", {"viewer"})):
        yield Desk()


@pytest.mark.feature(102)
def test_a_merged_incident_ends_and_its_signals_go_on_in_the_other(desk: Desk) -> None:
    parent, child = desk.two()
    status, answer = desk.ask("merge", child, into=parent.incident_id, comment="the same disk")
    assert (status, answer["merged_into"]) == (200, parent.incident_id)
    parent, child = desk.again(parent), desk.again(child)
    assert (child.status, child.merged_into) == (Status.CLOSED, parent.incident_id)
    assert parent.children == [child.incident_id]
    assert desk.sentences(child)[-1] == f"Merged into incident {parent.incident_id} by a person: the same disk"
    assert desk.take(*(desk.alarm("search") for _ in range(3))) == ["counted"] * 3
    assert desk.take(desk.alarm("search", "OK")) == ["cleared"]
    assert [s.is_firing for s in desk.again(parent).signals.values()] == [True, False]
    assert len(desk.cases()) == 2


@pytest.mark.feature(102)
def test_a_merge_can_be_taken_back_and_the_signals_return_as_they_are_by_then(desk: Desk) -> None:
    parent, child = desk.two()
    desk.ask("merge", child, into=parent.incident_id)
    desk.take(desk.alarm("search"))
    desk.take(desk.alarm("search", "OK"))
    assert desk.ask("unmerge", child, comment="no")[0] == 200
    parent, child = desk.again(parent), desk.again(child)
    assert (child.status, child.merged_into, child.looks) == (Status.OPEN, None, 0)
    assert [s.is_firing for s in child.signals.values()] == [False]
    assert (parent.children, len(parent.signals)) == ([], 1)
    assert desk.take(desk.alarm("search")) == ["attached"]
    assert desk.again(child).signals != child.signals
    assert desk.again(parent) == parent


@pytest.mark.feature(102)
def test_signals_are_split_off_into_an_incident_of_their_own(desk: Desk) -> None:
    desk.take(desk.alarm("s00"))
    desk.take(desk.alarm("s01"))
    (case,) = desk.cases()
    other = case.fingerprints[1]
    status, answer = desk.ask("split", case, fingerprints=[other], comment="another disk")
    assert status == 200
    old, new = desk.cases()
    assert (new.incident_id, new.split_from, new.fingerprint) == (answer["incident_id"], case.incident_id, other)
    assert (old.fingerprints, old.moved) == ([case.fingerprint], {other: new.incident_id})
    assert desk.take(desk.alarm("s01")) == ["counted"]
    assert desk.take(desk.alarm("s01", name="latency")) == ["attached"]
    assert len(desk.again(new).signals) == 2
    assert "taken out of incident" in desk.sentences(new)[0]
    assert "another disk" in desk.sentences(new)[0]


def test_a_split_can_be_undone_by_a_merge_and_the_way_has_an_end(desk: Desk) -> None:
    desk.take(desk.alarm("s00"))
    desk.take(desk.alarm("s01"))
    (case,) = desk.cases()
    _, answer = desk.ask("split", case, fingerprints=[case.fingerprints[1]])
    assert desk.ask("merge", answer["incident_id"], into=case.incident_id)[0] == 200
    assert desk.take(desk.alarm("s01")) == ["counted"]
    assert desk.again(case).moved == {}


def test_what_comes_after_a_merge_is_correlated_with_the_parent(desk: Desk) -> None:
    parent, child = desk.two()
    desk.ask("merge", parent, into=child.incident_id)
    assert desk.take(desk.alarm("s01")) == ["correlated"]
    assert len(desk.again(child).fingerprints) == 3


def _running(case: IncidentCase) -> e.ActionStartedV1:
    started = next(event for event in INCIDENT_EVENTS if isinstance(event, e.ActionStartedV1))
    return started.model_copy(update={"round": 1, "step_id": STEP.id})


def test_what_cannot_be_merged_is_refused_with_its_reason(desk: Desk) -> None:
    parent, child = desk.two()
    assert desk.ask("merge", child, into=child.incident_id)[0] == 409
    assert desk.ask("merge", child, into="01NOBODY")[0] == 404
    assert desk.ask("merge", "01NOBODY", into=child.incident_id)[0] == 404
    assert desk.ask("merge", child, "vic", into=parent.incident_id)[0] == 403
    assert desk.ask("unmerge", child)[0] == 409
    desk.append(child, _running(child))
    status, told = desk.ask("merge", child, into=parent.incident_id)
    assert (status, "running action" in told["detail"]) == (409, True)
    desk.append(parent, e.IncidentClosedV1(why="person"))
    assert desk.ask("merge", child, into=parent.incident_id)[0] == 409
    assert desk.again(child).merged_into is None


@pytest.mark.parametrize("ended", [e.IncidentClosedV1(why="person"), RESOLVED], ids=["closed", "resolved"])
@pytest.mark.parametrize("is_live", [True, False])
def test_an_incident_does_not_live_again_beside_the_one_that_its_signal_has_by_now(
    desk: Desk, ended: DomainEvent, is_live: bool
) -> None:
    parent, child = desk.two()
    assert desk.ask("merge", child, into=parent.incident_id)[0] == 200
    desk.append(parent, ended)
    desk.clock.advance(4000)
    assert desk.take(desk.alarm("search")) == ["opened"]
    new = desk.cases()[-1]
    if not is_live:  # the next signal would find that one, and open a third
        desk.append(new, e.IncidentClosedV1(why="person"))
    status, told = desk.ask("unmerge", child)
    assert (status, new.incident_id in told["detail"]) == (409, True), told
    assert desk.again(child).is_over


def test_no_circle_comes_about(desk: Desk) -> None:
    parent, child = desk.two()
    desk.ask("merge", child, into=parent.incident_id)
    assert desk.ask("merge", parent, into=child.incident_id)[0] == 409
    assert desk.ask("merge", child, into=parent.incident_id)[0] == 409


def test_a_merge_is_taken_back_from_the_outside_in(desk: Desk) -> None:
    middle, inner = desk.two()
    desk.append(middle, e.SignalClearedV1(signal_name="errors", cleared_at=desk.clock.now()))
    desk.clock.advance(3000)
    desk.take(desk.alarm("s07"))
    outer = desk.cases()[-1]
    assert desk.ask("merge", inner, into=middle.incident_id)[0] == 200
    assert desk.ask("merge", middle, into=outer.incident_id)[0] == 200
    assert desk.take(desk.alarm("search")) == ["counted"]
    assert desk.ask("unmerge", inner)[0] == 409
    assert desk.ask("unmerge", middle)[0] == 200
    assert desk.ask("unmerge", inner)[0] == 200
    assert desk.take(desk.alarm("search")) == ["counted"]
    assert [len(case.signals) for case in map(desk.again, (outer, middle, inner))] == [1, 1, 1]


def test_what_was_split_off_meanwhile_does_not_come_back_with_its_incident(desk: Desk) -> None:
    desk.take(desk.alarm("s00"))
    desk.take(desk.alarm("s01"))
    desk.take(desk.alarm("search"))
    child, parent = desk.cases()
    own, other = child.fingerprints
    desk.ask("merge", child, into=parent.incident_id)
    _, answer = desk.ask("split", parent, fingerprints=[other])
    assert desk.ask("unmerge", child)[0] == 200
    assert desk.again(child).fingerprints == [own]
    assert desk.take(desk.alarm("s01")) == ["counted"]
    desk.ask("merge", child, into=parent.incident_id)
    desk.ask("split", parent, fingerprints=[own])
    status, told = desk.ask("unmerge", child)
    assert (status, "has since gone to" in told["detail"]) == (409, True)
    assert answer["incident_id"] in {case.incident_id for case in desk.cases() if other in case.fingerprints}


def test_what_was_split_off_before_a_merge_stays_where_it_went(desk: Desk) -> None:
    desk.take(desk.alarm("s00"))
    desk.take(desk.alarm("s01"))
    desk.take(desk.alarm("search"))
    child, parent = desk.cases()
    _, other = child.fingerprints
    _, answer = desk.ask("split", child, fingerprints=[other])
    desk.ask("merge", child, into=parent.incident_id)
    assert desk.take(desk.alarm("s01")) == ["counted"]
    assert desk.take(desk.alarm("s01", "OK")) == ["cleared"]
    apart = next(case for case in desk.cases() if case.incident_id == answer["incident_id"])
    assert [summary.is_firing for summary in apart.signals.values()] == [False]
    assert other not in desk.again(parent).fingerprints


@pytest.mark.parametrize("investigation", ["approval", "queued"])
def test_a_split_is_no_way_around_a_person_or_the_budget(desk: Desk, investigation: str) -> None:
    desk.take(desk.alarm("s00"))
    desk.take(desk.alarm("s01"))
    (case,) = desk.cases()
    waiting = case.model_copy(update={"investigation": investigation, "policy_version": "d1", "auto_approve": True})
    opened = split(waiting, [case.fingerprints[1]], "new", "")[0].event
    assert isinstance(opened, e.IncidentOpenedV1)
    assert (opened.investigation, opened.policy_version, opened.auto_approve) == (investigation, "d1", True)


def test_a_graver_alarm_of_a_neighbour_has_an_incident_of_its_own(desk: Desk) -> None:
    """Nobody looks and nobody is told when a neighbour joins."""
    desk.take(desk.alarm("s00"))
    graver = desk.alarm("s01").model_copy(update={"severity": Severity.CRITICAL})
    assert desk.take(graver) == ["opened"]
    assert len(desk.cases()) == 2
    assert desk.take(desk.alarm("s00", name="latency")) == ["attached"], "of the same thing it joins all the same"


def test_what_cannot_be_split_is_refused(desk: Desk) -> None:
    desk.take(desk.alarm("s00"))
    (case,) = desk.cases()
    assert desk.ask("split", case, fingerprints=[case.fingerprint])[0] == 409
    assert desk.ask("split", case, fingerprints=["nobodys"])[0] == 404
    assert desk.ask("split", case, fingerprints=[])[0] in (400, 422)
    desk.append(case, e.IncidentClosedV1(why="person"))
    assert desk.ask("split", case, fingerprints=[fingerprint(desk.alarm("s00"))])[0] == 409


def test_a_signal_that_joins_the_parent_while_it_is_merged_loses_nothing(desk: Desk) -> None:
    parent, child = desk.two()
    desk.store.first = lambda: desk.take(desk.alarm("s01"))  # joins the child-to-be, s00's incident
    assert desk.ask("merge", parent, into=child.incident_id)[0] == 200
    assert len(desk.again(child).fingerprints) == 3
    assert desk.take(desk.alarm("s01")) == ["counted"]
