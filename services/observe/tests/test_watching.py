"""What a watch finds in a series, and what it does not: seasons, trends, steps, noise, gaps; drawn and by property."""

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.contracts.events import FindingEndedV1, FindingRaisedV1
from resilibot.contracts.evidence import Window
from resilibot.observe import forecast, watching
from resilibot.observe.seasonal import usual_at
from resilibot.observe.watches import AnomalyWatch, ExhaustionWatch, Watch, Watches

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
STEP = timedelta(seconds=300)
DAY = 288  # points
HOUR = 12
OF_FIVE = {"needed": 3, "of": 5}
Series = list[tuple[datetime, float]]


def series(count: int, value: Callable[[int], float], step: timedelta = STEP) -> Series:
    return [(MONDAY + step * i, value(i)) for i in range(count)]


def after(points: Series, step: timedelta = STEP) -> datetime:
    """When the newest point's period has just ended."""
    return points[-1][0] + step


def anomaly(**more: Any) -> AnomalyWatch:
    return AnomalyWatch.model_validate(
        {"id": "w", "kind": "anomaly", "namespace": "Shop", "metric": "Latency", "service": "orders", **OF_FIVE, **more}
    )


def disk(**more: Any) -> ExhaustionWatch:
    return ExhaustionWatch.model_validate(
        {
            "id": "w",
            "kind": "exhaustion",
            "namespace": "CWAgent",
            "metric": "disk_used_percent",
            "service": "orders",
            "limit": 90,
            **OF_FIVE,
            **more,
        }
    )


def found(watch: Watch, points: Series, now: datetime | None = None) -> FindingRaisedV1 | None:
    events = said(watch, points, None, now)
    assert len(events) < 2
    return events[0] if events else None


def said(watch: Watch, points: Series, known: FindingRaisedV1 | None, now: datetime | None = None) -> list[Any]:
    now = now or after(points, timedelta(seconds=watch.period_s))
    seen = watching.look(watch, points, now)
    if seen is None:
        return []
    watched = Watches(watches=(watch,)).watched(watch)
    return watching.decide(watch, watched, seen, known, {}, Window(start=points[0][0], end=now))


def day(i: int) -> float:
    """A load by day: 100 at night, 500 in the afternoon."""
    return 300 - 200 * math.cos(2 * math.pi * i / DAY)


def noisy(seed: int, sigma: float) -> Callable[[int], float]:
    rng = random.Random(seed)
    drawn = [rng.gauss(0, sigma) for _ in range(20 * DAY)]
    return lambda i: drawn[i]


class TestAnomalies:
    def test_the_afternoon_is_usual_in_the_afternoon_and_a_finding_at_night(self) -> None:
        noise = noisy(1, 10)
        usual = series(8 * DAY, lambda i: day(i) + noise(i))
        afternoon = usual[: 7 * DAY + DAY // 2]
        assert found(anomaly(), afternoon) is None
        night = usual[: 8 * DAY - 5] + [(at, 480.0) for at, _ in usual[8 * DAY - 5 :]]
        raised = found(anomaly(), night)
        assert raised is not None
        assert (raised.side, raised.found, raised.of, raised.value) == ("above", 5, 5, 480.0)
        assert raised.usual is not None
        assert 90 < raised.usual.median < 115 < raised.bound < 200
        assert raised.is_intact()
        assert not raised.model_copy(update={"points": raised.points[1:]}).is_intact()
        assert "Latency of orders is 480, above the usual" in raised.summary
        season_blind = anomaly(season="none", history_h=7 * 24)
        assert found(season_blind, night) is None  # 480 is usual, at some time of the day

    def test_it_is_judged_by_its_direction(self) -> None:
        silent = series(8 * DAY, lambda i: 0.0 if i >= 8 * DAY - 5 else day(i))
        down = found(anomaly(direction="down"), silent)
        assert down is not None
        assert down.side == "below"
        assert down.bound > 0
        assert found(anomaly(direction="up"), silent) is None
        assert found(anomaly(direction="both"), silent) is not None

    def test_what_runs_every_night_is_usual_though_it_fills_a_part_of_its_hour(self) -> None:
        def backup(i: int) -> float:
            return 90.0 if 24 <= i % DAY < 28 else 20.0

        points = series(7 * DAY + 28, backup)
        assert [value for _, value in points[-4:]] == [90.0] * 4
        assert found(anomaly(), points) is None
        at_noon = series(7 * DAY + DAY // 2, lambda i: 90.0 if i >= 7 * DAY + DAY // 2 - 4 else backup(i))
        assert found(anomaly(), at_noon) is not None

    def test_one_odd_day_does_not_make_its_trouble_usual(self) -> None:
        def value(i: int) -> float:
            is_odd = 3 * DAY + 100 <= i < 3 * DAY + 130
            return 500.0 if is_odd or i >= 7 * DAY + 110 else 100.0 + i % 3

        assert found(anomaly(), series(7 * DAY + 115, value)) is not None

    def test_two_of_five_points_are_not_enough_and_three_are(self) -> None:
        def with_last(*last: float) -> Series:
            return series(8 * DAY, lambda i: last[i - 8 * DAY + 5] if i >= 8 * DAY - 5 else 100.0 + i % 3)

        assert found(anomaly(), with_last(101, 900, 101, 900, 101)) is None
        assert found(anomaly(), with_last(900, 900, 101, 900, 101)) is not None
        assert found(anomaly(needed=4), with_last(900, 900, 101, 900, 101)) is None

    def test_too_little_history_says_nothing(self) -> None:
        assert found(anomaly(), series(2 * DAY, lambda i: 900.0 if i >= 2 * DAY - 5 else 100.0)) is None
        assert found(anomaly(season="none"), series(16, lambda i: 900.0 if i >= 11 else 100.0)) is None
        assert found(anomaly(season="none"), series(17, lambda i: 900.0 if i >= 12 else 100.0)) is not None

    def test_a_smallest_change_is_asked_for_where_a_metric_is_idle_at_zero(self) -> None:
        idle = series(8 * DAY, lambda i: 1.0 if i >= 8 * DAY - 4 else 0.0)
        assert found(anomaly(), idle) is not None
        assert found(anomaly(smallest_change=2), idle) is None

    def test_a_small_move_of_an_availability_is_a_large_one(self) -> None:
        points = series(8 * DAY, lambda i: 98.0 if i >= 8 * DAY - 4 else 100.0)
        assert found(anomaly(metric="Availability"), points) is not None
        assert found(anomaly(metric="Latency"), points) is None

    @pytest.mark.parametrize("value", [0.0, 1.0, 1e-12, 7e11, -3.0])
    def test_a_constant_series_has_no_finding(self, value: float) -> None:
        points = series(8 * DAY, lambda i: value)
        assert found(anomaly(), points) is None
        assert found(anomaly(season="none"), points) is None

    def test_the_period_that_has_not_ended_says_nothing_yet(self) -> None:
        points = series(8 * DAY, lambda i: 900.0 if i >= 8 * DAY - 3 else 100.0)
        assert found(anomaly(), points) is not None
        assert found(anomaly(), points, now=after(points) - timedelta(seconds=1)) is None

    def test_missing_points_change_nothing_and_too_many_say_nothing(self) -> None:
        whole = series(8 * DAY, lambda i: 900.0 if i >= 8 * DAY - 5 else day(i))
        rng = random.Random(4)
        holes = [point for point in whole[:-5] if rng.random() > 0.4] + whole[-5:]
        assert found(anomaly(), holes) is not None
        stale = after(whole) + 7 * STEP
        assert found(anomaly(), whole, now=stale) is None
        raised = found(anomaly(), whole)
        assert said(anomaly(), whole, raised, now=stale) == []  # nor is anything taken back


class TestHysteresis:
    WATCH = anomaly(season="none", direction="up")
    BASE = [100.0, 101, 99, 100, 102, 98, 100, 101, 99, 100] * 5  # one scale is 5: the floor

    def at_end(self, *last: float) -> Series:
        values = [*self.BASE, *last]
        return series(len(values), lambda i: values[i])

    def test_one_finding_is_open_at_a_time(self) -> None:
        raised = found(self.WATCH, self.at_end(200, 200, 200, 200, 200))
        assert raised is not None
        assert said(self.WATCH, self.at_end(200, 200, 200, 200, 200), raised) == []

    def test_what_is_only_just_inside_again_is_not_over(self) -> None:
        raised = found(self.WATCH, self.at_end(200, 200, 200, 200, 200))
        assert said(self.WATCH, self.at_end(200, 200, 115, 115, 115), raised) == []  # between 2 and 4 scales
        assert said(self.WATCH, self.at_end(200, 200, 200, 101, 101), raised) == []  # two of five
        assert said(self.WATCH, self.at_end(200, 101, 101, 101, 200), raised) == []  # the newest is not back
        (ended,) = said(self.WATCH, self.at_end(200, 200, 101, 101, 101), raised)
        assert isinstance(ended, FindingEndedV1)
        assert (ended.why, ended.watched.watch_id) == ("back", "w")

    def test_the_other_side_ends_it_as_well(self) -> None:
        raised = found(self.WATCH, self.at_end(200, 200, 200, 200, 200))
        assert len(said(self.WATCH, self.at_end(10, 10, 10, 10, 10), raised)) == 1

    def test_a_finding_about_another_metric_is_withdrawn(self) -> None:
        raised = found(self.WATCH, self.at_end(200, 200, 200, 200, 200))
        other = anomaly(season="none", direction="up", metric="Errors")
        (ended,) = said(other, self.at_end(200, 200, 200, 200, 200), raised)
        assert (ended.why, ended.watched.metric.name) == ("withdrawn", "Latency")

    def test_a_finding_about_a_limit_on_the_other_side_is_withdrawn(self) -> None:
        """Else it stays open for ever, and the watch finds nothing more."""
        filling = series(80, lambda i: 50 + i / 2)
        known = found(disk(), filling)
        assert known is not None
        (event,) = said(disk(direction="down", limit=10), series(80, lambda _: 50.0), known)
        assert (event.why, event.points) == ("withdrawn", [])

    @pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
    def test_a_value_that_is_no_number_is_a_missing_point(self, odd: float) -> None:
        filling = series(80, lambda i: 50 + i / 2)
        assert found(disk(), [*filling[:-2], (filling[-2][0], odd), filling[-1]]) is not None
        assert found(anomaly(season="none"), series(300, lambda i: odd if i > 296 else 5.0)) is None

    def test_a_forecast_is_taken_back_only_well_beyond_its_horizon(self) -> None:
        def filling(per_hour: float) -> Series:
            return series(8 * HOUR, lambda i: 60 + per_hour * (i - 8 * HOUR) / HOUR)

        watch = disk(horizon_h=10)
        raised = found(watch, filling(3.1))  # 30 are left: 9.7 h
        assert raised is not None
        assert found(watch, filling(2.5)) is None  # 12 h
        assert said(watch, filling(2.5), raised) == []
        (ended,) = said(watch, filling(1.9), raised)  # 15.8 h
        assert "no longer on its way to 90" in ended.summary


class TestForecasts:
    def test_a_filling_disk_is_told_before_its_limit_with_an_interval(self) -> None:
        noise = noisy(2, 0.4)
        points = series(7 * HOUR, lambda i: 50 + 2.0 * i / HOUR + noise(i))
        raised = found(disk(), points)
        assert raised is not None
        assert raised.forecast is not None
        told = raised.forecast
        left_s = (told.eta - points[-1][0]).total_seconds()
        assert left_s == pytest.approx((90 - 64) / 2 * 3600, rel=0.05)
        assert told.earliest < told.eta < told.latest
        assert told.earliest < points[-1][0] + timedelta(hours=13) < told.latest
        assert told.rate_low_per_hour < 2 < told.rate_high_per_hour
        assert "reaches 90 in about 13" in raised.summary
        assert found(disk(horizon_h=6), points) is None

    def test_the_interval_holds_the_true_time_in_nearly_all_of_many_draws(self) -> None:
        held = 0
        for seed in range(100):
            noise = noisy(seed, 0.5)
            points = series(6 * HOUR, lambda i, noise=noise: 50 + 2.0 * i / HOUR + noise(i))
            trend = forecast.rising(points)
            assert trend is not None
            earliest, _, latest = trend.until_s(90)
            held += earliest <= (90 - 50) / 2 * 3600 - (6 * HOUR - 1) * 300 <= latest
        assert held >= 97

    def test_a_limit_from_above_is_a_forecast_too(self) -> None:
        free = series(7 * HOUR, lambda i: 500 - 3.0 * i)
        raised = found(disk(direction="down", limit=50), free)
        assert raised is not None
        assert raised.forecast is not None
        assert (raised.side, raised.forecast.rate_per_hour) == ("below", pytest.approx(-36.0))
        assert (raised.forecast.eta - free[-1][0]).total_seconds() == pytest.approx((500 - 3 * 83 - 50) / 36 * 3600)

    def test_a_certificate_is_told_a_week_before_its_last_fortnight(self) -> None:
        watch = disk(
            metric="DaysToExpiry", direction="down", limit=14, horizon_h=168, history_h=20 * 24, period_s=86400
        )
        one_day = timedelta(days=1)
        days = series(80, lambda i: 90.0 - i, one_day)
        first = next(n for n in range(20, 80) if found(watch, days[:n]))
        raised = found(watch, days[:first])
        assert raised is not None
        assert raised.forecast is not None
        assert raised.forecast.eta == MONDAY + 76 * one_day  # 90 - 76 = 14 days are left then
        assert raised.value == 19.0  # the third point within the horizon, 21 days, 20, 19
        renewed = days[:first] + [(MONDAY + one_day * (first + i), 395.0 - i) for i in range(5)]
        assert [event.why for event in said(watch, renewed, raised)] == ["back"]

    def test_what_has_reached_the_limit_is_found_without_a_trend(self) -> None:
        full = series(7 * HOUR, lambda i: 95.0)
        raised = found(disk(), full)
        assert raised is not None
        assert raised.forecast is None
        assert "has reached the limit 90" in raised.summary

    @pytest.mark.parametrize(
        ("shape", "value"),
        [
            ("a step", lambda i: 50.0 if i < 40 else 80.0),
            ("an early step", lambda i: 50.0 if i < 15 else 80.0),
            ("a rise that has ended", lambda i: min(50.0 + i, 80.0)),
            ("a rise that has just ended", lambda i: min(50 + 0.5 * i, 78.0)),
            ("a sawtooth", lambda i: 40.0 + 6 * (i % 8)),
            ("a falling disk", lambda i: 85.0 - 0.2 * i),
            ("a rise within the noise", lambda i: 60 + 0.01 * i + 9 * math.sin(i * 2.4)),
        ],
    )
    def test_no_forecast_without_a_trend(self, shape: str, value: Callable[[int], float]) -> None:
        assert found(disk(horizon_h=100), series(7 * HOUR, value)) is None, shape

    def test_noise_alone_gives_no_forecast(self) -> None:
        for seed in range(300):
            noise = noisy(seed, 3)
            assert forecast.rising(series(6 * HOUR, lambda i, noise=noise: 70 + noise(i))) is None

    def test_a_rise_that_the_noise_hides_gives_none_however_significant(self) -> None:
        for seed in range(20):
            noise = noisy(seed, 5)
            assert forecast.rising(series(6 * HOUR, lambda i, noise=noise: 60 + 0.1 * i + noise(i))) is None

    def test_a_single_outlier_and_missing_points_move_it_little(self) -> None:
        clean = series(6 * HOUR, lambda i: 50 + i / HOUR)
        dirty = [(at, 500.0 if i in (20, 21) else value) for i, (at, value) in enumerate(clean) if i % 5]
        one, other = forecast.rising(clean), forecast.rising(dirty)
        assert one is not None
        assert other is not None
        assert other.rate == pytest.approx(one.rate, rel=0.02)

    def test_many_points_are_thinned_and_say_the_same(self) -> None:
        minutely = series(6 * 60, lambda i: 50 + i / 60, timedelta(seconds=60))
        trend = forecast.rising(minutely)
        assert trend is not None
        assert trend.count <= forecast.MOST
        assert trend.rate * 3600 == pytest.approx(1.0)
        assert trend.level == pytest.approx(minutely[-1][1], abs=0.05)


AMPLITUDES = st.floats(0, 1e6)
PHASES = st.floats(0, 2 * math.pi)


@settings(max_examples=25, deadline=None)
@given(amplitude=AMPLITUDES, phase=PHASES, overtone=st.floats(0, 0.5), level=st.floats(0, 1e6), end=st.integers(0, DAY))
def test_pure_seasonality_is_never_a_finding(
    amplitude: float, phase: float, overtone: float, level: float, end: int
) -> None:
    def value(i: int) -> float:
        angle = 2 * math.pi * i / DAY + phase
        return level + amplitude * (math.sin(angle) + overtone * math.sin(2 * angle))

    assert found(anomaly(), series(7 * DAY + 10 + end, value)) is None


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rise=st.floats(1.5, 20), end=st.integers(0, DAY))
def test_a_sustained_step_is_found_at_any_time_of_the_day(seed: int, rise: float, end: int) -> None:
    noise = noisy(seed, 0.02)
    points = series(7 * DAY + 10 + end, lambda i: day(i) * (1 + noise(i)))
    stepped = points[:-5] + [(at, value + rise * 100) for at, value in points[-5:]]
    raised = found(anomaly(), stepped)
    assert raised is not None
    assert raised.side == "above"
    assert found(anomaly(), points) is None


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(1e-3, 1e6), step=st.floats(0, 200))
def test_the_unit_changes_no_anomaly(seed: int, factor: float, step: float) -> None:
    noise = noisy(seed, 10)
    points = series(7 * DAY + 100, lambda i: day(i) + noise(i) + (step if i >= 7 * DAY + 95 else 0))
    scaled = [(at, value * factor) for at, value in points]
    one, other = found(anomaly(), points), found(anomaly(), scaled)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert other.found == one.found
        assert other.bound == pytest.approx(one.bound * factor)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(1e-3, 1e6), shift=st.floats(-1e6, 1e6), rate=st.floats(-3, 3))
def test_neither_unit_nor_offset_changes_a_forecast(seed: int, factor: float, shift: float, rate: float) -> None:
    noise = noisy(seed, 0.5)
    points = series(6 * HOUR, lambda i: 50 + rate * i / HOUR + noise(i))
    moved = [(at, value * factor + shift) for at, value in points]
    one, other = forecast.rising(points), forecast.rising(moved)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        tolerance = 60 + abs(shift) / factor * 1e-6
        assert other.until_s(90 * factor + shift) == pytest.approx(one.until_s(90), rel=1e-3, abs=tolerance)


def test_mirrored_series_are_mirrored_findings() -> None:
    points = series(8 * DAY, lambda i: day(i) + (400 if i >= 8 * DAY - 4 else 0))
    up = found(anomaly(direction="up"), points)
    down = found(anomaly(direction="down"), [(at, -value) for at, value in points])
    assert up is not None
    assert down is not None
    assert (down.value, down.bound, down.found) == (-up.value, pytest.approx(-up.bound), up.found)


def test_what_is_usual_is_read_from_the_same_time_of_other_days_only() -> None:
    points = series(8 * DAY, day)
    usual = usual_at(points, MONDAY + 7 * timedelta(days=1) + timedelta(hours=12), 86400, 300)
    assert usual is not None
    assert usual.median == pytest.approx(500, abs=10)
    assert usual.count == 7 * 19
    weekly = usual_at(points, MONDAY + timedelta(days=7, hours=12), 7 * 86400, 300)
    assert weekly is None  # one week is known
