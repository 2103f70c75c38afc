"""seasonal: what is usual for a metric at this time of the day or week. Pure.

    usual(t)   = median of the history's points at the same time of the season, and a little around it
    spread(t)  = 1.4826 MAD of them, never below the floors of `baseline.scale`
    range(t)   = from the second lowest of the seasons' lowest to the second highest of their highest points

A point is outside when it is more than DEVIATES spreads off and beyond that range. Median and MAD per time of the
season are those of robust seasonal decompositions (seasonal-hybrid ESD, Hochenbaum, Vallis and Kejariwal 2017, takes
the median for the trend and MAD for the spread); the range lets a batch job that runs every night be usual though it
fills only part of its hour, and one odd day of several does not widen it.

The floors make a metric that never moves quiet: a move of less than a twentieth of its median says nothing. They are
relative, so findings do not change with the unit; they do with an offset.
"""

from collections import defaultdict
from datetime import datetime
from statistics import median

from resilibot.contracts.evidence import Baseline
from resilibot.observe.baseline import DEVIATES, MIN_POINTS, Points, is_outside, scale, summarise
from resilibot.observe.watches import MIN_SEASONS

SLOT_S = 1800.0  # of the same time of the season
NEIGHBOURS = 1  # slots before and after, pooled with it: a few seasons alone hold too few points
BACK = DEVIATES / 2  # scales: what left the usual is back only well inside of it


def usual_at(points: Points, at: datetime, season_s: float | None, period_s: float) -> Baseline | None:
    """What is usual at this time, by earlier points; None where too little is known. `season_s` None: at any time."""
    earlier = [(when, value) for when, value in points if when < at]
    if season_s is None:
        return summarise(earlier)
    reach_s = max(SLOT_S * (NEIGHBOURS + 0.5), period_s * (NEIGHBOURS + 0.5))
    seasons: dict[int, list[float]] = defaultdict(list)
    for when, value in earlier:
        ago_s = (at - when).total_seconds()
        number = round(ago_s / season_s)
        if number and abs(ago_s - number * season_s) <= reach_s:
            seasons[number].append(value)
    values = [value for season in seasons.values() for value in season]
    if len(seasons) < MIN_SEASONS or len(values) < MIN_POINTS:
        return None
    middle = median(values)
    return Baseline(
        median=middle,
        mad=median(abs(value - middle) for value in values),
        low=sorted(min(season) for season in seasons.values())[1],
        high=sorted(max(season) for season in seasons.values())[-2],
        count=len(values),
    )


def side_of(value: float, usual: Baseline, smallest_change: float = 0.0) -> str | None:
    """`above` or `below` when the value is outside of the usual, else None."""
    if not is_outside(value, usual) or abs(value - usual.median) < smallest_change:
        return None
    return "above" if value > usual.median else "below"


def is_back(value: float, usual: Baseline, side: str) -> bool:
    """Well inside of the usual again, or on the other side of it."""
    off = value - usual.median if side == "above" else usual.median - value
    return off <= BACK * scale(usual) or usual.low <= value <= usual.high


def edge(usual: Baseline, side: str) -> float:
    """Where the usual ends on this side."""
    off = DEVIATES * scale(usual)
    return max(usual.high, usual.median + off) if side == "above" else min(usual.low, usual.median - off)
