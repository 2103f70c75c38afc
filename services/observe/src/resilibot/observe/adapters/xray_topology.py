"""AWS X-Ray: the call graph as traces show it. Mirrors (`client`, `remote`) keep their kind.

A service that traces itself and is called by another one is one node; its callers' view of it is not told apart.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from resilibot.contracts.evidence import TopologyContent, TopologyNode
from resilibot.contracts.signal import ResourceRef
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client
from resilibot.observe.ports import MetricPlace, SourceFailed, TopologyRead
from resilibot.observe.single_flight import SingleFlight

MIRRORS = ("client", "remote")
MOST = 200  # nodes below one service
METRICS: Mapping[str, tuple[str, str]] = {  # where CloudWatch keeps what X-Ray shows by name
    "AWS::Lambda::Function": ("AWS/Lambda", "FunctionName"),
    "AWS::DynamoDB::Table": ("AWS/DynamoDB", "TableName"),
    "AWS::SQS::Queue": ("AWS/SQS", "QueueName"),
    "AWS::SNS::Topic": ("AWS/SNS", "TopicName"),
}


class XrayTopology:
    name = "xray"

    def __init__(self, client: Client, service_dimension: str, window_s: float, now: Callable[[], datetime]) -> None:
        self._client = client
        self._dimension = service_dimension
        self._window = timedelta(seconds=window_s)
        self._now = now
        self._flights: SingleFlight[list[dict[str, Any]]] = SingleFlight()

    def below(self, resource: ResourceRef) -> TopologyRead:
        """Raises SourceFailed; no_data when no trace of the window has a service of that name."""
        end = self._now()
        query = {"operation": "GetServiceGraph", "StartTime": (end - self._window).isoformat()}
        services = self._flights.ask("graph", lambda: self._services(end))
        graph = _Graph(services)
        alarm_node = graph.node_of(resource)
        if alarm_node is None:
            raise SourceFailed("no_data", f"{query}: no trace of {resource.service or resource.name}")
        reached = graph.below(alarm_node)[:MOST]
        content = TopologyContent(
            alarm_node=alarm_node,
            nodes=[TopologyNode(name=node, kind=graph.kinds[node]) for node in reached],
            edges=[(node, callee) for node in reached for callee in graph.callees[node] if callee in reached],
        )
        places = tuple(self._place(node, graph) for node in reached)
        return TopologyRead(content, places, {**query, "EndTime": end.isoformat()})

    def _services(self, end: datetime) -> list[dict[str, Any]]:
        with asking("GetServiceGraph"):
            pages = (
                self._client().get_paginator("get_service_graph").paginate(StartTime=end - self._window, EndTime=end)
            )
            return [service for page in pages for service in page.get("Services", [])]

    def _place(self, node: str, graph: "_Graph") -> MetricPlace:
        namespace, dimension = METRICS.get(graph.kinds[node], (None, self._dimension))
        return MetricPlace(node, namespace, {dimension: graph.told[node]})


class _Graph:
    """X-Ray's numbered services by name; of two with the same name the later ones carry their kind along."""

    def __init__(self, services: list[dict[str, Any]]) -> None:
        ordered = sorted(services, key=lambda one: (str(one.get("Type", "")) in MIRRORS, one.get("ReferenceId", 0)))
        seen: Counter[str] = Counter()
        names: dict[int, str] = {}
        self.kinds: dict[str, str] = {}
        self.told: dict[str, str] = {}  # the name that X-Ray tells of a node
        for service in ordered:
            name, kind = str(service.get("Name") or "unnamed"), str(service.get("Type") or "service")
            seen[name] += 1
            shown = name if seen[name] == 1 else f"{name} ({kind})"
            shown = shown if shown not in self.kinds else f"{shown} {service.get('ReferenceId')}"
            names[service.get("ReferenceId", 0)] = shown
            self.kinds[shown], self.told[shown] = kind, name
        self.callees: dict[str, list[str]] = {
            names[service.get("ReferenceId", 0)]: sorted(
                {names[edge["ReferenceId"]] for edge in service.get("Edges", []) if edge.get("ReferenceId") in names}
                - {names[service.get("ReferenceId", 0)]}
            )
            for service in ordered
        }

    def node_of(self, resource: ResourceRef) -> str | None:
        wanted = [name for name in (resource.service, resource.name) if name]
        own = [name for name in wanted if name in self.kinds and self.kinds[name] not in MIRRORS]
        return own[0] if own else None

    def below(self, node: str) -> list[str]:
        """The node and all that it calls, the nearest first, then by name."""
        reached, waiting = [node], deque([node])
        while waiting:
            for callee in self.callees[waiting.popleft()]:
                if callee not in reached:
                    reached.append(callee)
                    waiting.append(callee)
        return reached
