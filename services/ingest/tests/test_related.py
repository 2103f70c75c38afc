"""Related signals through the real intake: one incident under any concurrency; a member is one in all things."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import Actor
from resilibot.contracts.signal import ResourceRef, Severity, Signal
from resilibot.ingest import remembered
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports
from resilibot.ingest.release import release_signals, signal_streams
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.topology import Node, Topology
from resilibot.runtime import folds
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append, Stream, Timer
from resilibot.runtime.service import On, Service, Trigger
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Origin, Writer
from tests.support.story import INCIDENT_EVENTS, METRIC, signal

CHAIN = [f"s{number:02}" for number in range(12)]  # each calls the one before it
TOPOLOGY = Topology(
    services=(
        *(Node(name=name, depends_on=(CHAIN[n - 1],) if n else ()) for n, name in enumerate(CHAIN)),
        Node(name="search"),
    )
)
ACTOR = Actor(kind="system", id="test")
RESOLVED = next(event for event in INCIDENT_EVENTS if isinstance(event, e.IncidentResolvedV1))


class RacingStore(InMemoryEventStore):
    """Before the next append, somebody else does something. Counts the events that it gave, by stream."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Callable[[], object] | None = None
        self.conflicts = 0
        self.given: Counter[str] = Counter()

    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
        loaded = super().load(stream, after=after, upto=upto)
        self.given[stream] += len(loaded.events)
        return loaded

    def append(self, appends: Sequence[Append], timers: Sequence[Timer] = ()) -> None:
        race, self.first = self.first, None
        if race:
            race()
            self.conflicts += 1
        super().append(appends, timers)


class House:
    def __init__(self) -> None:
        self.store = RacingStore()
        self.clock = ManualClock(NOON)
        ports: Any = Ports(
            IngestSettings(quiet_period_s=60), self.clock, InMemoryBlobStore(), history=self.store, topology=TOPOLOGY
        )
        self.intake = Intake(ports, Writer(self.store, SERVICE, self.clock, ports=ports, pause=lambda _: None))
        self._sent = 0

    def alarm(self, service: str, state: str = "ALARM", name: str = "errors") -> Signal:
        self._sent += 1
        after_s = (self.clock.now() - NOON).total_seconds()
        resource = ResourceRef(account="1", region="eu-west-1", service=service, name=f"Web Service={service}")
        return signal(name, state, after_s, f"m-{self._sent}").model_copy(
            update={
                "resource": resource,
                "metric": METRIC.model_copy(update={"dimensions": {"Service": service}}),
            }
        )

    def take(self, *signals: Signal) -> list[str]:
        written = self.intake.accept(fingerprint(signals[0]), list(signals), ACTOR)
        return [r.event.disposition for r in written if isinstance(r.event, e.SignalReceivedV1)]

    def cases(self) -> list[IncidentCase]:
        streams = sorted(stream for stream in self.store.streams() if stream.startswith("incident#"))
        return [fold(stream.partition("#")[2], self.store.load(stream).events) for stream in streams]

    def append(self, case: IncidentCase, *events: Any) -> None:
        stream = f"incident#{case.incident_id}"
        for event in events:
            writer = Writer(self.store, Service(event.emitter), self.clock)
            writer.write([stream], lambda _, on=On(stream, event): [on], Origin(ACTOR))  # noqa: B008

    def group_versions(self) -> int:
        return sum(self.store.load(s).version for s in self.store.streams() if s.startswith("group#"))


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.feature(102)
def test_a_cascade_of_twelve_alarms_in_one_second_is_one_incident(house: House) -> None:
    words = []
    for name in CHAIN:
        words += house.take(house.alarm(name))
        house.clock.advance(0.08)
    assert words == ["opened", *["correlated"] * 11]
    (case,) = house.cases()
    assert len(case.fingerprints) == 12
    reasons = {s.signal.resource.service: s.reason for s in case.signals.values()}
    assert reasons["s05"] == "neighbour: s05 calls s04; 0 s after errors"


def test_an_incident_that_many_alarms_join_is_read_on_and_not_again(house: House) -> None:
    for name in CHAIN:
        house.take(house.alarm(name))
        house.clock.advance(0.08)
    (name,) = (stream for stream in house.store.streams() if stream.startswith("incident#"))
    assert house.store.given[name] < house.store.load(name).version


@pytest.mark.feature(102)
def test_unrelated_faults_at_the_same_moment_stay_two_incidents(house: House) -> None:
    assert house.take(house.alarm("s00")) == ["opened"]
    assert house.take(house.alarm("search")) == ["opened"]
    assert len(house.cases()) == 2


@pytest.mark.feature(102)
def test_two_writers_that_open_related_incidents_at_once_open_one(house: House) -> None:
    house.store.first = lambda: house.take(house.alarm("s00"))
    assert house.take(house.alarm("s01")) == ["correlated"]
    assert house.store.conflicts == 1
    (case,) = house.cases()
    assert len(case.fingerprints) == 2


@pytest.mark.feature(102)
def test_an_incident_that_ends_while_a_signal_joins_it_takes_none(house: House) -> None:
    house.take(house.alarm("s00"))
    house.store.first = lambda: house.append(house.cases()[0], e.IncidentClosedV1(why="person"))
    assert house.take(house.alarm("s01")) == ["opened"]
    assert house.store.conflicts == 1
    assert [len(case.fingerprints) for case in house.cases()] == [1, 1]


@pytest.mark.feature(101)
def test_a_member_is_counted_and_cleared_by_itself_and_never_touches_the_group(house: House) -> None:
    house.take(house.alarm("s00"))
    house.take(house.alarm("s01"))
    before = house.group_versions()
    assert house.take(*(house.alarm("s01") for _ in range(100))) == ["counted"] * 100
    assert house.take(house.alarm("s01", "OK")) == ["cleared"]
    assert house.group_versions() == before
    (case,) = house.cases()
    firing = {s.signal.resource.service: s.is_firing for s in case.signals.values()}
    assert firing == {"s00": True, "s01": False}, "two resources have an alarm of the same name"
    assert house.take(house.alarm("s01", "OK")) == ["ignored"]
    assert house.take(house.alarm("s00")) == ["counted"], "what is cleared there fires on here"


def test_a_member_that_fires_again_reopens_the_incident_that_it_belongs_to(house: House) -> None:
    house.take(house.alarm("s00"))
    house.take(house.alarm("s01"))
    house.append(house.cases()[0], RESOLVED)
    house.clock.advance(30)
    assert house.take(house.alarm("s01")) == ["reopened"]
    assert house.take(house.alarm("s00")) == ["counted"], "the others are of a live incident again"
    assert house.take(house.alarm("s02")) == ["correlated"]
    assert [(case.reopened, len(case.fingerprints)) for case in house.cases()] == [(1, 3)]


@pytest.mark.parametrize("ended", [RESOLVED, e.IncidentClosedV1(why="person"), e.IncidentMergedV1(into="X1")])
def test_the_end_of_an_incident_frees_the_signals_of_all_its_members_once(house: House, ended: Any) -> None:
    house.take(house.alarm("s00"))
    house.take(house.alarm("s01"))
    house.append(house.cases()[0], ended)
    (case,) = house.cases()
    recorded = house.store.load(f"incident#{case.incident_id}").events[-1]
    names = signal_streams(case, Trigger(recorded, NOON))
    assert len(names) == 2
    joined = {name: house.store.load(name).events for name in names}
    freed = [on for on in release_signals(case, Trigger(recorded, NOON, None, joined), None) if isinstance(on, On)]
    assert [on.stream for on in freed] == names
    for on in freed:
        writer = Writer(house.store, SERVICE, house.clock)
        writer.write([on.stream], lambda _, on=on: [on], Origin(ACTOR))
    joined = {name: house.store.load(name).events for name in names}
    assert release_signals(case, Trigger(recorded, NOON, None, joined), None) == []


@pytest.mark.feature(102)
def test_a_neighbour_does_not_join_where_nothing_was_found_or_what_is_less_grave(house: House) -> None:
    """Nobody looks again when a signal joins, so it would be hidden there."""
    house.take(house.alarm("s00"))
    found = next(event for event in INCIDENT_EVENTS if isinstance(event, e.DiagnosisReachedV1))
    nothing = found.model_copy(update={"outcome": "no_fault", "hypotheses": []})
    house.append(house.cases()[0], nothing)
    assert house.take(house.alarm("s01")) == ["opened"]
    graver = house.alarm("s02").model_copy(update={"severity": Severity.CRITICAL})
    assert house.take(graver) == ["opened"], "s01 calls for less haste"
    assert house.take(house.alarm("s00", name="latency")) == ["attached"], "the very same thing is no other incident"


def test_who_comes_after_an_incident_ended_opens_anew(house: House) -> None:
    house.take(house.alarm("s00"))
    house.append(house.cases()[0], e.IncidentClosedV1(why="person"))
    assert house.take(house.alarm("s01")) == ["opened"]


def test_a_cascade_over_midnight_is_one_incident(house: House) -> None:
    house.clock.advance(12 * 3600 - 5)
    assert house.take(house.alarm("s00")) == ["opened"]
    house.clock.advance(10)
    assert house.take(house.alarm("s01")) == ["correlated"]


@pytest.mark.parametrize(
    ("module", "limit"), [(remembered, "KEPT_GROUPS"), (remembered, "KEPT_IDS"), (folds, "KEPT_CASES")]
)
def test_what_is_pushed_out_of_memory_is_read_again_and_decides_the_same(
    module: Any, limit: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two accounts in trouble at the same time, with memory for one of them at most."""

    def lived(house: House) -> list[list[str]]:
        words = []
        for name in [*CHAIN[:5], *CHAIN[:2]]:
            for account in ("1", "2"):
                alarm = house.alarm(name)
                resource = alarm.resource.model_copy(update={"account": account})
                words.append(house.take(alarm.model_copy(update={"resource": resource})))
            house.clock.advance(1)
        return words

    expected = lived(house)
    monkeypatch.setattr(module, limit, 1)
    small = House()
    assert lived(small) == expected == [["opened"]] * 2 + [["correlated"]] * 8 + [["counted"]] * 4
    assert small.store.given.total() > house.store.given.total(), "something was read again"
    assert [len(case.fingerprints) for case in small.cases()] == [5, 5]
