"""Signal and resource: an alarm in ResiliBot's own words, whatever door it came through."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from resilibot.contracts.event import UtcTime, Value


class Severity(StrEnum):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class ResourceRef(Value):
    """What the signal is about. `service` is the workload's name where the signal tells it."""

    account: str
    region: str
    service: str | None = None
    arn: str | None = None
    name: str  # human readable: "Shop Service=checkout"


class MetricRef(Value):
    """The metric an alarm watches, enough to ask CloudWatch for it again."""

    namespace: str
    name: str
    statistic: str  # CloudWatch spelling: Average, Sum, Maximum, p99 ...
    period_s: int = Field(ge=1)
    dimensions: dict[str, str] = Field(default_factory=dict)
    threshold: float | None = None
    comparison: str | None = None  # CloudWatch spelling: GreaterThanThreshold ...


SignalState = Literal["ALARM", "OK", "INSUFFICIENT_DATA"]


class RawRef(Value):
    """Where the sender's own bytes are kept: line `index` (from 0) of a blob, a JSON string of them.

    One blob holds the messages of one handled batch. `sha256` and `size_bytes` are of the message itself.
    """

    ref: str  # s3://bucket/sha256/<hash of the blob>
    index: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)


class Signal(Value):
    """One accepted signal. `source_id` is the sender's own message id and makes a redelivery recognisable.

    Every text in it comes from outside: it is data, without control and direction characters, of bounded length.
    """

    source: str  # cloudwatch, health, guardduty, alertmanager, datadog, manual ...
    source_id: str
    name: str  # the alarm's name
    identity: str = ""  # what the sender tells its signals apart by, where that is not name and metric: its own key
    door: str = Field(default="", max_length=64)  # the declared source, where it is not named after its sender
    state: SignalState
    title: str = Field(max_length=512)
    reason: str = Field(default="", max_length=2048)  # untrusted text
    resource: ResourceRef
    metric: MetricRef | None = None  # the one it watches; of several only when all are of one resource
    metrics: list[MetricRef] = Field(default_factory=list)  # all that a metric math or anomaly alarm is made of
    fired_at: UtcTime
    severity: Severity
    severity_rule: str  # which rule set it: "alertmanager:severity=page"
    environment: str | None = None  # production, staging ...: where the sender tells it
    tags: dict[str, str] = Field(default_factory=dict)  # the sender's labels
    links: list[str] = Field(default_factory=list)  # https only; never fetched
    raw: RawRef | None = None  # None: opened by hand
