"""observe, on `watch#<id>`: what a declared watch found in its metric, and the end of it.

Which watches are in force stands on `control#watches`.
"""

from typing import Any, ClassVar, Literal

from pydantic import Field

from resilibot.contracts.canonical import content_hash
from resilibot.contracts.event import Category, DomainEvent, EmitterName, UtcTime, Value
from resilibot.contracts.evidence import Window
from resilibot.contracts.signal import MetricRef, Severity

WatchKind = Literal["anomaly", "exhaustion"]


class Watched(Value):
    """What is watched, and what a finding is about. Enough to ask for the metric again."""

    watch_id: str
    kind: WatchKind
    metric: MetricRef
    service: str
    arn: str | None = None
    account: str = ""
    region: str = ""
    severity: Severity = Severity.LOW


class Usual(Value):
    """What is usual for a metric at one time: what lies outside of `low` to `high` is not. From `count` points.

    The spreads are as standard deviations, of each side by itself.
    """

    median: float
    spread_below: float
    spread_above: float
    low: float
    high: float
    count: int


class Forecast(Value):
    """When a trend reaches its limit. Rates are in the metric's unit per hour; they lead towards the limit.

    `earliest` to `latest`: from the 99 % interval of the rate and one spread of the points around the trend.
    """

    limit: float
    level: float  # of the trend, at the newest point
    rate_per_hour: float
    rate_low_per_hour: float
    rate_high_per_hour: float
    spread: float  # of the points around the trend, as a standard deviation
    count: int  # points that the trend was fitted to
    eta: UtcTime
    earliest: UtcTime
    latest: UtcTime


class WatchesActivatedV1(DomainEvent):
    """On `control#watches`: these watches are in force from here on. Written before the first round by them."""

    emitter: ClassVar[EmitterName] = "observe"
    category: ClassVar[Category] = "control"
    version: str  # hash of the content
    origin: str  # the file's name
    watches: dict[str, Any]  # by id, each declaration whole, so that the log says what was watched


class FindingRaisedV1(DomainEvent):
    """A watch found something: `found` of the `of` newest points say so. One finding of a watch is open at a time.

    `bound`: what was crossed: the edge of the healthy range, or the limit that the trend leads to (or has reached:
    then there is no forecast). `content_hash` covers points, usual and forecast; `query` asks for the points again.
    """

    emitter: ClassVar[EmitterName] = "observe"
    category: ClassVar[Category] = "watch"
    watched: Watched
    side: Literal["above", "below"]
    summary: str = Field(max_length=500)
    value: float  # of the newest point
    bound: float
    found: int = Field(ge=1)
    of: int = Field(ge=1)
    points: list[tuple[UtcTime, float]]  # those judged, oldest first
    window: Window  # all that was read
    query: dict[str, Any]
    usual: Usual | None = None  # anomaly: at the newest point's time
    forecast: Forecast | None = None
    content_hash: str = Field(pattern=r"^[0-9a-f]{64}$")

    def content(self) -> dict[str, Any]:
        """What the hash covers."""
        return self.model_dump(mode="json", include={"points", "usual", "forecast"})

    def is_intact(self) -> bool:
        """True if the content still has the recorded hash."""
        return content_hash(self.content()) == self.content_hash


class FindingEndedV1(DomainEvent):
    """What the watch had found is over, or nobody watches any more."""

    emitter: ClassVar[EmitterName] = "observe"
    category: ClassVar[Category] = "watch"
    watched: Watched  # as it was found
    why: Literal["back", "withdrawn"]
    summary: str = Field(max_length=500)
    points: list[tuple[UtcTime, float]] = Field(default_factory=list)  # those judged; withdrawn: none
