"""The call graph that the owner declares in a file; the same one that signals are correlated by."""

import re
from typing import Self

from resilibot.contracts.evidence import TopologyContent, TopologyNode
from resilibot.contracts.signal import ResourceRef
from resilibot.contracts.topology import Node, Topology, read_topology
from resilibot.observe.ports import MetricPlace, SourceFailed, TopologyRead

_METRICS = re.compile(r"(?P<namespace>\S+)(?P<dimensions>(?: [^\s=*]+=[^\s*]+)+)")  # AWS/SQS QueueName=orders


class DeclaredTopology:
    name = "declared"

    def __init__(self, topology: Topology, service_dimension: str, file: str = "") -> None:
        self._topology = topology
        self._dimension = service_dimension
        self._file = file

    @classmethod
    def read(cls, file: str, service_dimension: str) -> Self:
        """Raises TopologyInvalid."""
        return cls(read_topology(file), service_dimension, file)

    def below(self, resource: ResourceRef) -> TopologyRead:
        node = self._topology.node_of(resource)
        if node is None:
            raise SourceFailed("not_configured", f"the declared topology has no service for {resource.name}")
        nodes = self._topology.below(node)
        content = TopologyContent(
            alarm_node=node,
            nodes=[TopologyNode(name=each.name, kind=each.kind) for each in nodes],
            edges=[(each.name, callee) for each in nodes for callee in each.depends_on],
        )
        places = tuple(place for each in nodes for place in self._places(each))
        return TopologyRead(content, places, {"file": self._file, "node": node}, nodes[0].resources)

    def _places(self, node: Node) -> list[MetricPlace]:
        """By the dimension that names the service, and by each resource declared as a namespace and dimensions."""
        places = [MetricPlace(node.name, None, {self._dimension: node.name})]
        for declared in filter(None, map(_METRICS.fullmatch, node.resources)):
            dimensions = dict(pair.split("=", 1) for pair in declared["dimensions"].split())
            places.append(MetricPlace(node.name, declared["namespace"], dimensions))
        return places
