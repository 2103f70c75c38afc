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


class Signal(Value):
    """One accepted signal. `source_id` is the sender's own message id and makes a redelivery recognisable."""

    source: str  # cloudwatch, manual
    source_id: str
    name: str  # the alarm's name
    state: SignalState
    title: str = Field(max_length=512)
    reason: str = Field(default="", max_length=2048)  # untrusted text
    resource: ResourceRef
    metric: MetricRef | None = None
    fired_at: UtcTime
    severity: Severity
    severity_rule: str
    tags: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    environment: str | None = None  # production, staging ...: where the sender tells it
