"""What AWS says of the signal's resource becomes evidence of the round; what it refuses, a gap; no other is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.evidence import ChangeContent, LogContent, StatusContent
from resilibot.contracts.signal import MetricRef
from resilibot.contracts.topology import Node, Topology
from resilibot.observe.adapters.declared_topology import DeclaredTopology
from resilibot.observe.ports import (
    ChangeRead,
    Ports,
    Series,
    SourceFailed,
    StateEvent,
    StateRead,
    StatusRead,
)
from resilibot.observe.service import SERVICE
from resilibot.observe.settings import ObserveSettings
from resilibot.observe.subjects import DATABASE, ECS, INSTANCE, Subject
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.testing import NOON, story
from tests.support.act_world import opened
from tests.support.silent_sources import Nothing
from tests.support.state_sources import INSTANCES, States


@dataclass
class Changes:
    """Changes by service; one that is unknown here is no_data."""

    told: dict[str, list[str]]
    name: str = "changes"
    kinds: frozenset[str] = frozenset({ECS})
    asked: list[str] = field(default_factory=list)

    def changes(self, service: str, start: datetime, end: datetime) -> list[ChangeRead]:
        self.asked.append(service)
        if service not in self.told:
            raise SourceFailed("no_data", "no record")
        at = NOON - timedelta(minutes=1)
        contents = [ChangeContent(what=what, at=at, by="ana", before=None, after=None) for what in self.told[service]]
        return [ChangeRead(content, {}) for content in contents]

    def changes_of(self, subject: Subject, start: datetime, end: datetime) -> list[ChangeRead]:
        return self.changes(subject.name, start, end)


class Quiet(Nothing):
    """Metrics that nobody wrote."""

    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[MetricRef]:
        return []

    def read(self, metrics: Sequence[MetricRef], start: datetime, end: datetime) -> list[Series]:  # type: ignore[override]
        return []


def look(metric: MetricRef | None = None, nodes: tuple[Node, ...] = (), **ports: Any) -> e.EvidenceGatheredV1:
    nothing = Nothing()
    topology = DeclaredTopology(Topology(services=nodes), "Service") if nodes else None
    settings = ports.pop("settings", ObserveSettings())
    given = {"changes": (), "hosts": nothing, **ports}
    world = Ports(settings, Quiet(), nothing, runbooks=nothing, blobs=InMemoryBlobStore(), topology=topology, **given)
    incident = opened()
    signal = incident.signal.model_copy(update={"metric": metric or incident.signal.metric})
    (gathered,) = story(SERVICE, world).when(incident.model_copy(update={"signal": signal})).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    return gathered


def test_a_stopped_instance_is_status_evidence_and_its_events_are_a_log() -> None:
    gathered = look(INSTANCES, states=(States(INSTANCE),))
    (status,) = [item for item in gathered.items if item.kind == "status"]
    (log,) = [item for item in gathered.items if item.kind == "log"]
    content = StatusContent.model_validate(status.content)
    assert (content.component, content.state) == ("i-0ab", "stopped")
    assert (status.summary, status.query) == ("instance i-0ab is stopped: it stopped", {"operation": "S"})
    assert status.is_intact()
    (event,) = LogContent.model_validate(log.content).patterns
    assert (event.template, event.component, event.first_at) == (
        "it was told to stop",
        "i-0ab",
        NOON - timedelta(minutes=2),
    )
    assert log.window is not None


@pytest.mark.parametrize(
    ("states", "is_answered"),
    [(States(INSTANCE), True), (States(INSTANCE, failing=SourceFailed("timeout", "")), False), (States(ECS), False)],
    ids=["it answered", "it failed", "it was not asked"],
)
def test_a_round_tells_which_kinds_of_evidence_were_answered(states: States, is_answered: bool) -> None:
    @dataclass
    class Silent(Nothing):
        def status(self, service: str, unit: str) -> list[StatusRead]:
            raise SourceFailed("no_data", "no managed host")

    gathered = look(INSTANCES, states=(states,), hosts=Silent(), changes=(Changes({"orders": []}), Changes({})))
    assert ("status" in gathered.answered) is is_answered
    assert "change" in gathered.answered  # one source knew of none, another one failed
    assert "runbook" not in gathered.answered


def test_a_source_that_denies_is_a_gap_and_no_status() -> None:
    denied = SourceFailed("no_permission", "AccessDenied: DescribeInstanceStatus")
    gathered = look(INSTANCES, states=(States(INSTANCE, failing=denied),))
    assert not [item for item in gathered.items if item.kind == "status"]
    gaps = [gap for gap in gathered.gaps if gap.source == "states"]
    assert [(gap.kind, gap.reason) for gap in gaps] == [("status", "no_permission")]


def test_a_part_that_is_denied_is_a_gap_beside_what_was_told() -> None:
    part = SourceFailed("no_permission", "AccessDenied: DescribeEvents")
    gathered = look(INSTANCES, states=(States(INSTANCE, beside=(part,)),))
    assert [item.kind for item in gathered.items if item.kind == "status"] == ["status"]
    assert "AccessDenied: DescribeEvents" in [gap.detail for gap in gathered.gaps]


def test_nothing_is_asked_that_does_not_concern_the_resource() -> None:
    databases, services = States(DATABASE), Changes({})
    gathered = look(INSTANCES, states=(databases,), resource_changes=(services,))
    assert (databases.asked, services.asked) == ([], [])
    assert not [gap for gap in gathered.gaps if gap.source in ("states", "changes")]


def test_a_service_on_managed_hosts_asks_no_other_api() -> None:
    sources = [States(kind) for kind in (DATABASE, ECS, INSTANCE)]
    look(states=tuple(sources))
    assert [source.asked for source in sources] == [[], [], []]


def test_what_the_service_is_declared_to_consist_of_is_asked_about() -> None:
    databases = States(DATABASE)
    look(states=(databases,), nodes=(Node(name="orders", resources=("AWS/RDS DBInstanceIdentifier=orders-db",)),))
    assert [subject.name for subject in databases.asked] == ["orders-db"]


OF_ECS = INSTANCES.model_copy(
    update={"namespace": "AWS/ECS", "dimensions": {"ClusterName": "shop", "ServiceName": "orders"}}
)


@pytest.mark.parametrize(
    ("changes", "is_answered"),
    [
        (Changes({"orders": []}), True),
        (Changes({}), False),
        (Changes({"orders": []}, kinds=frozenset({DATABASE})), False),
    ],
    ids=["it knew of none", "it failed", "it was not asked"],
)
def test_a_record_of_changes_answers_if_it_was_asked_and_could_be_read(changes: Changes, is_answered: bool) -> None:
    assert ("change" in look(OF_ECS, resource_changes=(changes,)).answered) is is_answered


def test_metrics_that_nobody_wrote_are_no_answer() -> None:
    gathered = look(INSTANCES)
    assert "metric" not in [*gathered.answered, *(item.kind for item in gathered.items)]


def test_changes_of_the_resource_are_the_services_and_name_it() -> None:
    gathered = look(OF_ECS, resource_changes=(Changes({"orders": ["deployment"]}),))
    (item,) = [item for item in gathered.items if item.kind == "change"]
    assert ChangeContent.model_validate(item.content).component == "orders"


BELOW = (Node(name="orders", depends_on=("payments", "mail")), Node(name="payments"), Node(name="mail"))


def test_changes_of_what_the_service_calls_are_read_too_each_with_its_own() -> None:
    source = Changes({"orders": ["release of orders"], "payments": ["release of payments"]})
    gathered = look(nodes=BELOW, changes=(source,), neighbour_changes=(source,))
    found = [ChangeContent.model_validate(item.content) for item in gathered.items if item.kind == "change"]
    assert {(change.what, change.component) for change in found} == {
        ("release of orders", "orders"),
        ("release of payments", "payments"),
    }
    (gap,) = [gap for gap in gathered.gaps if gap.source == "changes"]
    assert (gap.kind, gap.detail) == ("topology", "mail: no record")  # the service's own changes are known


def test_a_source_that_knows_the_service_only_is_not_asked_about_others() -> None:
    source = Changes({"orders": []})
    look(nodes=BELOW, changes=(source,))
    assert source.asked == ["orders"]


def test_changes_of_few_services_are_read_and_it_is_said_how_many_are_not() -> None:
    source = Changes({"orders": [], "mail": [], "payments": []})
    gathered = look(
        nodes=BELOW, changes=(source,), neighbour_changes=(source,), settings=ObserveSettings(max_neighbour_changes=1)
    )
    assert source.asked == ["orders", "mail"]
    assert "changes of 1 services below are not read, at most 1 are" in [gap.detail for gap in gathered.gaps]


@pytest.mark.parametrize("order", [1, -1])
def test_a_resource_tells_its_events_in_the_order_of_their_time(order: int) -> None:
    @dataclass
    class Many(States):
        def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
            told = [StateEvent(NOON - timedelta(minutes=n), f"event {n}", subject.name, {}) for n in range(40)]
            return StateRead((), tuple(told[::order]))

    gathered = look(INSTANCES, states=(Many(INSTANCE),))
    (log,) = [LogContent.model_validate(item.content) for item in gathered.items if item.kind == "log"]
    assert [pattern.template for pattern in log.patterns] == [f"event {n}" for n in range(29, -1, -1)]
    assert log.truncated
