"""Admission: what is silenced or held is recorded with its reason, and opens when what held it back is over."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, SignalSummary, Status
from resilibot.contracts.door_policy import DoorPolicy, parse
from resilibot.contracts.envelope import Actor
from resilibot.contracts.event import DomainEvent, format_time
from resilibot.contracts.matching import SilenceMatcher
from resilibot.ingest.ports import Ports
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.silence_routes import StartSilence
from resilibot.ingest.silences import AT_ONCE, SILENCES, end, silenced_stream
from resilibot.ingest.topology import Node, Topology
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append, Timer
from resilibot.runtime.service import On
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Origin
from tests.support.small_house import SmallHouse
from tests.support.story import INCIDENT_EVENTS

PERSON = Origin(Actor(kind="person", id="ana@example.org"))
RESOLVED = next(event for event in INCIDENT_EVENTS if isinstance(event, e.IncidentResolvedV1))


CALLS = Topology(services=(Node(name="web", depends_on=("orders",)), Node(name="orders")))


class Racing(InMemoryEventStore):
    """Just before the first append of such an event, somebody else does something."""

    def __init__(self, before: type[DomainEvent] = DomainEvent) -> None:
        super().__init__()
        self.during: Callable[[], object] | None = None
        self._before = before

    def append(self, appends: Sequence[Append], timers: Sequence[Timer] = ()) -> None:
        if self.during and any(isinstance(event.event, self._before) for one in appends for event in one.events):
            during, self.during = self.during, None
            during()
        super().append(appends, timers)


def ingest(policy: str = "{}", *, redeliver: int = 1, store: InMemoryEventStore | None = None) -> SmallHouse:
    store, clock = store or InMemoryEventStore(), ManualClock(NOON)
    ports = Ports(
        IngestSettings(quiet_period_s=900),
        clock,
        InMemoryBlobStore(),
        policy=parse(policy),
        history=store,
        topology=CALLS,
    )
    return SmallHouse([(SERVICE, ports)], store, clock, redeliver=redeliver)


def silence(house: SmallHouse, lasts_s: float = 600, in_s: float = 0, **matcher: Any) -> str:
    now = house.clock.now()
    started = e.SilenceStartedV1(
        silence_id=house.writers["ingest"].ids(now),
        matcher=SilenceMatcher(**(matcher or {"service": "orders"})),
        starts_at=now + timedelta(seconds=in_s),
        ends_at=now + timedelta(seconds=in_s + lasts_s),
        comment="maintenance",
    )
    house.writers["ingest"].write([SILENCES], lambda _: [On(SILENCES, started)], PERSON)
    house.pump()
    return started.silence_id


def end_by_hand(house: SmallHouse, silence_id: str) -> None:
    names = [SILENCES, silenced_stream(silence_id)]
    house.writers["ingest"].write(names, lambda _: end(silence_id, "person"), PERSON)
    house.pump()


def dispositions(house: SmallHouse) -> list[str]:
    return [event.disposition for event in house.events(e.SignalReceivedV1)]


def resolve(house: SmallHouse) -> None:
    """As reason would."""
    stream = f"incident#{house.cases()[-1].incident_id}"
    house.writers["ingest"].write(
        [stream], lambda _: [On(stream, RESOLVED)], Origin(Actor(kind="service", id="reason"))
    )
    house.pump()


def alarms(case: IncidentCase) -> dict[str, SignalSummary]:
    """By name: all here are of one fingerprint."""
    return {summary.signal.name: summary for summary in case.signals.values()}


class TestThresholds:
    POLICY = (
        '{"rules": [{"id": "noise", "match": {"name": "orders-*"}, "threshold": {"occurrences": 3, "within_s": 60}}]}'
    )

    @pytest.mark.feature(103)
    @pytest.mark.parametrize("redeliver", [1, 3])
    def test_fewer_than_n_open_nothing_and_the_nth_opens_however_often_each_is_delivered(self, redeliver: int) -> None:
        house = ingest(self.POLICY, redeliver=redeliver)
        for number in range(2):
            house.alarm(message_id=f"m{number}")
            house.advance(10)
        assert house.cases() == []
        held = house.events(e.SignalReceivedV1)
        assert [(r.disposition, r.held_by, r.occurrence) for r in held] == [
            ("held", "threshold", 1),
            ("held", "threshold", 2),
        ]
        assert held[1].reason == "2 of 3 occurrences within 60 s (rule noise)"
        house.alarm(message_id="m2")
        (case,) = house.cases()
        assert case.admission == "3 occurrences within 60 s (rule noise)"
        assert case.policy_rules == ["noise"]
        assert len(house.events(e.IncidentOpenedV1)) == 1

    def test_what_is_older_than_the_window_counts_no_more(self) -> None:
        house = ingest(self.POLICY)
        for number in range(6):
            house.alarm(message_id=f"m{number}")
            house.advance(40)
        assert house.cases() == []

    def test_another_alarm_of_the_resource_has_its_own_count(self) -> None:
        house = ingest(self.POLICY)
        house.alarm("orders-errors")
        house.alarm("orders-latency")
        house.alarm("orders-errors")
        assert house.cases() == []
        house.alarm("orders-errors")
        assert len(house.cases()) == 1

    def test_what_led_to_an_incident_does_not_count_towards_the_next(self) -> None:
        house = ingest(self.POLICY)
        for number in range(3):
            house.alarm(message_id=f"m{number}")
        stream = f"incident#{house.cases()[0].incident_id}"
        house.writers["ingest"].write([stream], lambda _: [On(stream, e.IncidentClosedV1(why="person"))], PERSON)
        house.pump()
        house.alarm(message_id="again")
        assert dispositions(house)[-1] == "held"

    def test_an_incident_that_was_open_a_moment_ago_is_reopened_at_once(self) -> None:
        house = ingest(self.POLICY)
        for number in range(3):
            house.alarm(message_id=f"m{number}")
        resolve(house)
        house.alarm(message_id="again")
        assert dispositions(house)[-1] == "reopened"


class TestSilences:
    @pytest.mark.feature(104)
    def test_an_alarm_that_still_fires_when_the_window_ends_opens_then(self) -> None:
        house = ingest()
        name = silence(house, lasts_s=600)
        house.alarm()
        (received,) = house.events(e.SignalReceivedV1)
        assert (received.disposition, received.silence_id) == ("silenced", name)
        assert format_time(NOON + timedelta(seconds=600)) in received.reason
        house.advance(599)
        assert house.cases() == []
        house.advance(2)
        (case,) = house.cases()
        assert case.opened_at == NOON + timedelta(seconds=600)
        assert case.admission == f"silence {name} is over"
        assert [event.why for event in house.events(e.SilenceEndedV1, SILENCES)] == ["expired"]

    def test_one_that_cleared_meanwhile_has_no_incident(self) -> None:
        house = ingest()
        silence(house, lasts_s=600)
        house.alarm()
        house.alarm(state="OK")
        house.advance(700)
        assert house.cases() == []
        assert dispositions(house) == ["silenced", "ignored"]

    def test_the_next_alarm_belongs_to_the_incident_that_the_end_of_the_silence_opened(self) -> None:
        house = ingest()
        silence(house, lasts_s=600)
        house.alarm()
        house.advance(601)
        house.alarm()
        house.alarm(state="OK")
        (case,) = house.cases()
        assert dispositions(house) == ["silenced", "counted", "cleared"]
        assert not alarms(case)["orders-errors"].is_firing

    def test_a_person_ends_it_and_what_fires_opens_at_once_exactly_once(self) -> None:
        house = ingest(redeliver=3)
        name = silence(house)
        house.alarm()
        house.advance(10)
        end_by_hand(house, name)
        assert [case.opened_at for case in house.cases()] == [NOON + timedelta(seconds=10)]
        house.advance(1000)
        assert len(house.events(e.IncidentOpenedV1)) == 1
        assert [event.why for event in house.events(e.SilenceEndedV1, SILENCES)] == ["person"]

    def test_more_fingerprints_than_a_commit_takes_are_all_let_in(self) -> None:
        house = ingest()
        name = silence(house, name="*")
        for number in range(2 * AT_ONCE + 5):
            house.alarm(f"a{number}", service=f"s{number}")
        end_by_hand(house, name)
        assert len(house.cases()) == 2 * AT_ONCE + 5
        assert [len(event.fingerprints) for event in house.events(e.SilenceLiftedV1)] == [AT_ONCE, AT_ONCE, 5]

    def test_a_maintenance_window_begins_when_it_begins(self) -> None:
        house = ingest()
        silence(house, in_s=100, lasts_s=100)
        house.alarm(service="orders")
        assert len(house.cases()) == 1
        resolve(house)
        house.advance(150)
        house.alarm(service="orders")
        assert dispositions(house)[-1] == "silenced"
        house.advance(60)
        (case,) = house.cases()
        assert case.reopened == 1, "within the quiet period it is the same incident"

    def test_another_silence_that_covers_it_still_goes_on_holding_it_back(self) -> None:
        house = ingest()
        long = silence(house, lasts_s=500, name="orders-*")
        first = silence(house, lasts_s=900)
        house.alarm()
        end_by_hand(house, first)
        assert house.cases() == []
        assert [event.silences for event in house.events(e.SignalReconsideredV1)] == [[long]]
        house.advance(501)
        assert len(house.cases()) == 1

    def test_an_open_incident_is_not_hidden(self) -> None:
        house = ingest()
        house.alarm()
        silence(house)
        house.alarm()
        house.alarm("orders-latency")
        assert dispositions(house) == ["opened", "counted", "attached"]

    def test_other_alarms_are_let_in(self) -> None:
        house = ingest()
        silence(house, service="orders", name="orders-e*")
        house.alarm("orders-latency")
        house.alarm("orders-errors", service="billing")
        assert len(house.cases()) == 2

    def test_an_alarm_that_was_silenced_joins_the_incident_that_another_one_opened(self) -> None:
        house = ingest()
        silence(house, name="orders-errors")
        house.alarm("orders-errors")
        house.alarm("orders-latency")
        house.advance(601)
        (case,) = house.cases()
        assert set(alarms(case)) == {"orders-errors", "orders-latency"}

    def test_an_alarm_that_races_with_the_end_is_not_forgotten(self) -> None:
        """The door has read the silence, and the silence ends before the door appends."""
        store = Racing()
        house = ingest(store=store)
        name = silence(house)
        store.during = lambda: end_by_hand(house, name)
        house.alarm()
        assert len(house.cases()) == 1
        assert dispositions(house) == ["opened"]

    def test_an_ok_that_comes_late_does_not_take_what_fires_from_behind_the_silence(self) -> None:
        house = ingest()
        silence(house, lasts_s=600)
        house.advance(100)
        house.alarm()
        house.alarm(state="OK", fired_s_ago=60)
        assert dispositions(house) == ["silenced", "ignored"]
        house.advance(600)
        assert len(house.cases()) == 1

    def test_an_older_alarm_does_not_make_a_late_ok_look_new(self) -> None:
        house = ingest()
        silence(house, lasts_s=600)
        house.advance(100)
        house.alarm()
        house.alarm(fired_s_ago=60)
        house.alarm(state="OK", fired_s_ago=30)
        house.advance(600)
        (case,) = house.cases()
        assert alarms(case)["orders-errors"].signal.fired_at == NOON + timedelta(seconds=100)

    @pytest.mark.parametrize("redeliver", [1, 3])
    def test_of_two_alarms_each_is_let_in_when_no_silence_covers_it(self, redeliver: int) -> None:
        """The older one waits for the silence that ends first; the newer one is held back further."""
        house = ingest(redeliver=redeliver)
        silence(house, lasts_s=300, name="orders-errors")
        silence(house, lasts_s=900, name="orders-latency")
        house.alarm("orders-errors")
        house.advance(10)
        house.alarm("orders-latency")
        house.advance(300)
        (case,) = house.cases()
        assert set(alarms(case)) == {"orders-errors"}
        house.advance(600)
        (case,) = house.cases()
        assert set(alarms(case)) == {"orders-errors", "orders-latency"}

    def test_what_is_still_covered_waits_on_when_the_newest_is_let_in(self) -> None:
        house = ingest()
        silence(house, lasts_s=900, name="orders-latency")
        silence(house, lasts_s=300, name="orders-errors")
        house.alarm("orders-latency")
        house.advance(10)
        house.alarm("orders-errors")
        house.advance(300)
        (case,) = house.cases()
        assert set(alarms(case)) == {"orders-errors"}
        stream = f"incident#{case.incident_id}"
        house.writers["ingest"].write([stream], lambda _: [On(stream, e.IncidentClosedV1(why="person"))], PERSON)
        house.pump()
        house.advance(600)
        assert [set(alarms(case)) for case in house.cases()] == [{"orders-errors"}, {"orders-latency"}]
        assert [event.let_in for event in house.events(e.SignalReconsideredV1)] == [
            ["orders-errors"],
            ["orders-latency"],
        ]

    def test_a_silence_that_covers_it_now_lets_it_into_the_open_incident_at_its_end(self) -> None:
        house = ingest()
        first = silence(house, lasts_s=900, name="orders-errors")
        silence(house, lasts_s=600, name="orders-e*")
        house.alarm("orders-errors")
        house.alarm("orders-latency")
        end_by_hand(house, first)
        (case,) = house.cases()
        assert set(alarms(case)) == {"orders-latency"}
        house.advance(601)
        (case,) = house.cases()
        assert set(alarms(case)) == {"orders-latency", "orders-errors"}

    def test_every_silence_that_goes_on_is_told_of_what_it_covers(self) -> None:
        house = ingest()
        first = silence(house, lasts_s=900)
        errors = silence(house, lasts_s=300, name="orders-errors")
        latency = silence(house, lasts_s=600, name="orders-latency")
        house.alarm("orders-errors")
        house.alarm("orders-latency")
        end_by_hand(house, first)
        (looked,) = house.events(e.SignalReconsideredV1)
        assert (looked.disposition, set(looked.silences)) == ("silenced", {errors, latency})
        house.advance(301)
        assert [set(alarms(case)) for case in house.cases()] == [{"orders-errors"}]
        house.advance(300)
        assert [set(alarms(case)) for case in house.cases()] == [{"orders-errors", "orders-latency"}]

    def test_an_incident_that_another_alarm_opens_at_that_very_moment_takes_it_in(self) -> None:
        store = Racing(e.SignalReconsideredV1)
        house = ingest(store=store)
        name = silence(house, name="orders-errors")
        house.alarm("orders-errors")
        store.during = lambda: house.alarm("orders-latency", is_pumped=False)
        end_by_hand(house, name)
        (case,) = house.cases()
        assert set(alarms(case)) == {"orders-latency", "orders-errors"}

    def test_a_related_incident_that_opens_at_that_very_moment_takes_it_in(self) -> None:
        store = Racing(e.SignalReconsideredV1)
        house = ingest(store=store)
        name = silence(house, name="orders-*")
        house.alarm("orders-errors")
        store.during = lambda: house.alarm("web-errors", service="web", is_pumped=False)
        end_by_hand(house, name)
        (case,) = house.cases()
        assert len(case.fingerprints) == 2

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"matcher": {}, "duration_s": 60, "reason": "x"}, "matcher"),
            ({"matcher": {"name": "*"}, "reason": "x"}, "ends_at or duration_s"),
            ({"matcher": {"name": "*"}, "duration_s": 60}, "reason"),
            ({"matcher": {"nmae": "*"}, "duration_s": 60, "reason": "x"}, "nmae"),
            ({"matcher": {"name": "*"}, "duration_s": 60, "reason": "x", "actor": "me"}, "actor"),
            ({"matcher": {"name": "*"}, "ends_at": "2026-11-24T12:00:00", "reason": "x"}, "ends_at"),
        ],
    )
    def test_a_bad_silence_is_refused_with_the_field(self, body: dict[str, Any], field: str) -> None:
        with pytest.raises(ValueError, match=field):
            StartSilence.model_validate(body)


class TestFlapping:
    def flap(self, house: SmallHouse, times: int, every_s: float = 5) -> None:
        for number in range(times):
            house.alarm(state="OK" if number % 2 else "ALARM")
            house.advance(every_s)

    @pytest.mark.feature(103)
    def test_an_alarm_that_flaps_fifty_times_is_one_incident_and_is_told_so_once(self) -> None:
        house = ingest()
        self.flap(house, 50)
        (case,) = house.cases()
        received = house.events(e.SignalReceivedV1)
        assert len(received) == 50
        (detected,) = house.events(e.FlappingDetectedV1)
        assert (detected.changes, detected.within_s) == (6, 600)
        assert case.flapping == ["orders-errors"]
        changes = [event for event in house.events(e.SignalAttachedV1) if event.why == "state_change"]
        assert len(changes) + len(house.events(e.SignalClearedV1)) == 6, "the changes up to the detection, no more"
        assert dispositions(house).count("held") == 22, "each OK after it"
        assert dispositions(house).count("counted") == 21, "each ALARM: what the incident knows already"
        assert received[-1].held_by == "flapping"

    def test_once_per_window_the_incident_hears_how_things_stand_until_it_is_steady(self) -> None:
        house = ingest('{"flapping": {"changes": 4, "within_s": 100}}')
        self.flap(house, 5)
        assert house.cases()[0].flapping == ["orders-errors"]
        self.flap(house, 60)
        before = len(house.events(stream="incident#"))
        self.flap(house, 31)  # ends with ALARM
        changed = house.events(stream="incident#")[before:]
        assert len([x for x in changed if isinstance(x, e.SignalClearedV1 | e.SignalAttachedV1)]) <= 2
        house.advance(200)
        (case,) = house.cases()
        assert case.flapping == []
        assert alarms(case)["orders-errors"].is_firing
        assert len(house.events(e.FlappingEndedV1)) == 1
        house.alarm(state="OK")
        assert dispositions(house)[-1] == "cleared", "a steady alarm is told at once again"

    def test_one_that_comes_to_rest_clear_is_cleared(self) -> None:
        house = ingest('{"flapping": {"changes": 4, "within_s": 100}}')
        self.flap(house, 12)  # ends with OK
        house.advance(200)
        assert not alarms(house.cases()[0])["orders-errors"].is_firing

    def test_a_flapping_alarm_reopens_once_per_window(self) -> None:
        house = ingest('{"flapping": {"changes": 3, "within_s": 100}}')
        self.flap(house, 4)
        resolve(house)
        self.flap(house, 15)  # ends with ALARM
        assert house.cases()[0].reopened == 0
        house.advance(40)
        assert house.cases()[0].reopened == 1
        self.flap(house, 10)
        resolve(house)
        assert house.cases()[0].reopened == 1
        assert len(house.cases()) == 1

    def test_what_waits_is_looked_at_again_when_another_incident_opens_at_that_very_moment(self) -> None:
        store = Racing(e.SignalReconsideredV1)
        house = ingest('{"flapping": {"changes": 3, "within_s": 100}}', store=store)
        self.flap(house, 4)
        stream = f"incident#{house.cases()[0].incident_id}"
        house.writers["ingest"].write([stream], lambda _: [On(stream, e.IncidentClosedV1(why="person"))], PERSON)
        house.pump()
        self.flap(house, 1)
        assert dispositions(house)[-1] == "held"
        store.during = lambda: house.alarm("orders-latency", is_pumped=False)
        house.advance(200)
        assert store.during is None
        assert set(alarms(house.cases()[-1])) == {"orders-latency", "orders-errors"}

    def test_an_ok_that_comes_late_is_no_change_and_clears_nothing_after_the_window(self) -> None:
        house = ingest('{"flapping": {"changes": 3, "within_s": 100}}')
        self.flap(house, 3)  # ends with ALARM
        house.advance(30)
        house.alarm(state="OK", fired_s_ago=38)
        assert dispositions(house)[-1] == "ignored"
        house.advance(300)
        assert house.events(e.FlappingDetectedV1) == []
        assert len(house.events(e.SignalClearedV1)) == 1, "the one that came in time"
        assert alarms(house.cases()[0])["orders-errors"].is_firing

    def test_alarms_of_one_resource_that_clear_together_do_not_flap(self) -> None:
        house = ingest()
        for state in ("ALARM", "OK"):
            for number in range(8):
                house.alarm(f"orders-{number}", state=state)
        assert house.events(e.FlappingDetectedV1) == []


class TestPolicy:
    def test_the_first_rule_that_says_something_decides_each_aspect_and_is_named(self) -> None:
        house = ingest(
            """{"rules": [
                {"id": "careful", "match": {"severities": ["HIGH"]}, "investigation": "approval"},
                {"id": "orders", "match": {"service": "or*"}, "severity": "CRITICAL"},
                {"id": "late", "match": {"service": "orders"}, "severity": "LOW"}]}"""
        )
        house.alarm()
        (case,) = house.cases()
        assert (case.severity, case.severity_rule) == ("CRITICAL", "policy:orders")
        assert case.investigation == "approval"
        assert case.policy_rules == ["careful", "orders"]
        assert len(case.policy_version) == 16

    def test_a_rule_for_one_source_leaves_another_alone(self) -> None:
        house = ingest('{"rules": [{"id": "x", "match": {"source": "grafana"}, "investigation": "approval"}]}')
        house.alarm()
        assert house.cases()[0].investigation == "auto"

    def test_under_a_budget_an_incident_waits_for_room(self) -> None:
        house = ingest('{"budget": {"max_concurrent": 1}}')
        house.alarm()
        assert house.cases()[0].investigation_state == "queued"
        assert house.cases()[0].status is Status.OPEN

    def test_the_version_is_the_content(self) -> None:
        one, same = parse('{"budget": {"per_hour": 2}}'), parse('{"budget": {"lease_s": 900, "per_hour": 2}}')
        assert one.version == same.version != DoorPolicy().version


POLICY = """{"rules": [{"id": "n", "match": {"name": "a0"}, "threshold": {"occurrences": 2, "within_s": 50}}],
             "flapping": {"changes": 3, "within_s": 60}}"""
STEP = st.one_of(
    st.tuples(
        st.just("alarm"),
        st.integers(0, 2),
        st.sampled_from(["ALARM", "OK", "INSUFFICIENT_DATA"]),
        st.sampled_from([0, 0, 40]),  # seconds ago
    ),
    st.tuples(st.just("advance"), st.integers(1, 90)),
    st.tuples(st.just("silence"), st.integers(10, 200), st.sampled_from(["a*", "a1", "*"])),
    st.tuples(st.just("end")),
    st.tuples(st.just("resolve")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=40), st.integers(1, 2))
def test_every_signal_is_recorded_once_and_what_fires_in_the_end_has_an_incident(
    steps: list[Any], redeliver: int
) -> None:
    """Whatever is silenced, held, ended and resolved: nothing is lost, and nothing that fires is forgotten."""
    house = ingest(POLICY, redeliver=redeliver)
    sent: list[str] = []
    last: dict[str, tuple[datetime, str]] = {}
    silences: list[str] = []
    for step in steps:
        if step[0] == "alarm":
            name, state = f"a{step[1]}", step[2]
            fired_at = house.clock.now() - timedelta(seconds=step[3])
            sent.append(house.alarm(name, state, message_id=f"m{len(sent)}", fired_s_ago=step[3]))
            if state != "INSUFFICIENT_DATA" and (name not in last or last[name][0] <= fired_at):
                last[name] = (fired_at, state)
        elif step[0] == "advance":
            house.advance(step[1])
        elif step[0] == "silence":
            silences.append(silence(house, step[1], name=step[2]))
        elif step[0] == "end" and silences:
            ended = {event.silence_id for event in house.events(e.SilenceEndedV1)}
            still = [one for one in silences if one not in ended]
            if still:
                end_by_hand(house, still[0])
        elif step[0] == "resolve" and house.cases() and not house.cases()[-1].is_over:
            resolve(house)
            last = {name: (at, "over") for name, (at, _) in last.items()}  # what fired before belongs to what is over
    house.advance(1000)
    received = house.events(e.SignalReceivedV1)
    assert sorted(r.signal.source_id for r in received) == sorted(sent)
    open_cases = [case for case in house.cases() if not case.is_over]
    assert len(open_cases) <= 1, "one fingerprint, one open incident"
    firing = {name for name, (_, state) in last.items() if state == "ALARM" and name != "a0"}
    known = {name for case in open_cases for name, one in alarms(case).items() if one.is_firing}
    assert firing <= known
