"""A storm of incidents under a budget: each reaches its plan, and never more are looked at than there is room for."""

from dataclasses import replace

import pytest

from resilibot.act.service import SERVICE as ACT
from resilibot.contracts import events as e
from resilibot.contracts.door_policy import parse
from resilibot.ingest.ports import Ports as IngestPorts
from resilibot.ingest.service import SERVICE as INGEST
from resilibot.ingest.settings import IngestSettings
from resilibot.observe.ports import Ports as ObservePorts
from resilibot.observe.service import SERVICE as OBSERVE
from resilibot.observe.settings import ObserveSettings
from resilibot.plan.service import SERVICE as PLAN
from resilibot.reason.service import SERVICE as REASON
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.testing import NOON
from tests.simulation.adversary import Adversary
from tests.simulation.scenario import Workload
from tests.simulation.world import Hosts, Logs, Metrics, Releases, Runbooks, World
from tests.support.act_world import ports as act_ports
from tests.support.small_house import SmallHouse

INCIDENTS, AT_ONCE = 200, 5


@pytest.mark.feature(59)
def test_two_hundred_incidents_at_once_all_reach_a_plan_and_five_at_a_time_are_looked_at() -> None:
    names = [f"s{number:03}" for number in range(INCIDENTS)]
    workloads = [Workload(name, (f"i-{name}1", f"i-{name}2"), "hung_host", True, None, ()) for name in names]
    clock, store = ManualClock(NOON), InMemoryEventStore()
    adversary = Adversary(0, 0.0, clock.now)
    world = World(workloads, NOON, clock)
    policy = parse(f'{{"budget": {{"max_concurrent": {AT_ONCE}}}}}')
    observe = ObservePorts(
        ObserveSettings(baseline_s=120, metric_period_s=10),
        Metrics(world, adversary, "metrics"),
        Logs(world, adversary, "logs"),
        Hosts(world, adversary, "hosts"),
        (Releases(world, adversary, "parameter-store"),),
        Runbooks(world, adversary, "runbooks"),
        InMemoryBlobStore(),
    )
    house = SmallHouse(
        [
            (INGEST, IngestPorts(IngestSettings(), clock, InMemoryBlobStore(), policy=policy, history=store)),
            (ACT, replace(act_ports(units=tuple(f"{name}.service" for name in names)), door=policy)),
            (OBSERVE, observe),
            (REASON, None),
            (PLAN, None),
        ],
        store,
        clock,
    )
    for name in names:
        house.alarm(f"{name}-errors", service=name, is_pumped=False)
    house.pump()
    house.advance(60)
    cases = house.cases()
    assert len(cases) == INCIDENTS
    assert [case.incident_id for case in cases if case.plan is None] == []
    assert sum(case.queued is None for case in cases) == INCIDENTS
    assert len(house.events(e.InvestigationQueuedV1)) == INCIDENTS - AT_ONCE
    held: set[str] = set()
    for event in house.events(stream="control#budget"):
        if isinstance(event, e.SlotGrantedV1):
            held.add(event.incident_id)
        elif isinstance(event, e.SlotReleasedV1):
            held.discard(event.incident_id)
        assert len(held) <= AT_ONCE
    assert held == set()
