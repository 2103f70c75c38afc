"""Baselines, onsets, log patterns: the pure parts of observe."""

import random
from datetime import timedelta

import pytest

from resilibot.observe.baseline import calm, is_outside, onset, summarise, troubled
from resilibot.observe.patterns import level, mine, template
from resilibot.observe.ports import LogLine, LogRead
from resilibot.runtime.testing import NOON


def at(seconds: float):  # type: ignore[no-untyped-def]
    return NOON + timedelta(seconds=seconds)


def series(values: list[float], start: float = 0) -> list[tuple]:  # type: ignore[type-arg]
    return [(at(start + n), value) for n, value in enumerate(values)]


def test_too_few_points_are_no_baseline() -> None:
    assert summarise(series([1, 1, 1, 1])) is None


def test_a_spike_is_noise_and_stays_but_an_earlier_incident_is_left_out() -> None:
    spiky = summarise(series([1, 1, 9, 1, 1, 1, 8, 1, 1, 1]))
    assert spiky is not None
    assert spiky.high == 9
    healed = summarise(series([1, 1, 1, 1, 1, 1, 90, 95, 99, 1, 1, 1]))
    assert healed is not None
    assert (healed.high, healed.count) == (1, 9)


def test_the_tail_of_an_earlier_incident_at_the_first_points_is_no_baseline_for_any_metric() -> None:
    healed = summarise(series([80.0, 30.0] + [0.0] * 17))
    assert healed is not None
    assert (healed.high, healed.count) == (0.0, 17)
    spans = troubled(series([45.0] + [0.0] * 18), 10.0, "GreaterThanOrEqualToThreshold")
    assert spans == [(at(-2), at(2))]
    assert troubled(series([0.0, 45.0] + [0.0] * 17), 10.0, "GreaterThanOrEqualToThreshold") == []


@pytest.mark.parametrize("seed", range(5))
def test_the_onset_is_the_start_of_the_last_run_up_to_the_alarm(seed: int) -> None:
    rng = random.Random(seed)
    values = [rng.gauss(10, 1) for _ in range(100)] + [rng.gauss(60, 1) for _ in range(8)]
    assert onset(series(values), at(107), at(98)) == at(100)


def test_the_alarms_own_earlier_trouble_is_no_baseline_however_long_it_was() -> None:
    values = [0.0] * 10 + [50.0] * 30 + [0.0] * 16 + [50.0] * 4
    spans = troubled(series(values[:56]), 10.0, "GreaterThanOrEqualToThreshold")
    healthy = summarise(calm(series(values[:56]), spans))
    assert healthy is not None
    assert healthy.high == 0.0
    assert onset(series(values), at(59), at(57), spans) == at(56)


def test_single_breaches_of_a_threshold_set_too_low_are_not_trouble() -> None:
    assert troubled(series([1, 9, 1, 8, 9, 1, 9]), 3.0, "GreaterThanThreshold") == []
    assert troubled(series([99, 40, 40, 40, 99]), 50.0, "LessThanThreshold") != []
    assert troubled(series([9, 9, 9, 9]), 3.0, None) == []


def test_without_a_deviation_the_onset_is_the_period_the_alarm_judged() -> None:
    assert onset(series([10.0] * 50), at(49), at(39)) == at(39)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-11-24T12:00:00.123Z ERROR order 17 failed", "2026-11-24T12:00:07.9Z ERROR order 4711 failed"),
        ("timeout to 10.0.0.1:8080 after 600 ms", "timeout to 10.0.0.22:8080 after 612.5 ms"),
        (
            "request 6b1d7c0a-9e3f-4a26-8f6e-1c2d3e4f5a6b lost",
            "request 0d0c5a1e-5f5e-5b0e-8f6e-1c2d3e4f5a6b lost",
        ),
    ],
)
def test_lines_that_differ_in_numbers_and_ids_share_a_template(one: str, other: str) -> None:
    assert template(one) == template(other)


def test_lines_that_differ_in_words_do_not() -> None:
    assert template("ERROR cannot connect") != template("ERROR cannot authenticate")


@pytest.mark.parametrize(
    ("line", "expected"),
    [("x ERROR y", "ERROR"), ("FATAL: no", "ERROR"), ("WARNING x", "WARN"), ("INFO x", "INFO"), ("hello", "OTHER")],
)
def test_levels(line: str, expected: str) -> None:
    assert level(line) == expected


@pytest.mark.feature(18)
def test_only_new_and_surging_templates_are_kept() -> None:
    before = [LogLine(at(-n), "a", f"INFO served {n}") for n in range(1, 31)]
    after = [LogLine(at(n), "a", f"INFO served {n}") for n in range(10)]
    new = [LogLine(at(n), "b", f"ERROR order {n} failed") for n in range(10)]
    content = mine(LogRead((*before, *after, *new), False, {}), "/g", at(0), at(-30), at(10))
    assert [pattern.template for pattern in content.patterns] == ["ERROR order <n> failed"]
    assert (content.patterns[0].count, content.patterns[0].component) == (10, "b")


def test_one_bad_second_in_a_healthy_minute_does_not_hide_what_comes() -> None:
    values = [0.0] * 40
    values[7] = 50.0
    baseline = summarise(series(values))
    assert baseline is not None
    assert (baseline.low, baseline.high) == (0.0, 0.0)
    assert is_outside(45.0, baseline)


def test_the_sustained_range_is_widened_by_what_lasts_and_not_by_a_spike() -> None:
    def high(*trouble: int) -> float | None:
        values = [9.0 if n in trouble else 1.0 + n % 2 for n in range(60)]
        found = summarise([(NOON + timedelta(minutes=n), value) for n, value in enumerate(values)])
        return found.sustained_high if found else None

    assert high() == 2.0
    assert high(20) == 2.0  # once
    assert high(20, 21) == 9.0  # two in a row, in 4 of 56 windows
    assert high(20, 40) == 2.0
