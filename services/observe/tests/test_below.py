"""The call graph as evidence: what is declared below the alarm's service, and the metrics to compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.evidence import MetricContent, TopologyContent
from resilibot.contracts.signal import MetricRef, ResourceRef
from resilibot.contracts.topology import Node, Topology
from resilibot.observe.adapters.declared_topology import DeclaredTopology
from resilibot.observe.neighbours import comparable
from resilibot.observe.ports import MetricPlace, Ports, Series, SourceFailed, TopologySource
from resilibot.observe.service import SERVICE
from resilibot.observe.settings import ObserveSettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.testing import story
from tests.support.act_world import opened
from tests.support.silent_sources import Nothing

DECLARED = Topology(
    services=(
        Node(name="orders", depends_on=("payments", "view")),
        Node(name="payments", depends_on=("ledger",), resources=("Queues QueueName=pay", "Queues QueueName=pay-*")),
        Node(name="view", kind="remote"),
        Node(name="ledger"),
        Node(name="elsewhere", depends_on=("orders",)),
    )
)


def ref(name: str, service: str, namespace: str = "Web", **dimensions: str) -> MetricRef:
    found = {"Service": service, **dimensions}
    return MetricRef(namespace=namespace, name=name, statistic="Average", period_s=60, dimensions=found)


@dataclass
class Metrics:
    """Failures, latency and requests of every service, by itself and by host."""

    failing: str = ""
    name: str = "cloudwatch"
    asked: list[MetricRef] = field(default_factory=list)

    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[MetricRef]:
        service = dimensions.get("Service")
        if service is None:
            return []
        if service == self.failing:
            raise SourceFailed("no_permission", "ListMetrics was denied")
        names = ("Failures", "LatencyMs", "Requests")
        return [r for name in names for r in (ref(name, service, Host="h1"), ref(name, service))]

    def read(self, metrics: Sequence[MetricRef], start: datetime, end: datetime) -> list[Series]:
        self.asked += metrics
        step = (end - start) / 100
        return [Series(m, tuple((start + n * step, 1.0 + n % 3) for n in range(101)), {}) for m in metrics]


def look(metrics: Metrics, topology: TopologySource | None, **settings: int) -> e.EvidenceGatheredV1:
    nothing = Nothing()
    given = ObserveSettings(baseline_s=120, metric_period_s=1, **settings)  # type: ignore[arg-type]
    ports = Ports(given, metrics, nothing, nothing, (), nothing, InMemoryBlobStore(), topology=topology)
    (gathered,) = story(SERVICE, ports).when(opened()).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    return gathered


def of_neighbours(gathered: e.EvidenceGatheredV1) -> set[tuple[str, str, str]]:
    contents = [MetricContent.model_validate(item.content) for item in gathered.items if item.kind == "metric"]
    return {(m.component, m.name, m.statistic) for m in contents if m.dimensions["Service"] != "orders"}


def test_what_is_declared_below_the_service_is_evidence_with_its_metrics() -> None:
    gathered = look(Metrics(), DeclaredTopology(DECLARED, "Service", "calls.toml"))
    (item,) = [item for item in gathered.items if item.kind == "topology"]
    graph = TopologyContent.model_validate(item.content)
    assert (item.id, item.query) == ("r1.topology.1", {"file": "calls.toml", "node": "orders"})
    assert graph.alarm_node == "orders"
    assert [(node.name, node.kind) for node in graph.nodes] == [
        ("orders", "service"),
        ("payments", "service"),
        ("view", "remote"),
        ("ledger", "service"),
    ]
    assert graph.edges == [("orders", "payments"), ("orders", "view"), ("payments", "ledger")]
    below = ("ledger", "payments", "view")
    expected = {(n, name, how) for n in below for name, how in (("Failures", "Average"), ("Requests", "Sum"))}
    assert of_neighbours(gathered) == expected


def test_without_a_declared_topology_only_the_service_itself_is_read() -> None:
    with_it, without = Metrics(), Metrics()
    look(with_it, DeclaredTopology(DECLARED, "Service"))
    gathered = look(without, None)
    assert {metric.dimensions["Service"] for metric in without.asked} == {"orders"}
    assert {item.kind for item in gathered.items} == {"metric"}
    assert not any(gap.kind == "topology" for gap in gathered.gaps)
    assert without.asked == [metric for metric in with_it.asked if metric in without.asked]


def test_a_service_that_is_not_declared_is_an_open_gap() -> None:
    gathered = look(Metrics(), DeclaredTopology(Topology(services=(Node(name="other"),)), "Service"))
    assert [gap.reason for gap in gathered.gaps if gap.kind == "topology"] == ["not_configured"]


def test_a_neighbour_that_cannot_be_listed_is_a_gap_and_no_obstacle() -> None:
    gathered = look(Metrics(failing="payments"), DeclaredTopology(DECLARED, "Service"))
    assert {component for component, _, _ in of_neighbours(gathered)} == {"ledger", "view"}
    assert "payments: ListMetrics was denied" in [gap.detail for gap in gathered.gaps if gap.kind == "metric"]


def test_the_nearest_are_read_first_when_there_are_too_many() -> None:
    gathered = look(Metrics(), DeclaredTopology(DECLARED, "Service"), max_neighbour_metrics=4)
    assert {component for component, _, _ in of_neighbours(gathered)} == {"payments"}
    assert any("2 of the services below are not read" in gap.detail for gap in gathered.gaps)


def test_resources_declared_as_namespace_and_dimensions_are_read_and_patterns_are_not() -> None:
    resource = ResourceRef(account="1", region="eu-west-1", service="payments", name="payments")
    read = DeclaredTopology(DECLARED, "App").below(resource)
    assert read.places == (
        MetricPlace("payments", None, {"App": "payments"}),
        MetricPlace("payments", "Queues", {"QueueName": "pay"}),
        MetricPlace("ledger", None, {"App": "ledger"}),
    )


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ([ref("Latency", "a"), ref("ErrorRate", "a")], [("Latency", "p90")]),
        ([ref("Duration", "a"), ref("Latency", "a", Host="h")], [("Latency", "p90")]),
        ([ref("Duration", "a"), ref("Invocations", "a")], [("Duration", "p90"), ("Invocations", "Sum")]),
        ([], []),
    ],
)
def test_what_is_compared_measures_the_same(found: list[MetricRef], chosen: list[tuple[str, str]]) -> None:
    alarm = replace_statistic(ref("Latency", "orders"), "p90")
    assert [(metric.name, metric.statistic) for metric in comparable(alarm, found)] == chosen


def replace_statistic(metric: MetricRef, statistic: str) -> MetricRef:
    return metric.model_copy(update={"statistic": statistic})
