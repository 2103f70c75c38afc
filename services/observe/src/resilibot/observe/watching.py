"""watching: whether a watch has found something, and whether that is over. Pure.

Hysteresis twice: `needed` of the `of` newest points must agree, and what is taken back must be well inside of what
called for it: half the distance of an anomaly, half as far again as the horizon of a forecast. In between, and where
points are missing, everything stays as it is: silence is never taken for health.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from resilibot.contracts.canonical import content_hash
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.events import FindingEndedV1, FindingRaisedV1, Forecast, Usual, Watched
from resilibot.contracts.evidence import Window
from resilibot.observe import forecast, seasonal
from resilibot.observe.baseline import Points
from resilibot.observe.watches import MIN_POINTS, AnomalyWatch, ExhaustionWatch, Watch

Side = Literal["above", "below"]
SIDES: tuple[Side, ...] = ("above", "below")
BEYOND = 1.5  # horizons: a forecast is taken back only when its limit is further away than this
HOUR_S = 3600.0


@dataclass(frozen=True)
class Look:
    """The newest points, and of each: on which side it is bad, and from which side it would be called back."""

    points: tuple[tuple[datetime, float], ...]
    bad: tuple[Side | None, ...]
    back: Mapping[Side, tuple[bool, ...]]
    bounds: Mapping[Side, float]
    usual: Usual | None = None
    forecasts: tuple[Forecast | None, ...] = field(default=())

    @property
    def value(self) -> float:
        return self.points[-1][1]


def open_finding(events: Sequence[RecordedEvent]) -> FindingRaisedV1 | None:
    """The finding of a watch's stream that has not ended."""
    found = None
    for recorded in events:
        event = recorded.readable
        if isinstance(event, FindingRaisedV1):
            found = event
        elif isinstance(event, FindingEndedV1):
            found = None
    return found


def look(watch: Watch, points: Points, now: datetime) -> Look | None:
    """What the points say; None when too few of them are new, or too little is known of what is usual.

    A period that has not ended yet says nothing: its sum is still growing.
    """
    period = timedelta(seconds=watch.period_s)
    complete = [(at, value) for at, value in sorted(points) if at + period <= now and math.isfinite(value)]
    judged = [(at, value) for at, value in complete[-watch.of :] if at > now - 2 * watch.of * period - period]
    if len(judged) < watch.of:
        return None
    if isinstance(watch, AnomalyWatch):
        return _anomaly(watch, complete, judged)
    return _exhaustion(watch, complete, judged)


def found_side(watch: Watch, seen: Look) -> Side | None:
    return next((side for side in SIDES if seen.bad.count(side) >= watch.needed), None)


def is_over(watch: Watch, seen: Look, side: Side) -> bool:
    """Enough of the points are back, the newest among them."""
    back = seen.back.get(side)
    return back is not None and back[-1] and sum(back) >= watch.needed


def decide(
    watch: Watch, watched: Watched, seen: Look, known: FindingRaisedV1 | None, query: dict[str, Any], window: Window
) -> list[DomainEvent]:
    """At most one event: one finding of a watch is open at a time."""
    if known is None:
        side = found_side(watch, seen)
        return [_raised(watch, watched, seen, side, query, window)] if side else []
    if known.watched.metric != watched.metric or known.side not in seen.back:
        return [withdrawn(known)]  # it was about another metric, or a limit on the other side
    if not is_over(watch, seen, known.side):
        return []
    summary = f"{_named(known.watched)} is {_say(seen.value)}, and as usual again"
    if known.watched.kind == "exhaustion":
        summary = f"{_named(known.watched)} is {_say(seen.value)}, and no longer on its way to {_say(known.bound)}"
    return [FindingEndedV1(watched=known.watched, why="back", summary=summary[:500], points=list(seen.points))]


def withdrawn(known: FindingRaisedV1) -> FindingEndedV1:
    summary = f"{_named(known.watched)} is not watched any more"
    return FindingEndedV1(watched=known.watched, why="withdrawn", summary=summary[:500])


def _anomaly(watch: AnomalyWatch, complete: Points, judged: Points) -> Look | None:
    began = judged[0][0]
    since = began - timedelta(seconds=watch.history_s)
    history = [(at, value) for at, value in complete if since <= at < began]
    usuals: list[Usual] = []
    for at, _ in judged:
        if usuals and watch.season_s is None:
            usuals.append(usuals[0])
            continue
        usual = seasonal.usual_at(history, at, watch.season_s, watch.period_s, watch.metric)
        if usual is None:
            return None
        usuals.append(usual)
    allowed = {"up": ("above",), "down": ("below",), "both": SIDES}[watch.direction]
    sides = [
        seasonal.side_of(value, usual, watch.smallest_change) for (_, value), usual in zip(judged, usuals, strict=True)
    ]
    back: dict[Side, tuple[bool, ...]] = {
        side: tuple(seasonal.is_back(value, usual, side) for (_, value), usual in zip(judged, usuals, strict=True))
        for side in SIDES
    }
    bad = tuple(next((side for side in SIDES if side == one and side in allowed), None) for one in sides)
    bounds: dict[Side, float] = {"above": usuals[-1].high, "below": usuals[-1].low}
    return Look(tuple(judged), bad, back, bounds, usual=usuals[-1])


def _exhaustion(watch: ExhaustionWatch, complete: Points, judged: Points) -> Look:
    side: Side = "above" if watch.direction == "up" else "below"
    horizon_s = watch.horizon_h * HOUR_S
    bad: list[Side | None] = []
    back: list[bool] = []
    forecasts: list[Forecast | None] = []
    for at, value in judged:
        since = at - timedelta(seconds=watch.history_s)
        window = [(when, one) for when, one in complete if since <= when <= at]
        trend = forecast.rising(window if side == "above" else forecast.mirrored(window))
        is_reached = value >= watch.limit if side == "above" else value <= watch.limit
        told = _told(trend, watch) if trend and not is_reached else None
        until_s = (told.eta - at).total_seconds() if told else None
        bad.append(side if is_reached or (until_s is not None and until_s <= horizon_s) else None)
        is_far = until_s is None or until_s > BEYOND * horizon_s
        back.append(not is_reached and is_far and len(window) >= MIN_POINTS)
        forecasts.append(told)
    return Look(tuple(judged), tuple(bad), {side: tuple(back)}, {side: watch.limit}, forecasts=tuple(forecasts))


def _told(trend: forecast.Trend, watch: ExhaustionWatch) -> Forecast:
    """In the metric's own direction: a downward trend was fitted to mirrored values."""
    sign = 1 if watch.direction == "up" else -1
    earliest, expected, last = trend.until_s(sign * watch.limit)
    return Forecast(
        limit=watch.limit,
        level=sign * trend.level,
        rate_per_hour=sign * trend.rate * HOUR_S,
        rate_low_per_hour=sign * trend.rate_low * HOUR_S,
        rate_high_per_hour=sign * trend.rate_high * HOUR_S,
        spread=trend.spread,
        count=trend.count,
        eta=trend.at + timedelta(seconds=expected),
        earliest=trend.at + timedelta(seconds=earliest),
        latest=trend.at + timedelta(seconds=last),
    )


def _raised(
    watch: Watch, watched: Watched, seen: Look, side: Side, query: dict[str, Any], window: Window
) -> FindingRaisedV1:
    found = seen.bad.count(side)
    told = _newest_forecast(seen)
    content = {"points": list(seen.points), "usual": seen.usual, "forecast": told}
    raised = FindingRaisedV1.model_validate(
        {
            "watched": watched,
            "side": side,
            "summary": _summary(watched, seen, side, found, told)[:500],
            "value": seen.value,
            "bound": seen.bounds[side],
            "found": found,
            "of": watch.of,
            "window": window,
            "query": query,
            "content_hash": "0" * 64,
            **content,
        }
    )
    return raised.model_copy(update={"content_hash": content_hash(raised.content())})


def _newest_forecast(seen: Look) -> Forecast | None:
    """Of the newest point that tells a time; none once the newest has reached the limit."""
    told = [one for one, bad in zip(seen.forecasts, seen.bad, strict=False) if bad]
    if not told or (seen.bad[-1] and told[-1] is None):
        return None
    return next((one for one in reversed(told) if one), None)


def _summary(watched: Watched, seen: Look, side: Side, found: int, told: Forecast | None) -> str:
    begun = f"{_named(watched)} is {_say(seen.value)}"
    if seen.usual is not None:
        usual, bound = _say(seen.usual.median), _say(seen.bounds[side])
        reach = "up to" if side == "above" else "down to"
        return f"{begun}, {side} the usual {usual} ({reach} {bound} at this time), at {found} of {len(seen.bad)} points"
    limit = _say(seen.bounds[side])
    if told is None:
        return f"{begun} and has reached the limit {limit}, at {found} of {len(seen.bad)} points"
    at = seen.points[-1][0]
    first, expected, last = ((when - at).total_seconds() / HOUR_S for when in (told.earliest, told.eta, told.latest))
    between = f"between {_say(first)} and {_say(last)} h"
    return f"{begun} and reaches {limit} in about {_say(expected)} h ({between}), at {_say(told.rate_per_hour)} an hour"


def _named(watched: Watched) -> str:
    return f"{watched.metric.name} of {watched.service}"


def _say(value: float) -> str:
    return f"{value:.4g}"
