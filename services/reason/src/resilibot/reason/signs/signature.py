"""signature: what a signature is, and what metrics and loads of a database can say for or against one. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resilibot.reason.moves import BUSY, GROWN, level, rise
from resilibot.reason.now import Now, waits_of
from resilibot.reason.scene import Measured, Reported

CAUSE, CONSEQUENCE, METRIC = 0.8, 0.4, 0.15  # what a text that names a cause, or an effect, and a metric are worth
LIKELY = CAUSE - 0.15  # a text that names a cause which may itself have one
AGAINST = 0.5  # what a metric that contradicts a text, or a cause that explains it, takes away
EMPTY, NEARLY_EMPTY = 0.05, 0.1  # of what was free at first
RISEN, FALLEN = 1.25, 0.7  # times: of something that has a limit, or that stays without a failure

Metrics = Callable[[Now], list[Measured]]
Loads = Callable[[Now], list[Reported]]


def no_metrics(_: Now) -> list[Measured]:
    return []


def no_load(_: Now) -> list[Reported]:
    return []


@dataclass(frozen=True)
class Signature:
    """`mechanism` may name {object}: what the pattern's groups found, {who}: who said it, {pod}, {node},
    {service}, and {kind}: the group of that name.

    Groups `why…` are told in brackets, whatever the mechanism is; what a group takes is repeated, so it is
    a name or fixed words, never free text. Without a text `told_by` suffices: metrics, and a
    database's load if `load` is given.
    """

    cause: str
    category: str
    weight: float
    says: re.Pattern[str]
    mechanism: str
    metrics: Metrics = no_metrics  # those that agree
    against: Metrics = no_metrics  # those that contradict
    told_by: Metrics = no_metrics  # those that suffice without any text
    load: Loads = no_load  # of a database, that agrees, and suffices with told_by
    unless: re.Pattern[str] | None = None  # a text of now that names something nearer
    explains: frozenset[str] = frozenset()  # causes that only follow from this one
    of_states: bool = False  # only a resource's own word counts: a log line may quote anything
    of_trouble: bool = False  # not what is logged as information: a call that was tried again and went well
    of_errors: bool = False  # only what is logged as an error
    of_change: bool = False  # a cause only of what is told to go wrong, or seen to: changes are made all day
    otherwise: str = "{service}"  # of the object, when no text names one


def says(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def when(*wanted: tuple[str, Callable[[Measured], bool]]) -> Metrics:
    return lambda now: [m for name, holds in wanted if (m := now.metric(name)) is not None and holds(m)]


def all_of(*wanted: tuple[str, Callable[[Measured], bool]]) -> Metrics:
    """Those of `when`, if each of them holds."""

    def found(now: Now) -> list[Measured]:
        held = when(*wanted)(now)
        return held if len(held) == len(wanted) else []

    return found


def waiting(pattern: str) -> Loads:
    """Loads of a database whose leading wait is one of these."""
    wait = says(pattern)

    def found(now: Now) -> list[Reported]:
        loads = now.of_kind("database-load")
        return [load for load in loads if any(wait.match(name) for name in _leading(load)[:1])]

    return found


def either(*ways: Metrics) -> Metrics:
    """What the first of these finds that finds anything."""
    return lambda now: next((found for way in ways if (found := way(now))), [])


def busy(metric: Measured) -> bool:
    return (level(metric) or 0.0) >= BUSY


def grown(metric: Measured) -> bool:
    return rise(metric) >= GROWN


def risen(metric: Measured) -> bool:
    return rise(metric) > RISEN


def fallen(metric: Measured) -> bool:
    return rise(metric) < FALLEN


def gone(metric: Measured) -> bool:
    return rise(metric) <= EMPTY


def drained(metric: Measured) -> bool:
    """Of what is free a tenth or less is left at the end of the window, or next to nothing for half of it."""
    values = [value for _, value in metric.content.points]
    return gone(metric) or values[-1] <= NEARLY_EMPTY * values[0]


def calm(metric: Measured) -> bool:
    return not grown(metric)


def plenty(metric: Measured) -> bool:
    """What is free neither shrank to a third nor is it near nothing."""
    return rise(metric) > 1 / GROWN


def below(limit: float) -> Callable[[Measured], bool]:
    return lambda metric: (reached := level(metric)) is not None and reached <= limit


def above(limit: float) -> Callable[[Measured], bool]:
    return lambda metric: (reached := level(metric)) is not None and reached >= limit


def _leading(load: Reported) -> Sequence[str]:
    return waits_of({"wait_events": load.status.detail.get("top_wait_events")})
