"""baseline: what healthy looks like, and when it stopped. Pure; median and MAD, as blips must not move them.

Source: robust baselines after BARO (Pham et al., FSE 2024): median and spread by rank, with a floor on the scale,
since quiet metrics have none.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

from resilibot.contracts.evidence import Baseline
from resilibot.contracts.quantity import DEVIATES, MAD_TO_SIGMA

Points = Sequence[tuple[datetime, float]]

MIN_POINTS = 5  # fewer tell nothing about what is healthy
FLOOR_RATIO = 0.05  # of the median: smaller moves are never called deviations
EXCURSION = 3  # points
EXTREME = 40  # one value in so many is left out of the range, at each end
SUSTAINED = 5  # points in a row, not more than MIN_POINTS
RARELY = 0.05  # of the healthy windows
MARGIN = timedelta(seconds=2)  # what rises into trouble, and falls out of it


def summarise(points: Points) -> Baseline | None:
    """Robust statistics of healthy points; None when there are too few.

    A sustained excursion (EXCURSION points in a row far off, or any that the points begin with: nobody knows how long
    it had lasted) is an earlier incident, not health, and is left out; a single spike is the metric's own noise, and
    stays.
    """
    first = _statistics([value for _, value in points])
    if first is None:
        return None
    kept: list[float] = []
    run: list[float] = []
    for _, value in sorted(points):
        if abs(value - first.median) > DEVIATES * scale(first):
            run.append(value)
            continue
        kept += run if kept and len(run) < EXCURSION else []
        kept.append(value)
        run = []
    kept += run if len(run) < EXCURSION else []
    return _statistics(kept)


def troubled(points: Points, threshold: float | None, comparison: str | None) -> list[tuple[datetime, datetime]]:
    """When the alarm's own metric was beyond its threshold for EXCURSION points in a row: earlier trouble, not health.

    So it was at the first of the points, however few: they may be the last of many. Those times are no baseline for
    any metric. A single spike beyond a threshold set too low is not trouble. Nothing is troubled when the alarm does
    not say which side is bad.
    """
    if threshold is None or comparison is None:
        return []
    is_above = comparison.startswith("GreaterThan")
    spans: list[tuple[datetime, datetime]] = []
    run: list[datetime] = []
    ordered = sorted(points)
    for at, value in [*ordered, (datetime.max.replace(tzinfo=UTC), None)]:
        if value is not None and (value >= threshold if is_above else value <= threshold):
            run.append(at)
            continue
        if len(run) >= EXCURSION or (run and run[0] == ordered[0][0]):
            spans.append((run[0] - MARGIN, run[-1] + MARGIN))
        run = []
    return spans


def calm(points: Points, spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, float]]:
    """The points outside of these spans."""
    return [(at, value) for at, value in points if not any(start <= at <= end for start, end in spans)]


def _statistics(values: Sequence[float]) -> Baseline | None:
    if len(values) < MIN_POINTS:
        return None
    middle = median(values)
    mad = median(abs(value - middle) for value in values)
    ranked, cut = sorted(values), len(values) // EXTREME  # one bad second in a healthy hour is no healthy value
    low, high = _sustained(values)
    return Baseline(
        median=middle,
        mad=mad,
        low=ranked[cut],
        high=ranked[-1 - cut],
        count=len(values),
        sustained_low=low,
        sustained_high=high,
    )


def _sustained(values: Sequence[float]) -> tuple[float, float]:
    """The range that the second most extreme of SUSTAINED points in a row keeps in all but RARELY of the windows.

    The healthy distribution of the very statistic that an incident is judged by (a conformal threshold), so that a
    metric which is noisy by nature is judged by its own noise. At least MIN_POINTS values, in the order of time.
    """
    windows = [sorted(values[start : start + SUSTAINED]) for start in range(len(values) - SUSTAINED + 1)]
    lows, highs = sorted(window[1] for window in windows), sorted(window[-2] for window in windows)
    cut = int(RARELY * len(windows))
    return lows[cut], highs[-1 - cut]


def scale(baseline: Baseline) -> float:
    """One unit of deviation: 1.4826 MAD, but never below a floor relative to the median (or the range)."""
    floor = max(FLOOR_RATIO * abs(baseline.median), 0.01 * max(abs(baseline.low), abs(baseline.high)), 1e-9)
    return max(MAD_TO_SIGMA * baseline.mad, floor)


def is_outside(value: float, baseline: Baseline) -> bool:
    """Beyond the values seen while healthy, and by more than a few scales."""
    far = abs(value - baseline.median) > DEVIATES * scale(baseline)
    return far and not baseline.low <= value <= baseline.high


def onset(
    points: Points, fired_at: datetime, guard: datetime, spans: Sequence[tuple[datetime, datetime]] = ()
) -> datetime:
    """When the alarm's metric left its baseline: the start of the last run of deviating points up to the alarm.

    `guard`: the start of the period that the alarm judged. Points before it, outside of the troubled `spans`, give the
    baseline; it is also the answer when the metric never left the baseline, or there is none.
    """
    earlier = guard - (fired_at - guard)  # trouble may begin a little before the period that tripped the alarm
    before = calm([(at, value) for at, value in points if at < guard], spans)
    baseline = summarise([(at, value) for at, value in before if at < earlier]) or summarise(before)
    if baseline is None:
        return guard
    start = None
    healthy_in_a_row = 0
    for at, value in sorted(points, reverse=True):
        if at > fired_at:
            continue
        if is_outside(value, baseline):
            start = at
            healthy_in_a_row = 0
        else:
            healthy_in_a_row += 1
            if healthy_in_a_row == 3:  # a single good point inside the trouble does not end the run
                break
    return start or guard
