"""From an alarm to the culprit below it: observe gathers over the declared topology, reason names the node."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.signal import MetricRef
from resilibot.contracts.topology import Node, Topology
from resilibot.observe.adapters.declared_topology import DeclaredTopology
from resilibot.observe.ports import Ports, Series
from resilibot.observe.service import SERVICE as OBSERVE
from resilibot.observe.settings import ObserveSettings
from resilibot.reason.service import SERVICE as REASON
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.testing import NOON, story
from tests.support.act_world import opened
from tests.support.call_graphs import ALARM_NODE, BEFORE, PERIOD_S, ROWS, CallGraph
from tests.support.silent_sources import Nothing

NAMES = {"latency": "Latency", "availability": "Availability", "requests": "Requests"}


@dataclass
class GraphMetrics:
    """The points of a call graph as CloudWatch would give them: healthy until a row before the alarm, then not."""

    graph: CallGraph
    name: str = "cloudwatch"

    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[MetricRef]:
        names = (self.graph.metric, "requests")
        return [_ref(NAMES[name], dimensions["Service"]) for name in names] if namespace in (None, "Graph") else []

    def read(self, metrics: Sequence[MetricRef], start: datetime, end: datetime) -> list[Series]:
        healthy = replace(self.graph, culprit=None, rows=BEFORE, window="before").metrics()
        points = {(m.component, NAMES[m.name]): m.points for m in healthy}
        shift, window = timedelta(seconds=PERIOD_S * (BEFORE + 1)), timedelta(seconds=PERIOD_S)
        series = {key: [(at - shift, value) for at, value in those] for key, those in points.items()}
        for metric in self.graph.metrics():
            series[metric.component, NAMES[metric.name]] += [(at - window, value) for at, value in metric.points]
        return [Series(m, tuple(series[m.dimensions["Service"], m.name]), {"Period": m.period_s}) for m in metrics]


def _ref(name: str, service: str) -> MetricRef:
    return MetricRef(
        namespace="Graph", name=name, statistic="Average", period_s=PERIOD_S, dimensions={"Service": service}
    )


def _declared(graph: CallGraph) -> Topology:
    callees: dict[str, list[str]] = {node: [] for node in graph.nodes}
    for callee, callers in graph.callers().items():
        for caller in callers:
            callees[caller].append(callee)
    return Topology(services=tuple(Node(name=node, depends_on=tuple(below)) for node, below in callees.items()))


def _diagnosed(graph: CallGraph) -> e.DiagnosisReachedV1:
    resource = opened().resource.model_copy(update={"service": ALARM_NODE, "name": ALARM_NODE})
    signal = opened().signal
    assert signal is not None
    alarm = signal.model_copy(update={"resource": resource, "metric": _ref(NAMES[graph.metric], ALARM_NODE)})
    incident = opened().model_copy(update={"resource": resource, "signal": alarm})
    settings = ObserveSettings(baseline_s=PERIOD_S * (BEFORE + 1), metric_period_s=PERIOD_S)
    nothing, topology = Nothing(), DeclaredTopology(_declared(graph), "Service")
    ports = Ports(settings, GraphMetrics(graph), nothing, nothing, (), nothing, InMemoryBlobStore(), topology=topology)
    (gathered,) = story(OBSERVE, ports).when(incident, now=NOON + timedelta(seconds=PERIOD_S * ROWS)).events
    (reached,) = story(REASON).given(incident).when(gathered).events
    assert isinstance(reached, e.DiagnosisReachedV1)
    return reached


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("metric", ["latency", "availability"])
def test_the_node_that_fails_is_named_from_the_alarm_on(seed: int, metric: str) -> None:
    graph = CallGraph(seed, metric=metric, severity=30.0)
    culprit = graph.nodes[-1 - seed % 4]
    reached = _diagnosed(replace(graph, culprit=culprit))
    leading = [h for h in reached.hypotheses if h.verdict == "leading"]
    assert [(h.cause, h.component) for h in leading] == [("component_fault", culprit)]
    assert reached.dropped_claims == []


@pytest.mark.parametrize("seed", range(8))
def test_a_healthy_graph_leads_to_nobody(seed: int) -> None:
    reached = _diagnosed(CallGraph(seed))
    assert reached.outcome != "conclusive"
