"""Evidence: what observe saw, how it asked, and what it could not see."""

from typing import Any, Literal

from pydantic import Field

from resilibot.contracts.canonical import content_hash
from resilibot.contracts.event import UtcTime, Value

EvidenceKind = Literal["metric", "log", "change", "status", "topology", "runbook", "similar_incident"]


class Window(Value):
    start: UtcTime
    end: UtcTime


class EvidenceItem(Value):
    """One observation. `query` repeats it exactly; `content` is inline, or `content_ref` says where it lies."""

    id: str = Field(pattern=r"^r[0-9]+\.[a-z_]+\.[0-9]+$")  # r<round>.<kind>.<n>
    kind: EvidenceKind
    summary: str = Field(max_length=1000)
    source: str  # the API or store that was asked: cloudwatch, logs, ssm, parameter-store ...
    query: dict[str, Any]
    window: Window | None = None
    content: dict[str, Any] | None = None
    content_ref: str | None = None  # s3://bucket/key under its own content hash
    content_hash: str

    def is_intact(self) -> bool:
        """True if the inline content still has the recorded hash (content elsewhere is checked where it is read)."""
        return self.content is None or content_hash(self.content) == self.content_hash


GapReason = Literal["no_permission", "no_data", "timeout", "error", "not_supported", "not_configured"]


class EvidenceGap(Value):
    """What could not be seen, and why: silence is never taken for health."""

    kind: EvidenceKind
    source: str
    reason: GapReason
    detail: str = Field(max_length=1000)


class Baseline(Value):
    """Robust statistics of the healthy window; `count` points. mad is the raw median absolute deviation.

    `sustained_low` to `sustained_high`: the range that the second most extreme of five points in a row kept in 95 of
    100 healthy windows. A single spike does not widen it, what lasts does. None: recorded before it was computed, or
    too few points.
    """

    median: float
    mad: float
    low: float  # the range seen while healthy, without the most extreme fortieth at each end
    high: float
    count: int
    sustained_low: float | None = None
    sustained_high: float | None = None


class MetricContent(Value):
    """A metric's points in the incident window against its own healthy baseline. `component` owns the metric."""

    namespace: str
    name: str
    statistic: str
    period_s: int
    dimensions: dict[str, str]
    is_alarm_metric: bool
    component: str  # host, function ... or the service itself
    baseline: Baseline | None  # None: no healthy window to compare with
    points: list[tuple[UtcTime, float]]  # incident window, oldest first
    threshold: float | None = None
    comparison: str | None = None


class LogPattern(Value):
    """Lines that differ in numbers and ids only. Counts are per window; `sample` is untrusted text."""

    template: str
    level: Literal["ERROR", "WARN", "INFO", "OTHER"]
    count: int
    baseline_count: int
    component: str | None = None
    first_at: UtcTime
    sample: str


class LogContent(Value):
    group: str
    lines: int  # in the incident window
    baseline_lines: int
    truncated: bool
    patterns: list[LogPattern]


class ChangeContent(Value):
    """A recorded change: what, when, by whom, from which value to which. Texts are untrusted."""

    what: str
    at: UtcTime
    by: str | None
    before: str | None
    after: str | None
    component: str | None = None  # whose it is; None: not told
    kind: Literal["deploy", "config"] | None = None  # None: only `what` can tell


class StatusContent(Value):
    """A resource's own word about itself. `responds` is False when it was asked and did not answer in time.

    detail["reasons"]: what of it is not as it should be, in the API's words (untrusted); empty or absent: nothing is.
    """

    component: str
    kind: str  # managed-instance, unit; task, ecs-service, database, function, instance ...
    state: str  # online, offline, active, failed ...
    responds: bool | None
    detail: dict[str, Any]


class TopologyNode(Value):
    """`kind` is the source's own word (AWS::Lambda::Function, service). `client` and `remote` mark mirrors: views of
    calls that another node serves."""

    name: str
    kind: str = "service"


class TopologyContent(Value):
    """What is called, directly or not, from the node that the alarm is about. Metrics name their node as component."""

    alarm_node: str
    nodes: list[TopologyNode]
    edges: list[tuple[str, str]]  # caller, callee


class RunbookContent(Value):
    key: str
    version_id: str
    title: str
    passage: str  # untrusted text
    score: float


class SimilarIncidentContent(Value):
    """An earlier incident like this one. History is a hint, no proof: it says what was, not what is."""

    incident_id: str
    opened_at: UtcTime
    cause: str | None
    component: str | None
    confirmed: bool = False  # a person said that this was the cause
    remedy: str | None
    resolved: bool  # recovery was seen, after the remedy if there was one
    alike: list[str]  # which evidence both have: "metrics: errorrate up". Untrusted text
    score: float = Field(ge=0, le=1)


CONTENT: dict[str, type[Value]] = {
    "metric": MetricContent,
    "log": LogContent,
    "change": ChangeContent,
    "status": StatusContent,
    "topology": TopologyContent,
    "runbook": RunbookContent,
    "similar_incident": SimilarIncidentContent,
}


class Citation(Value):
    """Points to recorded evidence; the hash pins what was read."""

    evidence_id: str
    content_hash: str


class Finding(Value):
    """One claim and what it rests on."""

    text: str
    citations: list[Citation] = Field(min_length=1)
