"""The call graph as X-Ray's traces show it, and that what is declared wins."""

from datetime import UTC, datetime
from typing import Any

import pytest

from resilibot.contracts.signal import ResourceRef
from resilibot.contracts.topology import Node, Topology
from resilibot.observe.adapters.declared_topology import DeclaredTopology
from resilibot.observe.adapters.first_topology import FirstTopology
from resilibot.observe.adapters.xray_topology import XrayTopology
from resilibot.observe.ports import MetricPlace, SourceFailed
from tests.support.canned_aws import Answer, CannedAws

END = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def service(reference: int, name: str, kind: str | None, *callees: int) -> dict[str, Any]:
    edges = [{"ReferenceId": callee} for callee in callees]
    return {"ReferenceId": reference, "Name": name, **({"Type": kind} if kind else {}), "Edges": edges}


GRAPH: Answer = {
    "Services": [
        service(0, "orders", "client", 1),
        service(1, "orders", "AWS::ECS::Container", 2, 3, 5),
        service(2, "payments", "AWS::EC2::Instance", 4),
        service(3, "resize", "AWS::Lambda::Function"),
        service(4, "orders", "AWS::DynamoDB::Table", 1),
        service(5, "mail.example.com", "remote"),
        service(6, "elsewhere", None, 1),
    ]
}


def xray(answer: Answer = GRAPH) -> tuple[CannedAws, XrayTopology]:
    aws = CannedAws({"xray.GetServiceGraph": answer})
    return aws, XrayTopology(aws.client("xray"), "Service", 3600, lambda: END)


def about(service: str) -> ResourceRef:
    return ResourceRef(account="1", region="eu-central-1", service=service, name=service)


def test_what_the_service_calls_is_followed_and_mirrors_keep_their_kind() -> None:
    _, source = xray()
    read = source.below(about("orders"))
    assert read.topology.alarm_node == "orders"
    assert {node.name: node.kind for node in read.topology.nodes} == {
        "orders": "AWS::ECS::Container",
        "mail.example.com": "remote",
        "payments": "AWS::EC2::Instance",
        "resize": "AWS::Lambda::Function",
        "orders (AWS::DynamoDB::Table)": "AWS::DynamoDB::Table",
    }
    assert ("payments", "orders (AWS::DynamoDB::Table)") in read.topology.edges
    assert MetricPlace("resize", "AWS/Lambda", {"FunctionName": "resize"}) in read.places
    assert MetricPlace("payments", None, {"Service": "payments"}) in read.places


def test_two_nodes_of_one_name_are_looked_up_by_their_own_name() -> None:
    _, source = xray()
    places = {place.node: place for place in source.below(about("orders")).places}
    assert places["orders (AWS::DynamoDB::Table)"].dimensions == {"TableName": "orders"}


def test_the_graph_does_not_depend_on_the_order_in_which_x_ray_tells_it() -> None:
    assert isinstance(GRAPH, dict)
    _, one = xray()
    _, other = xray({"Services": list(reversed(GRAPH["Services"]))})
    assert one.below(about("orders")) == other.below(about("orders"))


@pytest.mark.parametrize("name", ["unknown", "mail.example.com"])
def test_a_service_that_no_trace_shows_is_no_data(name: str) -> None:
    _, source = xray()
    with pytest.raises(SourceFailed) as failed:
        source.below(about(name))
    assert failed.value.reason == "no_data"


def test_what_is_declared_wins_and_x_ray_is_not_asked() -> None:
    aws, traced = xray()
    declared = DeclaredTopology(Topology(services=(Node(name="orders", resources=("AWS/EC2 InstanceId=i-1",)),)), "S")
    read = FirstTopology(declared, traced).below(about("orders"))
    assert (read.source, read.resources, aws.asked) == ("declared", ("AWS/EC2 InstanceId=i-1",), [])


def test_what_is_not_declared_is_looked_for_in_the_traces() -> None:
    _, traced = xray()
    both = FirstTopology(DeclaredTopology(Topology(), "Service"), traced)
    assert both.below(about("payments")).source == "xray"
    with pytest.raises(SourceFailed, match=r"declared: .*; xray: ") as failed:
        both.below(about("unknown"))
    assert failed.value.reason == "no_data"


def test_a_denied_graph_is_no_permission() -> None:
    _, source = xray("AccessDeniedException")
    with pytest.raises(SourceFailed) as failed:
        source.below(about("orders"))
    assert failed.value.reason == "no_permission"
