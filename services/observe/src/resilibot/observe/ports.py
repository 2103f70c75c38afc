"""ports: what observe needs from the world. Every source raises SourceFailed, which becomes a gap.

SourceFailed(reason: no_permission | no_data | timeout | error | not_supported | not_configured)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from resilibot.contracts.evidence import ChangeContent, GapReason, StatusContent, TopologyContent
from resilibot.contracts.signal import MetricRef, ResourceRef
from resilibot.observe.runbook_library import RunbookLibrary
from resilibot.observe.runbook_ports import Runbook, RunbookSource
from resilibot.observe.settings import ObserveSettings
from resilibot.observe.subjects import Subject
from resilibot.runtime.blobs import BlobStore
from resilibot.runtime.redact import Redactor

__all__ = [
    "ChangeRead",
    "ChangeSource",
    "HostSource",
    "IncidentSource",
    "LogLine",
    "LogRead",
    "LogSource",
    "MetricSource",
    "Ports",
    "Reason",
    "ResourceChangeSource",
    "Runbook",
    "RunbookSource",
    "Series",
    "SourceFailed",
    "StateEvent",
    "StateRead",
    "StateSource",
    "StatusRead",
]

Reason = GapReason


class SourceFailed(Exception):
    """A source could not be read; `reason` and the exact question go into the evidence as a gap."""

    code = "source_failed"

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Series:
    """Points of one metric, oldest first; equally spaced where data exist."""

    metric: MetricRef
    points: tuple[tuple[datetime, float], ...]
    query: dict[str, Any]


@dataclass(frozen=True)
class LogLine:
    at: datetime
    stream: str
    message: str  # untrusted


@dataclass(frozen=True)
class LogRead:
    lines: tuple[LogLine, ...]
    is_truncated: bool
    query: dict[str, Any]


@dataclass(frozen=True)
class StatusRead:
    status: StatusContent
    query: dict[str, Any]


@dataclass(frozen=True)
class StateEvent:
    """What a resource's own record tells: "DB instance ran out of storage space"."""

    at: datetime
    message: str
    component: str
    query: dict[str, Any]


@dataclass(frozen=True)
class StateRead:
    """What an AWS API says of one resource. `gaps`: parts of the answer that failed while others came."""

    states: tuple[StatusRead, ...]
    events: tuple[StateEvent, ...] = ()
    gaps: tuple[SourceFailed, ...] = ()


@dataclass(frozen=True)
class ChangeRead:
    change: ChangeContent
    query: dict[str, Any]


@dataclass(frozen=True)
class MetricPlace:
    """Where a node's metrics are: those that carry at least these dimensions. `namespace` None: any."""

    node: str
    namespace: str | None
    dimensions: dict[str, str]


@dataclass(frozen=True)
class TopologyRead:
    """`places`: of the alarm's node and of all that it calls, the nearest first. `source`: which one answered."""

    topology: TopologyContent
    places: tuple[MetricPlace, ...]
    query: dict[str, Any]
    resources: tuple[str, ...] = ()  # ARNs, or namespace and dimensions, that the alarm's node consists of
    source: str = ""


class MetricSource(Protocol):
    name: str

    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[MetricRef]:
        """Metrics that carry at least these dimensions."""
        ...

    def read(self, metrics: Sequence[MetricRef], start: datetime, end: datetime) -> list[Series]:
        """One series per metric, in order, each at the metric's own period."""
        ...


class LogSource(Protocol):
    name: str

    def read(self, group: str, start: datetime, end: datetime, limit: int) -> LogRead: ...


class HostSource(Protocol):
    name: str

    def status(self, service: str, unit: str) -> list[StatusRead]: ...


class StateSource(Protocol):
    """An AWS service that describes its own resources. Asked about subjects of these kinds only."""

    name: str
    kinds: frozenset[str]

    def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
        """What the resource is now, and its own record from start to end."""
        ...


class ChangeSource(Protocol):
    name: str

    def changes(self, service: str, start: datetime, end: datetime) -> list[ChangeRead]: ...


class ResourceChangeSource(Protocol):
    """Like StateSource: asked about subjects of these kinds only."""

    name: str
    kinds: frozenset[str]

    def changes_of(self, subject: Subject, start: datetime, end: datetime) -> list[ChangeRead]: ...


class IncidentSource(Protocol):
    name: str

    def before(self, moment: datetime, limit: int) -> Sequence[dict[str, Any]]:
        """At most `limit` rows of the incidents' read model, opened before that moment, newest first."""
        ...


class TopologySource(Protocol):
    name: str

    def below(self, resource: ResourceRef) -> TopologyRead:
        """What the resource's node calls, directly or not. SourceFailed if no node is known for it."""
        ...


@dataclass(frozen=True)
class Ports:
    settings: ObserveSettings
    metrics: MetricSource
    logs: LogSource
    hosts: HostSource
    changes: tuple[ChangeSource, ...]
    runbooks: RunbookSource
    blobs: BlobStore
    library: RunbookLibrary = field(default_factory=RunbookLibrary)  # finds among what `runbooks` gives
    identity: Callable[[str], str] = lambda name: name  # seals who made a change; raises KeysUnavailable
    topology: TopologySource | None = None  # None: nothing tells a call graph
    states: tuple[StateSource, ...] = ()
    resource_changes: tuple[ResourceChangeSource, ...] = ()
    redactor: Callable[[str], Redactor] = lambda scope: Redactor()  # of the incident about this fingerprint
    neighbour_changes: tuple[ChangeSource, ...] = ()  # those of `changes` that also tell of what the service calls
    incidents: IncidentSource | None = None  # None: no record of earlier incidents is at hand
