"""Rounds over a series that grows: one request each, one finding, one incident before the limit, and its end."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.case import Status
from resilibot.contracts.envelope import Actor, RecordedEvent
from resilibot.contracts.matching import SilenceMatcher
from resilibot.contracts.signal import MetricRef, Severity
from resilibot.ingest.ports import Ports
from resilibot.ingest.service import SERVICE as INGEST
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.silences import SILENCES
from resilibot.observe.ports import Series, SourceFailed
from resilibot.observe.service import SERVICE as OBSERVE
from resilibot.observe.watch_round import WatchRound
from resilibot.observe.watches import Watches
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append, StoreUnavailable, Stream, Timer
from resilibot.runtime.service import On, Service
from resilibot.runtime.testing import NOON
from resilibot.runtime.writer import Origin
from tests.support.small_house import SmallHouse

HOUR = timedelta(hours=1)
PERIOD_S = 300
DISK = {
    "id": "orders-disk",
    "kind": "exhaustion",
    "namespace": "Shop",
    "metric": "disk_used_percent",
    "dimensions": {"Service": "orders"},
    "service": "orders",
    "limit": 90,
    "horizon_h": 10,
}
BEGAN = NOON - 12 * HOUR


class Metrics:
    """One value per metric and time."""

    name = "fake"

    def __init__(self, values: dict[str, Callable[[float], float]]) -> None:
        self.values = values
        self.asked: list[int] = []
        self.fails: SourceFailed | None = None

    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[MetricRef]:
        raise AssertionError("a watch names its metric")

    def read(self, metrics: Sequence[MetricRef], start: datetime, end: datetime) -> list[Series]:
        self.asked.append(len(metrics))
        if self.fails:
            raise self.fails
        assert start.timestamp() % max(metric.period_s for metric in metrics) == 0
        return [Series(metric, self._points(metric, start, end), {"metric": metric.name}) for metric in metrics]

    def _points(self, metric: MetricRef, start: datetime, end: datetime) -> tuple[tuple[datetime, float], ...]:
        step = timedelta(seconds=metric.period_s)
        times = [start + i * step for i in range(int((end - start) / step) + 1)]
        value = self.values[metric.name]
        return tuple((at, value((at - BEGAN) / HOUR)) for at in times)


class Racing(InMemoryEventStore):
    """Just before the first append of a finding, somebody else does something."""

    def __init__(self) -> None:
        super().__init__()
        self.during: Callable[[], object] | None = None

    def append(self, appends: Sequence[Append], timers: Sequence[Timer] = ()) -> None:
        if self.during and any(isinstance(event.event, e.FindingRaisedV1) for one in appends for event in one.events):
            during, self.during = self.during, None
            during()
        super().append(appends, timers)


def filling(hours: float) -> float:
    """Half full when it begins, 2 points an hour; cleaned 20 hours later."""
    return 50 + 2 * hours if hours < 20 else 30.0


class Home(SmallHouse):
    """ingest, and the rounds of observe, every five minutes."""

    def watching(self, *declared: dict[str, Any], metrics: Metrics | None = None) -> "Home":
        self.metrics = metrics or Metrics({"disk_used_percent": filling})
        watches = Watches.model_validate({"account": "000000000000", "region": "eu-west-1", "watches": declared})
        self.round = WatchRound(watches, "watches.toml", self.metrics, self.writers["observe"])
        return self

    def rounds(self, hours: float) -> None:
        for _ in range(int(hours * 12)):
            self.advance(PERIOD_S)
            self.round.run()
            self.pump()


def a_home(redeliver: int = 1, store: InMemoryEventStore | None = None) -> Home:
    store, clock = store or InMemoryEventStore(), ManualClock(NOON)
    ports = Ports(IngestSettings(quiet_period_s=900), clock, InMemoryBlobStore(), history=store)
    rounds_only = Service("observe", emits=OBSERVE.emits)
    return Home([(INGEST, ports), (rounds_only, None)], store, clock, redeliver=redeliver)


def recorded(house: Home, category: str) -> list[RecordedEvent]:
    streams = [head.stream for head in house.store.heads() if head.category == category]
    return [event for stream in streams for event in house.store.load(stream).events]


def silence(house: Home, lasts_s: float) -> None:
    now = house.clock.now()
    started = e.SilenceStartedV1(
        silence_id=house.writers["ingest"].ids(now),
        matcher=SilenceMatcher(service="orders"),
        starts_at=now,
        ends_at=now + timedelta(seconds=lasts_s),
        comment="the disk is exchanged",
    )
    origin = Origin(Actor(kind="person", id="ana@example.org"))
    house.writers["ingest"].write([SILENCES], lambda _: [On(SILENCES, started)], origin)
    house.pump()


@pytest.mark.feature(73)
@pytest.mark.parametrize("redeliver", [1, 3])
def test_a_filling_disk_opens_a_low_incident_hours_before_its_limit_and_clears(redeliver: int) -> None:
    house = a_home(redeliver).watching(DISK)
    house.rounds(7)  # noon is hour 12: 74 %, the limit is 10 hours away one hour earlier
    (raised,) = house.events(e.FindingRaisedV1)
    assert raised.value < 90
    assert raised.forecast.eta > house.clock.now()
    (opened,) = house.events(e.IncidentOpenedV1)
    assert (opened.severity, opened.severity_rule, opened.source) == (Severity.LOW, "watch:orders-disk", "watch")
    assert (opened.resource.service, opened.resource.name) == ("orders", "Shop Service=orders")
    assert opened.title.startswith("disk_used_percent of orders is 74")
    assert (opened.signal.metric.threshold, opened.signal.metric.comparison) == (90, "GreaterThanOrEqualToThreshold")
    assert house.events(e.SignalClearedV1) == []
    house.rounds(2)
    (ended,) = house.events(e.FindingEndedV1)
    assert (ended.why, ended.watched) == ("back", raised.watched)
    (cleared,) = house.events(e.SignalClearedV1)
    assert cleared.signal_name == "orders-disk"
    (case,) = house.cases()
    assert [signal.is_firing for signal in case.signals.values()] == [False]
    assert len(house.events(e.SignalReceivedV1)) == 2
    answers = [event.envelope.causation_id for event in recorded(house, "signal")]
    assert answers == [event.id for event in recorded(house, "watch")]


def test_a_round_is_one_request_whatever_is_watched() -> None:
    other = {**DISK, "id": "orders-cpu", "kind": "anomaly", "metric": "cpu", "season": "none"}
    del other["limit"], other["horizon_h"]
    house = a_home().watching(
        DISK, other, metrics=Metrics({"disk_used_percent": lambda h: 40.0, "cpu": lambda h: 20.0})
    )
    house.rounds(1)
    assert house.metrics.asked == [2] * 12
    assert house.events(e.FindingRaisedV1) == []
    assert len(house.events(e.WatchesActivatedV1)) == 1
    assert house.cases() == []


def test_a_quiet_round_reads_the_streams_of_its_watches_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    house = a_home().watching(DISK, metrics=Metrics({"disk_used_percent": lambda h: 40.0}))
    house.rounds(0.25)
    load, asked = house.store.load, list[str]()

    def counted(stream: str, **more: Any) -> Stream:
        asked.append(stream)
        return load(stream, **more)

    monkeypatch.setattr(house.store, "load", counted)
    house.round.run()
    assert asked == ["watch#orders-disk"]


def test_nothing_is_asked_for_an_empty_file() -> None:
    house = a_home().watching()
    house.rounds(1)
    assert house.metrics.asked == []


def test_two_rounds_at_once_raise_one_finding() -> None:
    store = Racing()
    house = a_home(store=store).watching(DISK)
    again = WatchRound(house.round.watches, "watches.toml", house.metrics, house.writers["observe"])
    store.during = again.run
    house.rounds(1)
    assert store.during is None
    assert len(house.events(e.FindingRaisedV1)) == 1
    assert len(house.cases()) == 1


def test_a_source_that_does_not_answer_ends_nothing_and_raises_nothing() -> None:
    house = a_home().watching(DISK)
    house.rounds(1)
    house.metrics.fails = SourceFailed("timeout", "GetMetricData of 1 metrics")
    house.rounds(10)
    assert house.events(e.FindingEndedV1) == []
    assert len(house.events(e.FindingRaisedV1)) == 1


def test_a_watch_that_is_taken_out_of_the_file_ends_its_finding() -> None:
    house = a_home().watching(DISK)
    house.rounds(1)
    house.watching({**DISK, "id": "other-disk"})
    house.rounds(1)
    (ended,) = house.events(e.FindingEndedV1)
    assert (ended.why, ended.watched.watch_id) == ("withdrawn", "orders-disk")
    assert len(house.events(e.SignalClearedV1)) == 1
    assert [sorted(event.watches) for event in house.events(e.WatchesActivatedV1)] == [["orders-disk"], ["other-disk"]]
    assert {event.watched.watch_id for event in house.events(e.FindingRaisedV1)} == {"orders-disk", "other-disk"}


def test_a_new_process_tells_the_log_nothing_new() -> None:
    house = a_home().watching(DISK)
    house.rounds(1)
    house.watching(DISK).rounds(1)
    assert len(house.events(e.WatchesActivatedV1)) == 1
    assert len(house.events(e.FindingRaisedV1)) == 1


def test_a_finding_joins_the_open_incident_of_its_resource() -> None:
    house = a_home().watching(DISK)
    house.alarm(service="orders")
    house.rounds(0.25)
    (case,) = house.cases()
    (attached,) = house.events(e.SignalAttachedV1)
    assert attached.why == "correlated"
    assert "both are about Shop Service=orders" in attached.reason
    assert len(case.signals) == 2


def test_a_silence_holds_a_finding_back_and_lets_it_in_at_its_end() -> None:
    house = a_home().watching(DISK)
    silence(house, lasts_s=3600)
    house.rounds(0.5)
    assert [event.disposition for event in house.events(e.SignalReceivedV1)] == ["silenced"]
    assert house.cases() == []
    house.rounds(1)
    (case,) = house.cases()
    assert case.status is Status.OPEN


def test_a_watch_whose_stream_cannot_be_read_keeps_no_other_from_being_looked_at() -> None:
    class Broken(InMemoryEventStore):
        def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Stream:
            if stream == "watch#orders-disk":
                raise StoreUnavailable("its items cannot be read")
            return super().load(stream, after=after, upto=upto)

    home = a_home(store=Broken()).watching(DISK, {**DISK, "id": "mail-disk", "service": "mail"})
    for _ in range(20 * 12):
        home.advance(PERIOD_S)
        with suppress(StoreUnavailable):
            home.round.run()
    assert {event.stream for event in recorded(home, "watch")} == {"watch#mail-disk"}
    with pytest.raises(StoreUnavailable):  # and it is told
        home.round.run()
