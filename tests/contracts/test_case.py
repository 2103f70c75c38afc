"""The fold: status from any history, and nothing dropped."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, Status, empty_case, evolve, fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.narrate import narrate_recorded
from tests.support.story import INCIDENT, INCIDENT_EVENTS, STREAMS, recorded

STREAM = f"incident#{INCIDENT}"


def after(*types: type[DomainEvent]) -> IncidentCase:
    """The case after the story's first events of these types, in this order."""
    return fold(INCIDENT, recorded(STREAM, [one(wanted) for wanted in types]))


def one(wanted: type[DomainEvent]) -> DomainEvent:
    """The story's first event of this type."""
    return next(event for event in INCIDENT_EVENTS if isinstance(event, wanted))


OPENED = (e.IncidentOpenedV1, e.EvidenceGatheredV1, e.DiagnosisReachedV1, e.PlanProposedV1)


@pytest.mark.feature(11)
@pytest.mark.parametrize(
    ("history", "status"),
    [
        ((e.IncidentOpenedV1,), Status.OPEN),
        (OPENED, Status.OPEN),
        ((*OPENED, e.ApprovalRequestedV1), Status.PENDING_APPROVAL),
        ((*OPENED, e.ApprovalRequestedV1, e.ApprovalExpiredV1), Status.OPEN),
        ((*OPENED, e.ActionStartedV1), Status.IN_PROGRESS),
        ((*OPENED, e.ActionStartedV1, e.ActionFailedV1), Status.IN_PROGRESS),
        ((*OPENED, e.ActionStartedV1, e.ActionFailedV1, e.IncidentEscalatedV1), Status.OPEN),
        ((*OPENED, e.IncidentResolvedV1), Status.RESOLVED),
        ((*OPENED, e.IncidentResolvedV1, e.IncidentReopenedV1), Status.OPEN),
        ((*OPENED, e.IncidentResolvedV1, e.IncidentClosedV1), Status.CLOSED),
    ],
)
def test_the_status_follows_from_the_history(history: tuple[type[DomainEvent], ...], status: Status) -> None:
    assert after(*history).status is status


@pytest.mark.feature(11)
@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(INCIDENT_EVENTS), max_size=25))
def test_whatever_happened_the_last_end_or_reopening_decides_whether_it_is_over(events: list[DomainEvent]) -> None:
    case = fold(INCIDENT, recorded(STREAM, events))
    ends: list[type[DomainEvent]] = []
    for event in events:
        if isinstance(event, e.IncidentReopenedV1 | e.IncidentUnmergedV1):
            ends = []
        elif isinstance(event, e.IncidentResolvedV1 | e.IncidentClosedV1 | e.IncidentMergedV1):
            ends.append(type(event))
    closed = {e.IncidentClosedV1, e.IncidentMergedV1} & set(ends)
    expected = Status.CLOSED if closed else Status.RESOLVED if ends else None
    assert case.is_over == (expected is not None)
    assert expected in (None, case.status)
    assert case.version == len(events)


@given(st.integers(min_value=0, max_value=len(INCIDENT_EVENTS)))
def test_folding_in_two_steps_gives_the_same_case(cut: int) -> None:
    log = recorded(STREAM, INCIDENT_EVENTS)
    case = fold(INCIDENT, log[:cut])
    for event in log[cut:]:
        case = evolve(case, event)
    assert case == fold(INCIDENT, log)


@given(st.lists(st.sampled_from(INCIDENT_EVENTS), max_size=12), st.sampled_from(INCIDENT_EVENTS))
def test_the_case_before_stays_as_it_was(events: list[DomainEvent], event: DomainEvent) -> None:
    """Also where an event changes nothing, such as the answer to an approval that nobody asked for."""
    log = recorded(STREAM, [*events, event])
    before = fold(INCIDENT, log[:-1])
    as_it_was = before.model_copy(deep=True)
    after = evolve(before, log[-1])
    assert before == as_it_was
    assert after is not before
    assert after.version == len(log)


def test_an_unknown_event_is_named_not_dropped() -> None:
    first = recorded(STREAM, INCIDENT_EVENTS[:1])[0]
    envelope = first.envelope.model_copy(update={"type": "IncidentBlessed.v7", "schema_version": 7})
    unknown = RecordedEvent.after(first.prev_hash, envelope)
    case = evolve(empty_case(INCIDENT), unknown)
    assert case.unknown_events == ["IncidentBlessed.v7"]
    assert "IncidentBlessed.v7" in narrate_recorded(unknown)


def test_a_grant_is_used_once_and_by_whom_is_known() -> None:
    log = recorded(STREAM, INCIDENT_EVENTS)
    case = fold(INCIDENT, log)
    assert case.approvals["g2"].used_by == "a1"


@pytest.mark.parametrize("again", [e.IncidentUnmergedV1, e.IncidentReopenedV1])
def test_what_a_person_agreed_to_investigate_is_asked_anew_when_the_incident_lives_again(
    again: type[DomainEvent],
) -> None:
    opened = one(e.IncidentOpenedV1).model_copy(update={"investigation": "approval"})
    living = one(again)
    if isinstance(living, e.IncidentReopenedV1):
        living = living.model_copy(update={"investigation": "approval"})
    log = recorded(STREAM, [opened, one(e.InvestigationStartedV1), e.IncidentMergedV1(into="01OTHER"), living])
    assert fold(INCIDENT, log[:2]).may_look
    assert not fold(INCIDENT, log).may_look


def test_every_event_has_a_sentence() -> None:
    for stream, events in STREAMS.items():
        for event in recorded(stream, events):
            sentence = narrate_recorded(event)
            assert sentence
            assert not sentence.endswith(".")


def test_evidence_knows_when_its_content_was_changed() -> None:
    gathered = next(event for event in INCIDENT_EVENTS if isinstance(event, e.EvidenceGatheredV1))
    item = gathered.items[0]
    assert item.is_intact()
    assert not item.model_copy(update={"content": {**(item.content or {}), "by": "mallory"}}).is_intact()


def test_a_recorded_event_recomputes_its_hash() -> None:
    event = recorded(STREAM, INCIDENT_EVENTS)[3]
    forged = RecordedEvent.from_body(event.prev_hash, event.body.replace(b"observe", b"obverse", 1))
    assert forged.hash != event.hash
    assert replace(event) == event
