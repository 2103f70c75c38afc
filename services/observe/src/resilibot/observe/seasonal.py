"""seasonal: what is usual for a metric at this time of the day or week. Pure.

Pooled are the history's points at the same time of each season, and a little around it. Without a season, each dozen
of points that follow each other is a group, as each season is with one.

    median       of all of them
    spread       per side: the largest of
                   1.4826 MAD,
                   the median of how far the groups reach to this side, over what n points of normal noise reach,
                   a floor relative to the median
    usual range  median and DEVIATES spreads to each side

Median and MAD per time of the season are those of seasonal-hybrid ESD (Hochenbaum, Vallis and Kejariwal, "Automatic
Anomaly Detection in the Cloud Via Statistical Learning", 2017). The second term is for what is quiet most of the time
and not always: a job that runs every night fills a part of its hour, and is usual. It takes the median over the groups,
so that the trouble of one odd day among several does not become usual. The floor makes a metric that never moves
quiet. It is relative, so findings do not change with the unit; they do with an offset.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from statistics import NormalDist, median

from resilibot.contracts.events import Usual
from resilibot.contracts.quantity import AVAILABILITY_FLOOR, DEVIATES, MAD_TO_SIGMA, Quantity, quantity_of
from resilibot.observe.baseline import FLOOR_RATIO, Points
from resilibot.observe.watches import MIN_POINTS, MIN_SEASONS

SLOT_S = 1800.0  # of the same time of the season
NEIGHBOURS = 1  # slots before and after, pooled with it: a few seasons alone hold too few points
GROUP = 12  # points, without a season
MIN_GROUP = 2  # one point reaches nowhere
BACK = 0.5  # of the usual range: what left it is back only well inside of it


def usual_at(points: Points, at: datetime, season_s: float | None, period_s: float, metric: str = "") -> Usual | None:
    """What is usual at this time, by earlier points; None where too little is known. `season_s` None: at any time.

    metric: its name tells whether it is an availability: near 100 percent a twentieth of it is no small move.
    """
    earlier = [(when, value) for when, value in sorted(points) if when < at]
    groups = _blocks(earlier) if season_s is None else _seasons(earlier, at, season_s, period_s)
    values = [value for group in groups for value in group]
    if len(values) < MIN_POINTS or (season_s is not None and len(groups) < MIN_SEASONS):
        return None
    middle = median(values)
    ratio = AVAILABILITY_FLOOR if quantity_of(metric) is Quantity.AVAILABILITY else FLOOR_RATIO
    least = max(MAD_TO_SIGMA * median(abs(value - middle) for value in values), ratio * abs(middle), 1e-9)
    reaching = [group for group in groups if len(group) >= MIN_GROUP]
    below = max(least, _reach([(middle - min(group), len(group)) for group in reaching]))
    above = max(least, _reach([(max(group) - middle, len(group)) for group in reaching]))
    return Usual(
        median=middle,
        spread_below=below,
        spread_above=above,
        low=middle - DEVIATES * below,
        high=middle + DEVIATES * above,
        count=len(values),
    )


def side_of(value: float, usual: Usual, smallest_change: float = 0.0) -> str | None:
    """`above` or `below` when the value is outside of the usual range, else None."""
    if usual.low <= value <= usual.high or abs(value - usual.median) < smallest_change:
        return None
    return "above" if value > usual.median else "below"


def is_back(value: float, usual: Usual, side: str) -> bool:
    """Well inside of the usual range again, or on the other side of it."""
    if side == "above":
        return value <= usual.median + BACK * (usual.high - usual.median)
    return value >= usual.median - BACK * (usual.median - usual.low)


def _seasons(points: Points, at: datetime, season_s: float, period_s: float) -> list[list[float]]:
    """The points near the same time of each earlier season."""
    reach_s = max(SLOT_S, period_s) * (NEIGHBOURS + 0.5)
    seasons: dict[int, list[float]] = defaultdict(list)
    for when, value in points:
        ago_s = (at - when).total_seconds()
        number = round(ago_s / season_s)
        if number and abs(ago_s - number * season_s) <= reach_s:
            seasons[number].append(value)
    return list(seasons.values())


def _blocks(points: Points) -> list[list[float]]:
    """From the newest back, so that none of them is short but the oldest."""
    values = [value for _, value in points]
    return [values[max(end - GROUP, 0) : end] for end in range(len(values), 0, -GROUP)]


def _reach(reaches: Sequence[tuple[float, int]]) -> float:
    """How far groups of these sizes reach from the median, as the standard deviation of normal noise that does so."""
    if not reaches:
        return 0.0
    return median(far / NormalDist().inv_cdf(0.5 ** (1 / size)) for far, size in reaches)
