"""What names a person is sealed before it is stored, revealed where people read, and gone once they are forgotten."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.case import fold
from resilibot.contracts.envelope import Actor
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.narrate import narrate_recorded
from resilibot.contracts.personal import ERASED, TOKEN, capacity, is_same_person, pseudonym_of
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append, Timer, VersionConflict
from resilibot.runtime.event_store.verify import audit
from resilibot.runtime.personal import UNREADABLE, InMemorySubjectKeys, KeysUnavailable, Personal, SubjectKeys
from resilibot.runtime.service import On, Service
from resilibot.runtime.writer import Origin, Writer
from tests.support.story import INCIDENT, INCIDENT_EVENTS, NOON
from tests.support.subject_keys_contract import SubjectKeysContract

STREAM = f"incident#{INCIDENT}"
ANN = "ann@example.org"
WORDS = "Ann here: done, äöü"


class TestInMemorySubjectKeys(SubjectKeysContract):
    @pytest.fixture
    def keys(self) -> SubjectKeys:
        return InMemorySubjectKeys()

    @pytest.fixture
    def elsewhere(self, keys: SubjectKeys) -> SubjectKeys:
        return keys


@dataclass
class Home:
    """A writer that seals, and what it wrote."""

    personal: Personal = field(default_factory=lambda: Personal(InMemorySubjectKeys()))
    store: InMemoryEventStore = field(default_factory=InMemoryEventStore)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))

    @property
    def writer(self) -> Writer:
        service = Service("ingest", emits=frozenset({e.IncidentClosedV1}))
        return Writer(self.store, service, self.clock, personal=self.personal, pause=lambda _: None)

    def write(self, event: DomainEvent, actor: Actor) -> None:
        self.writer.write([STREAM], lambda _: [On(STREAM, event)], Origin(actor))

    def closed_by_ann(self) -> "Home":
        self.write(INCIDENT_EVENTS[0], Actor(kind="service", id="ingest"))
        self.write(e.IncidentClosedV1(why="person", comment=WORDS), Actor(kind="person", id=ANN))
        return self

    def stored(self) -> str:
        return b"\n".join(event.body for event in self.store.load(STREAM).events).decode()

    def shown(self) -> str:
        events = self.store.load(STREAM).events
        case = fold(INCIDENT, events).model_dump(mode="json")
        told = [[event.envelope.actor.id, narrate_recorded(event)] for event in events]
        return json.dumps(self.personal.reveal([case, told]), ensure_ascii=False)


@pytest.mark.feature(214)
def test_a_name_is_shown_but_never_stored() -> None:
    home = Home().closed_by_ann()
    assert ANN not in home.stored()
    assert WORDS not in home.stored()
    assert ANN in home.shown()
    assert f"Closed by a person: {WORDS}" in home.shown()


@pytest.mark.feature(214)
def test_the_forgotten_are_shown_as_erased_and_the_chain_is_the_same() -> None:
    home = Home().closed_by_ann()
    before = [event.hash for event in home.store.load(STREAM).events]
    assert home.personal.forget(ANN)
    assert ANN not in home.shown()
    assert WORDS not in home.shown()
    assert f"Closed by a person: {ERASED}" in home.shown()
    assert [event.hash for event in home.store.load(STREAM).events] == before
    assert audit(home.store).ok


def test_what_the_forgotten_do_afterwards_is_known_to_be_theirs_and_unreadable() -> None:
    home = Home().closed_by_ann()
    pseudonym = home.personal.forget(ANN)
    home.write(e.IncidentClosedV1(why="person", comment="Ann again"), Actor(kind="person", id=ANN))
    last = home.store.load(STREAM).events[-1].envelope
    assert pseudonym_of(last.actor.id) == pseudonym
    assert "Ann again" not in home.stored()
    assert "Ann again" not in home.shown()


def test_others_stay_readable() -> None:
    home = Home().closed_by_ann()
    home.write(e.IncidentClosedV1(why="person", comment="Bob too"), Actor(kind="person", id="bob@example.org"))
    home.personal.forget(ANN)
    assert "bob@example.org" in home.shown()
    assert "Bob too" in home.shown()


def test_what_services_do_is_written_as_it_is() -> None:
    home = Home()
    home.write(INCIDENT_EVENTS[0], Actor(kind="service", id="ingest"))
    assert home.store.load(STREAM).events[0].envelope.actor.id == "ingest"
    assert not TOKEN.search(home.stored())


class Contested(InMemoryEventStore):
    """Refuses the first append, as if somebody had been first."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[Mapping[str, Any]] = []

    def append(self, appends: Sequence[Append], timers: Sequence[Timer] = ()) -> None:
        self.tried.append(appends[0].events[0].envelope.data)
        if len(self.tried) == 1:
            raise VersionConflict("somebody was first")
        super().append(appends, timers)


def test_a_retry_carries_the_same_sealed_bytes() -> None:
    store = Contested()
    home = Home(store=store)
    home.write(e.IncidentClosedV1(why="person", comment=WORDS), Actor(kind="person", id=ANN))
    assert len(store.tried) == 2
    assert store.tried[0] == store.tried[1]
    assert pseudonym_of(store.tried[0]["comment"])


def test_the_same_text_twice_gives_two_tokens_of_one_person() -> None:
    personal = Personal(InMemorySubjectKeys())
    one, two = personal.person(ANN).identity, personal.person(ANN).identity
    assert one != two
    assert is_same_person(one, two)
    assert not is_same_person(one, personal.person("bob@example.org").identity)
    assert personal.reveal([one, two]) == [ANN, ANN]


@pytest.mark.parametrize("spoil", [lambda t: t[:-8], lambda t: t[:60], lambda t: t[:50] + "AAAA" + t[54:]])
def test_a_token_that_was_cut_or_altered_reveals_nothing(spoil: Any) -> None:
    personal = Personal(InMemorySubjectKeys())
    shown = personal.reveal(spoil(personal.person(ANN).seal("a secret of some length")))
    assert "secret" not in shown
    assert ERASED in shown


class OneKeyForAll(InMemorySubjectKeys):
    def obtain(self, pseudonym: str) -> bytes | None:
        return b"k" * 32

    def find(self, pseudonyms: Collection[str]) -> Mapping[str, bytes]:
        return dict.fromkeys(pseudonyms, b"k" * 32)


def test_a_token_does_not_open_under_somebody_elses_pseudonym_even_with_the_same_key() -> None:
    personal = Personal(OneKeyForAll())
    ann, bob = personal.person(ANN), personal.person("bob@example.org")
    assert personal.reveal(ann.seal(WORDS)) == WORDS
    assert personal.reveal(ann.seal(WORDS).replace(ann.pseudonym, bob.pseudonym)) == ERASED


class Unreachable(InMemorySubjectKeys):
    def find(self, pseudonyms: Collection[str]) -> Mapping[str, bytes]:
        raise KeysUnavailable("the table did not answer")


def test_without_the_keys_an_incident_is_shown_without_names() -> None:
    home = Home(Personal(Unreachable())).closed_by_ann()
    assert ANN not in home.shown()
    assert f"Closed by a person: {UNREADABLE}" in home.shown()
    assert home.personal.reveal({"title": "no name in it"}) == {"title": "no name in it"}


def test_the_longest_words_a_door_accepts_fit_the_field_when_sealed() -> None:
    home = Home()
    longest = "ä" * (capacity(2000) // 2)
    home.write(e.IncidentClosedV1(why="person", comment=longest), Actor(kind="person", id=ANN))
    (recorded,) = home.store.load(STREAM).events
    assert isinstance(recorded.event, e.IncidentClosedV1)
    assert len(recorded.event.comment) <= 2000
    assert home.personal.reveal(recorded.event.comment) == longest
