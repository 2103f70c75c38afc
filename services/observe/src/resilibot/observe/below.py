"""below: what the alarm's service calls, and which metrics tell how that fares. Failures are told as gaps."""

from dataclasses import dataclass, field

from resilibot.contracts.evidence import EvidenceKind
from resilibot.contracts.signal import MetricRef, ResourceRef
from resilibot.observe.itemise import Found
from resilibot.observe.neighbours import comparable
from resilibot.observe.ports import MetricSource, Reason, SourceFailed, TopologyRead, TopologySource


@dataclass
class Below:
    """The call graph below one resource. `read` None: nothing is declared about it."""

    source: TopologySource | None
    resource: ResourceRef
    read: TopologyRead | None = None
    gaps: list[tuple[EvidenceKind, str, Reason, str]] = field(default_factory=list)  # kind, source, reason, detail

    def __post_init__(self) -> None:
        if self.source is None:
            return
        try:
            self.read = self.source.below(self.resource)
        except SourceFailed as failed:
            self.gaps.append(("topology", self.source.name, failed.reason, failed.detail))

    def metrics(self, alarm: MetricRef | None, source: MetricSource, most: int) -> list[tuple[str, MetricRef]]:
        """Node and metric, the nearest nodes first: at most two metrics a node, and `most` in all."""
        if self.read is None or alarm is None:
            return []
        found: dict[str, list[MetricRef]] = {}
        for number, watch in enumerate(self.read.watches):
            if watch.node not in found and 2 * (len(found) + 1) > most:
                left = len({other.node for other in self.read.watches[number:]})
                detail = f"{left} of the services below are not read, at most {most} metrics are"
                self.gaps.append(("metric", source.name, "not_supported", detail))
                break
            try:
                found.setdefault(watch.node, []).extend(source.related(watch.namespace, watch.dimensions))
            except SourceFailed as failed:
                self.gaps.append(("metric", source.name, failed.reason, f"{watch.node}: {failed.detail}"))
        return [(node, ref) for node, refs in found.items() for ref in comparable(alarm, refs)]

    def evidence(self) -> list[Found]:
        if self.read is None or self.source is None:
            return []
        graph = self.read.topology
        summary = f"{graph.alarm_node} calls {len(graph.nodes) - 1} services, directly or not"
        return [Found("topology", self.source.name, [(graph, self.read.query, summary)])]
