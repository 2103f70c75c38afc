"""topology: the declared call graph, which observe follows as well; its form is a contract."""

from resilibot.contracts.topology import Node, Topology, TopologyInvalid, read_topology

__all__ = ["Node", "Topology", "TopologyInvalid", "read_topology"]
