"""moves: how far a metric went from where its window began, for what has no healthy baseline. Pure."""

import re
from statistics import median

from resilibot.reason.scene import Measured

STEADY = 2.0  # times: less is no move
GROWN = 3.0  # times: load that moves less is its own noise
BUSY = 80.0  # percent of a CPU: saturated
_HURTS = re.compile(r"latency|lag|queue|swap")


def level(metric: Measured | None) -> float | None:
    """The median of the second half of the window."""
    if metric is None or not metric.content.points:
        return None
    values = [value for _, value in metric.content.points]
    return median(values[len(values) // 2 :])


def rise(metric: Measured | None) -> float:
    """The level in multiples of where the window began: of its first points the one farthest from now. 1 is steady."""
    now = level(metric)
    if metric is None or now is None:
        return 1.0
    first = [value for _, value in metric.content.points][:3]
    start = max(first, key=lambda value: abs(value - now))
    return now / start if start > 0 else (1.0 if now <= 0 else float("inf"))


def is_calm(metric: Measured, *, is_over: bool = False) -> bool:
    """Nothing that hurts is up, nothing that is needed runs out; load may move, after a recovery as it likes."""
    name, moved = metric.content.name, rise(metric)
    if name == "CPUUtilization":
        return (level(metric) or 0.0) < BUSY
    if name.startswith("Free"):
        return moved > 1 / STEADY
    if _HURTS.search(name.lower()):
        return moved < STEADY
    return is_over or 1 / GROWN < moved < GROWN


def is_steady(metric: Measured) -> bool:
    return 1 / STEADY < rise(metric) < STEADY
