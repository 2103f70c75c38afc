"""The door of the approvals: who answered is sealed before it is decided, and the grant is genuine all the same."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from resilibot.act.grants import is_genuine
from resilibot.act.routes import routes
from resilibot.act.service import SERVICE
from resilibot.contracts import events as e
from resilibot.contracts.personal import pseudonym_of
from resilibot.runtime.personal import InMemorySubjectKeys, KeysUnavailable, Personal
from resilibot.runtime.testing import INCIDENT, Story, story
from resilibot.runtime.writer import Writer
from tests.support.act_world import KEY, gathered, opened, plan, ports, rollback
from tests.support.door import Door, known

KIM, WORDS = "kim@example.org", "Kim agrees"


class Keys(InMemorySubjectKeys):
    is_down = False

    def obtain(self, pseudonym: str) -> bytes | None:
        if self.is_down:
            raise KeysUnavailable("the key service did not answer")
        return super().obtain(pseudonym)


@dataclass
class Asked:
    """An incident that waits for an approval, and the door to answer at."""

    told: Story
    request: e.ApprovalRequestedV1
    keys: Keys
    personal: Personal
    door: Door

    def answer(self, token: str = "kim", comment: str = WORDS) -> tuple[int, dict[str, object]]:
        body = {"decision": "approve", "arguments_hash": self.request.arguments_hash, "comment": comment}
        return self.door.post(f"/incidents/{INCIDENT}/approvals/{self.request.grant_id}", body, token)

    def stored(self) -> bytes:
        return b"".join(event.body for event in self.told.store.load(self.told.stream).events)


@pytest.fixture
def asked() -> Iterator[Asked]:
    told = story(SERVICE, ports()).given(opened(), gathered())
    outcome = told.when(plan(rollback()))
    request = outcome.events[1]
    assert isinstance(request, e.ApprovalRequestedV1)
    told.given(*outcome.events)
    keys = Keys()
    personal = Personal(keys)
    writer = Writer(told.store, SERVICE, told.clock, ports=told.ports, personal=personal)
    with known(("kim", KIM, {"approver"}), ("self", "act", {"approver"})):
        yield Asked(told, request, keys, personal, Door(routes(told.ports, writer)))


@pytest.mark.feature(214)
def test_who_approves_is_sealed_and_the_grant_is_genuine(asked: Asked) -> None:
    status, answer = asked.answer()
    assert status == 200, answer
    approval = asked.told.case.approvals[asked.request.grant_id]
    assert is_genuine(KEY, INCIDENT, approval)
    assert asked.personal.reveal([approval.answered_by, approval.comment]) == [KIM, WORDS]
    actor = asked.told.store.load(asked.told.stream).events[-1].envelope.actor
    assert pseudonym_of(actor.id) == pseudonym_of(approval.answered_by or "")
    assert KIM.encode() not in asked.stored()
    assert WORDS.encode() not in asked.stored()


def test_a_service_that_got_hold_of_a_token_cannot_answer(asked: Asked) -> None:
    status, problem = asked.answer("self")
    assert (status, problem["detail"]) == (403, "whoever asks cannot answer")


def test_nothing_is_written_in_the_clear_when_names_cannot_be_sealed(asked: Asked) -> None:
    asked.keys.is_down = True
    before = asked.stored()
    status, problem = asked.answer()
    assert (status, KIM in str(problem)) == (503, False)
    assert asked.stored() == before


def test_words_that_would_not_fit_when_sealed_are_refused_by_name(asked: Asked) -> None:
    status, problem = asked.answer(comment="ä" * 800)
    assert status == 422
    assert "comment" in str(problem["detail"])
