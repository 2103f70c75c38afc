"""Approvals: exact, single use, expiring, from a person, and proof against forgery."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.act.approve import AnswerRefused, answer
from resilibot.act.grants import is_genuine, mac
from resilibot.act.policy import Policy, Rule
from resilibot.act.service import SERVICE
from resilibot.contracts import events as e
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.personal import ERASED
from resilibot.runtime.personal import InMemorySubjectKeys, Personal
from resilibot.runtime.testing import INCIDENT, NOON, Story, story
from tests.support.act_world import KEY, gathered, opened, plan, ports, rollback

PERSON = "kim@example.org"


def asked() -> tuple[Story, e.ApprovalRequestedV1]:
    """An incident that waits for an approval."""
    told = story(SERVICE, ports()).given(opened(), gathered())
    outcome = told.when(plan(rollback()))
    request = outcome.events[1]
    assert isinstance(request, e.ApprovalRequestedV1)
    told.given(*outcome.events)
    return told, request


def granted(request: e.ApprovalRequestedV1, key: bytes = KEY, **changes: object) -> e.ApprovalGrantedV1:
    grant = e.ApprovalGrantedV1(
        grant_id=request.grant_id,
        arguments_hash=request.arguments_hash,
        approver=PERSON,
        mac=mac(key, INCIDENT, request, PERSON),
    )
    return grant.model_copy(update=changes)


def ask_for(told: Story, request: e.ApprovalRequestedV1, **changes: object) -> DomainEvent:
    given_: dict[str, object] = {
        "is_approval": True,
        "arguments_hash": request.arguments_hash,
        "approver": PERSON,
        "comment": "",
        "trigger_now": told.clock.now(),
        "key": KEY,
        "grant_id": request.grant_id,
    }
    wanted = given_ | changes
    return answer(told.case, str(wanted.pop("grant_id")), **wanted)  # type: ignore[arg-type]


def test_an_approval_becomes_one_grant_and_starts_exactly_that_step() -> None:
    told, request = asked()
    grant = ask_for(told, request)
    outcome = told.when(grant)
    started = outcome.events[0]
    assert isinstance(started, e.ActionStartedV1)
    assert (started.basis, started.grant_id) == ("grant", request.grant_id)
    assert started.arguments == request.step.arguments


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"grant_id": "g-unknown"}, 404, "no approval"),
        ({"arguments_hash": "0" * 64}, 409, "arguments_hash"),
        ({"approver": "act"}, 403, "whoever asks"),
        ({"approver": "plan"}, 403, "whoever asks"),
        ({"trigger_now": NOON + timedelta(hours=1)}, 409, "expired"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(changes: dict[str, object], status: int, why: str) -> None:
    told, request = asked()
    with pytest.raises(AnswerRefused, match=why) as refused:
        ask_for(told, request, **changes)
    assert refused.value.status == status


def test_a_second_answer_is_refused() -> None:
    told, request = asked()
    told.given(ask_for(told, request, is_approval=False))
    with pytest.raises(AnswerRefused, match="denied already"):
        ask_for(told, request)


def test_a_denial_starts_nothing_and_is_no_reaction_of_ours() -> None:
    assert e.ApprovalDeniedV1 not in SERVICE.reactions


@pytest.mark.feature(119)
@pytest.mark.parametrize(
    "forgery",
    [
        {"mac": "0" * 64},
        {"mac": "одобрено"},
        {"approver": "mallory@example.org"},
    ],
)
def test_a_forged_grant_starts_nothing(forgery: dict[str, object]) -> None:
    told, request = asked()
    outcome = told.when(granted(request, **forgery))
    revoked, escalated = outcome.events
    assert isinstance(revoked, e.ApprovalRevokedV1)
    assert isinstance(escalated, e.IncidentEscalatedV1)
    assert "forged" in escalated.detail


def test_a_grant_with_another_key_is_forged() -> None:
    told, request = asked()
    _, escalated = told.when(granted(request, key=b"another")).events
    assert isinstance(escalated, e.IncidentEscalatedV1)


def test_a_grant_for_an_unknown_request_starts_nothing() -> None:
    told, request = asked()
    (escalated,) = told.when(granted(request, grant_id="g-unknown")).events
    assert isinstance(escalated, e.IncidentEscalatedV1)


def test_a_grant_that_expired_before_dispatch_starts_nothing() -> None:
    told, request = asked()
    _, escalated = told.when(granted(request), now=request.expires_at).events
    assert isinstance(escalated, e.IncidentEscalatedV1)
    assert "expired" in escalated.detail


def test_a_grant_is_used_once() -> None:
    told, request = asked()
    outcome = told.when(granted(request))
    told.given(*outcome.events)
    (escalated,) = told.when(granted(request)).events
    assert isinstance(escalated, e.IncidentEscalatedV1)
    assert "used by" in escalated.detail


def test_a_policy_changed_meanwhile_frees_the_plan_to_ask_again() -> None:
    told, request = asked()
    told.ports = ports(policy=Policy(rules=(Rule(id="other", decision="approval"),)))
    revoked, escalated = told.when(granted(request)).events
    assert isinstance(escalated, e.IncidentEscalatedV1)
    assert "policy changed" in escalated.detail
    assert isinstance(revoked, e.ApprovalRevokedV1)
    told.given(revoked, escalated)
    assert told.case.approvals[request.grant_id].state == "revoked"
    assert told.case.status == "OPEN"


def leading(round_number: int, cause: str) -> e.DiagnosisReachedV1:
    hypothesis = e.Hypothesis(
        id="h1",
        cause=cause,
        component="orders",
        statement=cause,
        confidence=0.9,
        support=[],
        refutation=[],
        verdict="leading",
    )
    return e.DiagnosisReachedV1(
        round=round_number,
        outcome="conclusive",
        summary=cause,
        confidence=0.9,
        hypotheses=[hypothesis],
        findings=[],
        reasoner=e.Reasoner(name="test", version="1"),
    )


@pytest.mark.parametrize(("later", "starts"), [("bad_release", True), ("overload", False)])
def test_a_grant_holds_while_newer_evidence_still_points_to_the_same_cause(later: str, starts: bool) -> None:
    told, request = asked()
    told.given(leading(1, "bad_release"), gathered().model_copy(update={"round": 2}), leading(2, later))
    first = told.when(granted(request)).events[0]
    assert isinstance(first, e.ActionStartedV1 if starts else e.ApprovalRevokedV1)


def test_nothing_is_started_when_the_service_recovered_meanwhile() -> None:
    told, request = asked()
    told.given(e.IncidentClosedV1(why="person"))
    assert told.when(granted(request)).events == []


@pytest.mark.parametrize("is_granted", [False, True])
def test_a_merge_revokes_what_was_asked_and_granted_and_nothing_starts(is_granted: bool) -> None:
    told, request = asked()
    if is_granted:
        told.given(granted(request))
    outcome = told.when(e.IncidentMergedV1(into="01PARENT"))
    outcome.then(e.ApprovalRevokedV1(grant_id=request.grant_id, reason="the incident was merged into 01PARENT"))
    told.given(*outcome.events)
    assert told.when(granted(request)).events == []
    told.given(e.IncidentUnmergedV1(out_of="01PARENT"))
    assert told.case.current_approvals == {}, "what was permitted before counts no more"


def test_silence_ends_in_expired_and_a_person_is_told() -> None:
    told, request = asked()
    outcome = told.when_due("approval_expiry", request, after_s=900)
    assert [type(event) for event in outcome.events] == [e.ApprovalExpiredV1, e.IncidentEscalatedV1]


def test_an_answered_approval_does_not_expire() -> None:
    told, request = asked()
    told.given(granted(request))
    assert told.when_due("approval_expiry", request, after_s=900).events == []


@pytest.mark.feature(119)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["grant", "forged", "deny", "expire", "late", "close"]), max_size=6))
def test_no_history_of_answers_starts_more_than_one_action_nor_one_without_a_valid_grant(answers: list[str]) -> None:
    told, request = asked()
    started = 0
    for kind in answers:
        if kind in ("grant", "forged", "late"):
            grant = granted(request, **({"mac": "1" * 64} if kind == "forged" else {}))
            now = request.expires_at if kind == "late" else None
            outcome = told.when(grant, now=now)
            starts = [item for item in outcome.events if isinstance(item, e.ActionStartedV1)]
            assert not starts or kind == "grant"
            started += len(starts)
            told.given(*outcome.events)
        elif kind == "deny":
            told.given(
                e.ApprovalDeniedV1(grant_id=request.grant_id, arguments_hash=request.arguments_hash, approver=PERSON)
            )
        elif kind == "expire":
            told.given(e.ApprovalExpiredV1(grant_id=request.grant_id))
        else:
            told.given(e.IncidentClosedV1(why="person"))
    assert started <= 1


@pytest.mark.feature(214)
def test_a_grant_of_a_sealed_person_starts_the_step_and_stays_genuine_once_they_are_forgotten() -> None:
    personal = Personal(InMemorySubjectKeys())
    told, request = asked()
    grant = ask_for(told, request, approver=personal.identity(PERSON))
    assert isinstance(told.when(grant).events[0], e.ActionStartedV1)
    personal.forget(PERSON)
    approval = told.case.approvals[request.grant_id]
    assert personal.reveal(approval.answered_by) == ERASED
    assert is_genuine(KEY, INCIDENT, approval)
    other = approval.model_copy(update={"answered_by": personal.identity("mallory@example.org")})
    assert not is_genuine(KEY, INCIDENT, other)


@pytest.mark.feature(214)
def test_who_asked_cannot_answer_though_both_names_are_sealed() -> None:
    personal = Personal(InMemorySubjectKeys())
    told, request = asked()
    asked_by_kim = request.model_copy(update={"grant_id": "g-kim", "requested_by": personal.identity(PERSON)})
    told.given(asked_by_kim)
    with pytest.raises(AnswerRefused, match="whoever asks"):
        ask_for(told, asked_by_kim, approver=personal.identity(PERSON))
    assert ask_for(told, asked_by_kim, approver=personal.identity("li@example.org"))
