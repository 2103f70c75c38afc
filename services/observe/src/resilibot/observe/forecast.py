"""forecast: when a trend reaches its limit; nothing where there is no trend. Pure.

Rate: the median of the slopes of all pairs of points (Theil 1950, Sen, "Estimates of the regression coefficient based
on Kendall's tau", JASA 63, 1968); up to 29 % of the points may be anything. Its 99 % interval is Sen's: of the N slopes
in order, those at (N - C) / 2 and (N + C) / 2, with C = 2.576 sqrt(n (n - 1) (2 n + 5) / 18), Kendall's variance.

That interval takes the points for independent, which a metric's are not, so three things more are asked of a trend:
the interval is on one side of zero; the rise over the window stands out of the points' spread around it; and both
halves of the window rise, at least by a third of the whole's rate: a step, or a rise that has ended, is no trend.

Level: the line through the newest points, by the median of their residuals: a disk that was cleaned, or a certificate
that was renewed, begins anew from there, long before the rate has heard of it. Time to
the limit = (limit - level) / rate; earliest with the highest rate and a level one spread nearer, latest with the lowest
rate and a level one spread further.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from statistics import median

from resilibot.contracts.quantity import DEVIATES, MAD_TO_SIGMA
from resilibot.observe.baseline import Points
from resilibot.observe.watches import MIN_POINTS

Z = 2.576  # two-sided 99 %
MOST = 48  # points fitted; of more, medians of as many equal parts: neighbours say the same, and pairs are many
HALF_RATE = 1 / 3
NEWEST = 5  # points that tell where the line stands now
LONGEST_S = 10 * 366 * 86400.0  # a time further away than ten years is none


@dataclass(frozen=True)
class Trend:
    """In units per second. `level` is that of the line at `at`, the newest point."""

    at: datetime
    level: float
    rate: float
    rate_low: float
    rate_high: float
    spread: float
    count: int

    def until_s(self, limit: float) -> tuple[float, float, float]:
        """Seconds until a limit above is reached: earliest, expected, latest. The rate and its bounds are positive."""
        gap = limit - self.level
        times = ((gap - self.spread) / self.rate_high, gap / self.rate, (gap + self.spread) / self.rate_low)
        earliest, expected, last = (min(max(seconds, 0.0), LONGEST_S) for seconds in times)
        return earliest, expected, last


def rising(points: Points) -> Trend | None:
    """The upward trend of these points (mirrored values for a downward one); None where there is none."""
    return _rising(tuple(sorted(points)))


@lru_cache(maxsize=512)  # a round judges several ends of a series, all but the newest for another time
def _rising(points: tuple[tuple[datetime, float], ...]) -> Trend | None:
    ordered = _thinned(points)
    if len(ordered) < MIN_POINTS:
        return None
    at = points[-1][0]
    xs = [(when - at).total_seconds() for when, _ in ordered]
    ys = [value for _, value in ordered]
    slopes = _slopes(xs, ys)
    if not slopes:
        return None
    rate = median(slopes)
    low, high = _interval(slopes, len(ordered))
    residuals = [y - rate * x for x, y in zip(xs, ys, strict=True)]
    middle_residual = median(residuals)
    spread = MAD_TO_SIGMA * median(abs(residual - middle_residual) for residual in residuals)
    if low <= 0 or rate * (xs[-1] - xs[0]) < DEVIATES * spread:
        return None
    middle = len(xs) // 2
    for part in (slice(None, middle), slice(middle, None)):
        if median(_slopes(xs[part], ys[part]) or [0.0]) < HALF_RATE * rate:
            return None
    return Trend(at, median(residuals[-NEWEST:]), rate, low, high, spread, len(ordered))


def mirrored(points: Points) -> list[tuple[datetime, float]]:
    return [(when, -value) for when, value in points]


def _slopes(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """Of all pairs, in order."""
    pairs = ((i, j) for i in range(len(xs)) for j in range(i + 1, len(xs)))
    return sorted((ys[j] - ys[i]) / (xs[j] - xs[i]) for i, j in pairs if xs[j] > xs[i])


def _interval(slopes: Sequence[float], n: int) -> tuple[float, float]:
    reach = Z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    first = math.floor((len(slopes) - reach) / 2)
    last = math.ceil((len(slopes) + reach) / 2)
    if first < 0 or last >= len(slopes):
        return -math.inf, math.inf
    return slopes[first], slopes[last]


def _thinned(points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """At most MOST points: the medians of equal parts of them."""
    if len(points) <= MOST:
        return list(points)
    size = math.ceil(len(points) / MOST)
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(_middle([when for when, _ in part]), median(value for _, value in part)) for part in parts]


def _middle(times: Sequence[datetime]) -> datetime:
    return times[0] + timedelta(seconds=(times[-1] - times[0]).total_seconds() / 2)
