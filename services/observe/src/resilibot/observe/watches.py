"""watches: what the owner declares to be watched between alarms. Pure but for read_watches().

A TOML file, RESILIBOT_WATCH_FILE:

    account = "000000000000"                # optional: written on the signals, as alarms carry it
    region = "eu-west-1"

    [[watches]]
    id = "orders-latency"
    kind = "anomaly"                        # far from what is usual at this time of the day
    namespace = "Shop"
    metric = "Latency"
    dimensions = { Service = "orders" }
    service = "orders"
    direction = "up"                        # up, down or both
    season = "daily"                        # none, daily or weekly

    [[watches]]
    id = "orders-disk"
    kind = "exhaustion"                     # a trend that reaches its limit within the horizon
    namespace = "CWAgent"
    metric = "disk_used_percent"
    dimensions = { InstanceId = "i-0a1b2c3d" }
    service = "orders"
    limit = 90
    horizon_h = 24

docs/watches.md tells the further fields. The findings of a watch are of severity LOW unless it says otherwise.
"""

import tomllib
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from resilibot.contracts.canonical import content_hash
from resilibot.contracts.event import Value
from resilibot.contracts.events import Watched
from resilibot.contracts.faults import words_of
from resilibot.contracts.signal import MetricRef, Severity

DAY_H = 24
SEASON_H = {"none": 0, "daily": DAY_H, "weekly": 7 * DAY_H}
MIN_SEASONS = 3  # two tell nothing apart from one odd day
MIN_POINTS = 12  # of a history: fewer show neither a spread nor a trend
MAX_WATCHES = 100
MAX_POINTS = 100_800  # that CloudWatch gives in one answer: a round is one request
HIGH_RESOLUTION_S = (1, 5, 10, 30)


class WatchesInvalid(Exception):
    """The file cannot be read as watches; the message names the file, the watch and the field."""

    code = "watches_invalid"


class _Watch(Value):
    """`needed` of the `of` newest points must agree before anything is said, and before it is taken back."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    namespace: str = Field(min_length=1, max_length=255)
    metric: str = Field(min_length=1, max_length=255)
    statistic: str = Field(default="Average", min_length=1, max_length=64)
    dimensions: dict[str, str] = Field(default_factory=dict, max_length=30)
    period_s: int = Field(default=300, ge=1, le=DAY_H * 3600)
    service: str = Field(min_length=1, max_length=128)
    arn: str | None = Field(default=None, max_length=1024, pattern=r"^arn:")
    severity: Severity = Severity.LOW
    needed: int = Field(default=2, ge=1, le=100)
    of: int = Field(default=3, ge=1, le=100)
    history_h: float | None = Field(default=None, gt=0, le=455 * DAY_H)  # None: by kind and season

    @field_validator("period_s")
    @classmethod
    def _is_a_period(cls, period_s: int) -> int:
        if period_s not in HIGH_RESOLUTION_S and period_s % 60:
            raise ValueError("CloudWatch knows 1, 5, 10, 30 and multiples of 60 seconds")
        return period_s

    @model_validator(mode="after")
    def _is_a_majority(self) -> Self:
        if not self.of / 2 < self.needed <= self.of:
            raise ValueError(f"needed: more than half of the {self.of} points, and not more than them")
        if self.history_s < MIN_POINTS * self.period_s:
            raise ValueError(f"history_h: {MIN_POINTS} points of {self.period_s} s do not fit into it")
        return self

    @property
    def usual_history_h(self) -> float:
        raise NotImplementedError

    @property
    def history_s(self) -> float:
        """How far before the judged points what is usual, or the trend, is read from."""
        return (self.history_h or self.usual_history_h) * 3600

    @property
    def lookback(self) -> timedelta:
        """All that is read: the history, the judged points, and twice their number for those that are missing."""
        return timedelta(seconds=self.history_s + 2 * self.of * self.period_s)

    @property
    def ref(self) -> MetricRef:
        return MetricRef(
            namespace=self.namespace,
            name=self.metric,
            statistic=self.statistic,
            period_s=self.period_s,
            dimensions=self.dimensions,
        )


class AnomalyWatch(_Watch):
    """`smallest_change`: in the metric's unit; what differs by less from the usual is never a finding."""

    kind: Literal["anomaly"]
    direction: Literal["up", "down", "both"] = "both"
    season: Literal["none", "daily", "weekly"] = "daily"
    smallest_change: float = Field(default=0, ge=0, allow_inf_nan=False)

    @property
    def usual_history_h(self) -> float:
        return {"none": DAY_H, "daily": 7 * DAY_H, "weekly": 28 * DAY_H}[self.season]

    @property
    def season_s(self) -> float | None:
        return SEASON_H[self.season] * 3600 or None

    @model_validator(mode="after")
    def _holds_seasons(self) -> Self:
        if self.history_s < MIN_SEASONS * (self.season_s or 0):
            raise ValueError(f"history_h: {MIN_SEASONS} {self.season} seasons do not fit into it")
        return self


class ExhaustionWatch(_Watch):
    """`limit` in the metric's unit, reached from below (up) or from above (down: free bytes, days of a certificate)."""

    kind: Literal["exhaustion"]
    direction: Literal["up", "down"] = "up"
    limit: float = Field(allow_inf_nan=False)
    horizon_h: float = Field(default=DAY_H, gt=0, le=366 * DAY_H)

    @property
    def usual_history_h(self) -> float:
        return 6


Watch = AnomalyWatch | ExhaustionWatch


class Watches(Value):
    """`version` is the hash of the content: written on the log when it comes into force."""

    account: str = Field(default="", max_length=64)
    region: str = Field(default="", max_length=64)
    watches: tuple[Annotated[Watch, Field(discriminator="kind")], ...] = Field(default=(), max_length=MAX_WATCHES)

    @model_validator(mode="after")
    def _fits_one_round(self) -> Self:
        twice = sorted(name for name, count in Counter(watch.id for watch in self.watches).items() if count > 1)
        if twice:
            raise ValueError(f"id: {twice[0]} is there twice")
        furthest_s = self.lookback.total_seconds()
        points = sum(furthest_s / watch.period_s for watch in self.watches)
        if points > MAX_POINTS:
            raise ValueError(
                f"a round would read {points:.0f} points, CloudWatch gives {MAX_POINTS} at once: "
                "a longer period_s, a shorter history_h, or fewer watches"
            )
        return self

    @property
    def version(self) -> str:
        return content_hash(self.declared())[:16]

    @property
    def lookback(self) -> timedelta:
        """Of the watch that looks back furthest: all are read in one request."""
        return max((watch.lookback for watch in self.watches), default=timedelta())

    def declared(self) -> dict[str, Any]:
        """By id, as it stands on the log."""
        return {watch.id: watch.model_dump(mode="json") for watch in self.watches}

    def watched(self, watch: Watch) -> Watched:
        return Watched(
            watch_id=watch.id,
            kind=watch.kind,
            metric=watch.ref,
            service=watch.service,
            arn=watch.arn,
            account=self.account,
            region=self.region,
            severity=watch.severity,
        )


def read_watches(path: str) -> Watches:
    """The watches in a file. Raises WatchesInvalid."""
    try:
        told = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        return Watches.model_validate(told)
    except ValidationError as error:
        raise WatchesInvalid(f"{path}: {_say(error, told)}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WatchesInvalid(f"{path}: {error}") from error


def _say(error: ValidationError, told: dict[str, Any]) -> str:
    """The first thing that is wrong: whose field, and why. The kind that pydantic puts into the place is left out."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part not in ("anomaly", "exhaustion")]
    if len(place) > 1 and place[0] == "watches" and place[1].isdigit():
        declared = told["watches"][int(place[1])]
        name = declared.get("id") if isinstance(declared, dict) else None
        place[0:2] = [f"watch {name}" if isinstance(name, str) else f"watch number {int(place[1]) + 1}"]
    return f"{'.'.join(place) or 'watches'}: {words_of(first)}"
