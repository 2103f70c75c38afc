"""quantities: when a metric has left its healthy range. All constants of that here, and in the contracts' quantity.

Direction matters: errors, latency and saturation are bad when they rise, availability when it falls; traffic may
change either way without being a fault.
"""

from statistics import median

from resilibot.contracts.evidence import Baseline, MetricContent
from resilibot.contracts.quantity import AVAILABILITY_FLOOR, MAD_TO_SIGMA, Quantity, quantity_of

MIN_FRESH = 2  # points after the onset: one tells nothing
FLOOR_RATIO = {
    "errors": 0.05,
    "latency": 0.10,
    "availability": AVAILABILITY_FLOOR,
    "traffic": 0.15,
    "saturation": 0.10,
    "other": 0.10,
}
FLOOR_COUNT = {"errors": 0.5, "latency": 0.0, "availability": 0.0, "traffic": 0.0, "saturation": 0.5, "other": 0.0}


def fresh_value(content: MetricContent) -> float | None:
    """The median of the fresh points: one spike, or one unlucky second, is not the state of a service."""
    values = [value for _, value in content.points]
    return median(values) if len(values) >= MIN_FRESH else None


def scale(content: MetricContent, baseline: Baseline) -> float:
    """One unit of deviation: 1.4826 MAD, never below a floor (quiet metrics have no spread at all)."""
    quantity = quantity_of(content.name)
    floor = max(FLOOR_RATIO[quantity] * abs(baseline.median), FLOOR_COUNT[quantity])
    if content.threshold is not None and quantity is not Quantity.AVAILABILITY:
        floor = max(floor, 0.02 * abs(content.threshold))
    return max(MAD_TO_SIGMA * baseline.mad, floor, 1e-9)


def breaches(content: MetricContent, value: float) -> bool:
    """Beyond the alarm's threshold, on the side that the alarm calls bad. False when it does not say."""
    if content.threshold is None or content.comparison is None:
        return False
    if content.comparison.startswith("GreaterThan"):
        return value > content.threshold
    return content.comparison.startswith("LessThan") and value < content.threshold


def badness(content: MetricContent, value: float, baseline: Baseline) -> float:
    """Scales by which `value` lies on the bad side of the healthy median; 0 inside the range seen while healthy.

    That range may hold the first moments of the trouble: it excuses nothing that the alarm itself calls bad, unless
    the healthy median is beyond the threshold too.
    """
    is_alarming = breaches(content, value) and not breaches(content, baseline.median)
    if baseline.low <= value <= baseline.high and not is_alarming:
        return 0.0
    moved = (value - baseline.median) / scale(content, baseline)
    quantity = quantity_of(content.name)
    if quantity is Quantity.AVAILABILITY:
        return max(-moved, 0.0)
    if quantity in (Quantity.TRAFFIC, Quantity.OTHER):
        return abs(moved)
    return max(moved, 0.0)
