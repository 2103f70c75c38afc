"""Signals of one fingerprint: one open incident, every signal once, and a reason for what is ignored."""

from datetime import timedelta

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.signal import Signal
from resilibot.ingest.attach import decide_signals, fold_signals
from resilibot.ingest.ports import Ports
from resilibot.ingest.release import release_signals
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.service import On, Trigger
from resilibot.runtime.testing import INCIDENT, NOON, Story, story
from tests.support.story import INCIDENT_EVENTS, signal

FP = "fp"
SIGNALS = f"signal#{FP}"
OPENED = ["opened", "IncidentOpenedV1", *["SignalGroupedV1"] * 2]  # at noon the window lies in two spans
REOPENED = ["reopened", "IncidentReopenedV1", *["SignalGroupedV1"] * 2]


class Door:
    """The intake's decision over an in-memory history."""

    def __init__(self) -> None:
        ports = Ports(IngestSettings(quiet_period_s=60), ManualClock(NOON), InMemoryBlobStore())
        self.told: Story = story(SERVICE, ports)

    @property
    def case(self) -> IncidentCase | None:
        history = fold_signals(self.told.store.load(SIGNALS).events)
        if history.incident_id is None:
            return None
        return fold(history.incident_id, self.told.store.load(f"incident#{history.incident_id}").events)

    def take(self, *signals: Signal, new_id: str = INCIDENT) -> list[str]:
        """Decide and record; the names of what was recorded, dispositions for signals."""
        decided = decide_signals(
            fold_signals(self.told.store.load(SIGNALS).events),
            self.case,
            signals,
            fingerprint=FP,
            new_incident_id=new_id,
            now=self.told.clock.now(),
            quiet_period_s=60,
        )
        self.told.given(*decided)
        return [_word(on) for on in decided]

    def resolve(self) -> None:
        resolved = next(event for event in INCIDENT_EVENTS if isinstance(event, e.IncidentResolvedV1))
        outcome = self.told.when(resolved)
        self.told.given(*outcome.events)


def _word(on: On) -> str:
    event: DomainEvent = on.event
    return event.disposition if isinstance(event, e.SignalReceivedV1) else type(event).__name__


def alarm(number: int, name: str = "orders-failures", state: str = "ALARM") -> Signal:
    return signal(name, state, source_id=f"m-{number}")


def test_the_first_alarm_opens() -> None:
    assert Door().take(alarm(1)) == OPENED


@pytest.mark.feature(101)
def test_repeats_are_counted_and_told_at_ten_and_a_hundred() -> None:
    door = Door()
    door.take(alarm(0))
    words: list[str] = []
    for start in range(1, 120, 10):
        words += door.take(*[alarm(n) for n in range(start, start + 10)])
    assert words.count("counted") == 120
    assert words.count("SignalAttachedV1") == 2
    attached = [r.event for r in door.told.store.load(door.told.stream).events[1:]]
    assert [a.occurrences for a in attached if isinstance(a, e.SignalAttachedV1)] == [10, 100]


def test_a_redelivery_changes_nothing() -> None:
    door = Door()
    door.take(alarm(1))
    assert door.take(alarm(1)) == []
    assert door.take(alarm(2), alarm(2)) == ["counted"]


def test_another_alarm_on_the_same_resource_is_attached() -> None:
    door = Door()
    door.take(alarm(1))
    assert door.take(alarm(2, "orders-latency")) == ["attached", "SignalAttachedV1"]


def test_ok_clears_what_fires_and_firing_again_is_a_change_of_state() -> None:
    door = Door()
    door.take(alarm(1))
    assert door.take(alarm(2, state="OK")) == ["cleared", "SignalClearedV1"]
    assert door.take(alarm(3, state="OK")) == ["ignored"]
    assert door.take(alarm(4)) == ["attached", "SignalAttachedV1"]


@pytest.mark.feature(2)
@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_what_is_no_alarm_opens_nothing_and_is_kept_with_a_reason(state: str) -> None:
    door = Door()
    assert door.take(alarm(1, state=state)) == ["ignored"]
    (received,) = [r.event for r in door.told.store.load(SIGNALS).events]
    assert isinstance(received, e.SignalReceivedV1)
    assert received.reason
    assert received.incident_id is None


def test_insufficient_data_does_not_clear() -> None:
    door = Door()
    door.take(alarm(1))
    assert door.take(alarm(2, state="INSUFFICIENT_DATA")) == ["ignored"]


def test_within_the_quiet_period_it_reopens_the_same_incident() -> None:
    door = Door()
    door.take(alarm(1))
    door.resolve()
    door.told.clock.advance(30)
    assert door.take(alarm(2), new_id="01JD9Z3K6Q8V7W2X4Y5Z6A7B8D") == REOPENED
    assert door.case is not None
    assert (door.case.incident_id, door.case.reopened) == (INCIDENT, 1)


def test_a_release_that_comes_after_the_reopening_opens_no_second_incident() -> None:
    door = Door()
    door.take(alarm(1))
    door.resolve()
    late = door.told.store.load(SIGNALS).events[-1].event
    assert isinstance(late, e.SignalReleasedV1)
    door.told.clock.advance(30)
    door.take(alarm(2))
    door.told.given(On(SIGNALS, late))
    assert door.take(alarm(3), new_id="01JD9Z3K6Q8V7W2X4Y5Z6A7B8D") == ["counted"]


def test_after_the_quiet_period_it_opens_anew() -> None:
    door = Door()
    door.take(alarm(1))
    door.resolve()
    door.told.clock.advance(61)
    assert door.take(alarm(2), new_id="01JD9Z3K6Q8V7W2X4Y5Z6A7B8D") == OPENED


def test_a_closed_incident_is_not_reopened() -> None:
    door = Door()
    door.take(alarm(1))
    door.told.given(*door.told.when(e.IncidentClosedV1(why="person")).events)
    assert door.take(alarm(2), new_id="01JD9Z3K6Q8V7W2X4Y5Z6A7B8D")[0] == "opened"


def test_the_quiet_period_closes_what_stayed_resolved_and_only_that() -> None:
    door = Door()
    door.take(alarm(1))
    door.resolve()
    resolved = door.told.store.load(door.told.stream).events[-1].event
    assert door.told.when_due("quiet_period", resolved, after_s=60).events == [e.IncidentClosedV1(why="quiet_period")]
    door.take(alarm(2))
    assert door.told.when_due("quiet_period", resolved, after_s=60).events == []


def test_two_signals_in_one_batch_open_one_incident() -> None:
    door = Door()
    assert door.take(alarm(1), alarm(2), alarm(3, "orders-latency")) == [
        *OPENED,
        "counted",
        "attached",
        "SignalAttachedV1",
    ]


def test_a_resolution_heard_of_after_the_reopening_releases_nothing() -> None:
    """Ingest was down while it was resolved, and the alarm came before the news of the resolution."""
    door = Door()
    door.take(alarm(1))
    resolved = next(event for event in INCIDENT_EVENTS if isinstance(event, e.IncidentResolvedV1))
    door.told.given(resolved)
    assert door.take(alarm(2)) == REOPENED
    recorded = next(r for r in door.told.store.load(door.told.stream).events if r.event == resolved)
    joined = {SIGNALS: door.told.store.load(SIGNALS).events}
    assert door.case is not None
    assert release_signals(door.case, Trigger(recorded, door.told.clock.now(), None, joined), None) == []
    assert door.take(alarm(3), new_id="01JD9Z3K6Q8V7W2X4Y5Z6A7B8D") == ["counted"]


def test_the_time_since_the_resolution_is_recorded() -> None:
    door = Door()
    door.take(alarm(1))
    door.resolve()
    assert door.case is not None
    resolved_at = door.case.resolved_at
    assert resolved_at is not None
    door.told.clock.advance(20)
    quiet = (door.told.clock.now() - resolved_at) / timedelta(seconds=1)
    door.take(alarm(2))
    reopened = door.told.store.load(door.told.stream).events[-1].event
    assert isinstance(reopened, e.IncidentReopenedV1)
    assert reopened.quiet_for_s == quiet


def at_second(seconds: float, state: str, source_id: str) -> Signal:
    return signal("orders-failures", state, seconds, source_id)


def test_an_ok_that_comes_late_does_not_clear_a_newer_alarm() -> None:
    door = Door()
    door.take(at_second(0, "ALARM", "a"), at_second(20, "ALARM", "c"))
    assert door.take(at_second(10, "OK", "b")) == ["ignored"]
    assert door.case is not None
    assert all(summary.is_firing for summary in door.case.signals.values())
    assert door.take(at_second(30, "OK", "d")) == ["cleared", "SignalClearedV1"]


def test_an_alarm_that_comes_after_its_later_ok_does_not_fire_again_in_an_open_incident() -> None:
    door = Door()
    door.take(at_second(0, "ALARM", "a"))
    door.take(at_second(10, "OK", "c"))
    assert door.take(at_second(5, "ALARM", "b")) == ["ignored"]
    assert door.take(at_second(20, "ALARM", "d")) == ["attached", "SignalAttachedV1"]


def test_an_alarm_that_comes_after_its_later_ok_is_looked_at_where_nothing_is_open() -> None:
    door = Door()
    assert door.take(at_second(10, "OK", "b")) == ["ignored"]
    assert door.take(at_second(0, "ALARM", "a"))[:2] == ["opened", "IncidentOpenedV1"]


def test_signals_of_one_batch_follow_each_other_as_they_fired() -> None:
    words = Door().take(at_second(10, "OK", "b"), at_second(0, "ALARM", "a"))
    assert [word for word in words if word != "SignalGroupedV1"] == [
        "opened",
        "IncidentOpenedV1",
        "cleared",
        "SignalClearedV1",
    ]


def test_of_two_states_of_one_moment_the_one_delivered_later_counts() -> None:
    door = Door()
    door.take(at_second(0, "ALARM", "a"))
    assert door.take(at_second(0, "OK", "b")) == ["cleared", "SignalClearedV1"]
