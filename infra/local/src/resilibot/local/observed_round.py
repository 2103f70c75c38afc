"""observed_round: a round of evidence as observe recorded it, in one file of a case, whatever kinds it holds.

    {"type": "EvidenceGathered.v1", "data": {...}}

The type says which released version it is, so that a file that lies in a repository for years still reads. Each item
brings its hash along: one that was edited by hand counts as evidence that could not be read.
"""

from collections.abc import Mapping
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.event import UnknownEventType, parse_event
from resilibot.contracts.evidence import CONTENT, EvidenceItem, TopologyContent
from resilibot.local.taken_away import SeriesKey

OBSERVED = "observed.json"


def told_as(gathered: e.EvidenceGatheredV1) -> dict[str, Any]:
    """As JSON."""
    return {"type": gathered.wire_type, "data": gathered.payload()}


def read_observed(told: Mapping[str, Any]) -> e.EvidenceGatheredV1:
    """The round, each content of its kind. Raises KeyError, TypeError, ValueError."""
    try:
        gathered = parse_event(told["type"], told["data"])
    except UnknownEventType as error:
        raise ValueError(f"{error} is no event that is known here") from error
    if not isinstance(gathered, e.EvidenceGatheredV1):
        raise TypeError(f"{told['type']} is no round of evidence")
    for item in gathered.items:
        if item.content is not None:
            CONTENT[item.kind].model_validate(item.content)
    return gathered


def series_of_others(gathered: e.EvidenceGatheredV1) -> dict[str, SeriesKey]:
    """By item id, the metrics of the nodes that the alarm's node calls; none without a call graph."""
    graphs = [TopologyContent.model_validate(i.content) for i in gathered.items if i.kind == "topology" and i.content]
    others = {node.name for graph in graphs for node in graph.nodes if node.name != graph.alarm_node}
    metrics = {item.id: key_of(item) for item in gathered.items if item.kind == "metric" and item.content}
    return {item_id: key for item_id, key in metrics.items() if key[0] in others}


def key_of(metric: EvidenceItem) -> SeriesKey:
    content = metric.content or {}
    return str(content["component"]), str(content["name"]), str(content["statistic"])
