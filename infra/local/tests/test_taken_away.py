"""What an evaluation leaves out: who can be drawn, how much, and that a seed draws the same each time."""

from collections.abc import Iterable

import pytest

from resilibot.local.taken_away import By, SeriesKey, TakenAway

NODES = [f"n{i}" for i in range(12)]
METRICS = [("latency", "Average"), ("latency", "p50"), ("requests", "Sum")]
RECORDED = [(node, metric, statistic) for node in NODES for metric, statistic in METRICS]


def nodes(keys: Iterable[SeriesKey]) -> set[str]:
    return {service for service, _, _ in keys}


@pytest.mark.parametrize("by", By)
def test_the_alarms_node_and_a_spared_one_lose_nothing_whatever_the_share(by: By) -> None:
    away = TakenAway(1.0, 1, by, {"i1": "n7"})
    assert nodes(away.of("i1", "n0", RECORDED)) == set(NODES) - {"n0", "n7"}
    assert nodes(away.of("i2", "n0", RECORDED)) == set(NODES) - {"n0"}, "spared in its own incident alone"


@pytest.mark.parametrize("seed", range(20))
def test_a_node_that_is_drawn_loses_all_of_its_series(seed: int) -> None:
    taken = TakenAway(0.3, seed).of("i1", "n0", RECORDED)
    assert len(nodes(taken)) == 4, "11 can be drawn; 3.3 of them, rounded up"
    assert taken == {key for key in RECORDED if key[0] in nodes(taken)}


@pytest.mark.parametrize("seed", range(20))
def test_series_are_drawn_one_by_one(seed: int) -> None:
    taken = TakenAway(0.3, seed, By.SERIES).of("i1", "n0", RECORDED)
    assert len(taken) == 10, "33 can be drawn; 9.9 of them, rounded up"
    assert taken < {key for key in RECORDED if key[0] != "n0"}
    assert taken != {key for key in RECORDED if key[0] in nodes(taken)}


def test_a_share_that_has_no_binary_form_takes_not_one_more() -> None:
    recorded = [(f"m{i}", "latency", "Average") for i in range(100)]
    assert len(TakenAway(0.07, 1).of("i1", "other", recorded)) == 7


@pytest.mark.parametrize("by", By)
def test_the_seed_and_the_incident_decide_and_the_order_of_the_file_does_not(by: By) -> None:
    first = TakenAway(0.3, 5, by).of("i1", "n0", RECORDED)
    assert TakenAway(0.3, 5, by).of("i1", "n0", reversed(RECORDED)) == first
    drawn = {TakenAway(0.3, seed, by).of("i1", "n0", RECORDED) for seed in range(10)}
    drawn |= {TakenAway(0.3, 5, by).of(f"i{i}", "n0", RECORDED) for i in range(2, 10)}
    assert len(drawn) > 12, "neither seeds nor incidents share a draw but by chance"


def test_every_other_node_is_drawn_by_some_seed() -> None:
    drawn = set().union(*(nodes(TakenAway(0.3, seed).of("i1", "n0", RECORDED)) for seed in range(40)))
    assert drawn == set(NODES) - {"n0"}
