"""below: what the alarm's service calls, and which metrics tell how that fares. Failures are told as gaps."""

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from threading import Lock

from resilibot.contracts.evidence import EvidenceKind
from resilibot.contracts.signal import MetricRef, ResourceRef
from resilibot.observe.itemise import Found
from resilibot.observe.neighbours import comparable
from resilibot.observe.odd import readable
from resilibot.observe.ports import MetricSource, Reason, SourceFailed, TopologyRead, TopologySource


class Below:
    """The call graph below one resource, asked for once, by whoever needs it first; the others wait for it.

    Nobody waits longer than `patience_s` from then on: metrics and states are read without it.
    """

    def __init__(self, source: TopologySource | None, resource: ResourceRef, patience_s: float) -> None:
        self._source = source
        self._resource = resource
        self._patience_s = patience_s
        self._lock = Lock()
        self._is_asked = False
        self._read: TopologyRead | None = None
        self.gaps: list[tuple[EvidenceKind, str, Reason, str]] = []  # kind, source, reason, detail

    def read(self) -> TopologyRead | None:
        """None: nothing is known about it, and if something should be, a gap says why not."""
        with self._lock:
            if self._source is not None and not self._is_asked:
                self._is_asked = True
                try:
                    self._read = self._asked(self._source)
                except SourceFailed as failed:
                    self.gaps.append(("topology", self._source.name, failed.reason, failed.detail))
            return self._read

    def _asked(self, source: TopologySource) -> TopologyRead:
        pool = ThreadPoolExecutor(max_workers=1)
        asked: Future[TopologyRead] = pool.submit(source.below, self._resource)
        pool.shutdown(wait=False)
        with readable(source.name):
            try:
                return asked.result(self._patience_s)
            except FutureTimeout as late:
                raise SourceFailed("timeout", f"no answer within {self._patience_s:g} s") from late

    @property
    def services(self) -> list[str]:
        """What is called, the nearest first."""
        read = self.read()
        return [node.name for node in read.topology.nodes if node.name != read.topology.alarm_node] if read else []

    def metrics(self, alarm: MetricRef | None, source: MetricSource, most: int) -> list[tuple[str, MetricRef]]:
        """Node and metric, the nearest nodes first: at most two metrics a node, and `most` in all."""
        read = self.read()
        if read is None or alarm is None:
            return []
        found: dict[str, list[MetricRef]] = {}
        for number, place in enumerate(read.places):
            if place.node not in found and 2 * (len(found) + 1) > most:
                left = len({other.node for other in read.places[number:]})
                detail = f"{left} of the services below are not read, at most {most} metrics are"
                self.gaps.append(("metric", source.name, "not_supported", detail))
                break
            try:
                found.setdefault(place.node, []).extend(source.related(place.namespace, place.dimensions))
            except SourceFailed as failed:
                self.gaps.append(("metric", source.name, failed.reason, f"{place.node}: {failed.detail}"))
        return [(node, ref) for node, refs in found.items() for ref in comparable(alarm, refs)]

    def evidence(self) -> Found:
        """The graph as evidence; nothing in it when there is none."""
        read = self.read()
        found = Found("topology", self._source.name if self._source else "", is_answer=read is not None)
        if read is not None:
            found.source = read.source or found.source
            graph = read.topology
            summary = f"{graph.alarm_node} calls {len(graph.nodes) - 1} services, directly or not"
            found.contents.append((graph, read.query, summary))
        return found
