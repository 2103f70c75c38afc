"""When a metric has left its healthy range."""

from datetime import timedelta

import pytest

from resilibot.contracts.evidence import Baseline, MetricContent
from resilibot.reason.quantities import badness
from resilibot.runtime.testing import NOON

TAINTED = Baseline(median=0.06, mad=0.03, low=0.0, high=60.05, count=10)  # its last point was the trouble's first


def errors(threshold: float | None, comparison: str | None = "GreaterThanThreshold") -> MetricContent:
    return MetricContent(
        namespace="Shop",
        name="ErrorRate",
        statistic="Average",
        period_s=10,
        dimensions={},
        is_alarm_metric=True,
        component="orders",
        baseline=TAINTED,
        points=[(NOON + timedelta(seconds=10 * n), 60.04) for n in range(9)],
        threshold=threshold,
        comparison=comparison,
    )


def test_a_range_that_holds_the_first_moment_of_the_trouble_does_not_excuse_what_the_alarm_calls_bad() -> None:
    """Found by the simulation: an incident was resolved while 60 % of all requests failed."""
    assert badness(errors(5.0), 60.04, TAINTED) > 100


@pytest.mark.parametrize("content", [errors(None), errors(5.0, None), errors(5.0, "LessThanThreshold"), errors(80.0)])
def test_without_an_alarm_that_calls_it_bad_the_range_seen_while_healthy_counts(content: MetricContent) -> None:
    assert badness(content, 60.04, TAINTED) == 0


def test_a_threshold_that_the_healthy_median_is_beyond_calls_nothing_bad() -> None:
    assert badness(errors(0.01), 60.04, TAINTED) == 0
