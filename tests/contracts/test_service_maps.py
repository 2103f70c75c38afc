"""The SERVICE maps as one system: who emits, who hears, and that nothing is said into the void."""

import pytest

import resilibot.contracts.events  # noqa: F401  fills the registry
from resilibot.contracts.event import REGISTRY, DomainEvent
from resilibot.contracts.upcasts import UPCASTS
from resilibot.local.roster import SERVICES
from resilibot.projections.tables import FIRST
from resilibot.runtime.bus.topology import Topology
from resilibot.runtime.service import Service

EMITTERS = [service for service in SERVICES if service.name != "projections"]
NEWEST = {wire_type: event for wire_type, event in REGISTRY.items() if UPCASTS.newest(wire_type) == wire_type}
EVENTS = sorted(NEWEST.values(), key=lambda event: event.wire_type)  # older versions are read as these
ASKING = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")  # for ConverseStream
BY_NAME = {service.name: service for service in SERVICES}


def heard(service: Service) -> set[type[DomainEvent]]:
    return set(service.reactions) | set(service.timers) | set(service.projects)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.wire_type)
def test_every_event_has_exactly_one_emitter(event: type[DomainEvent]) -> None:
    assert [service.name for service in SERVICES if event in service.emits] == [event.emitter]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_consumed_event_has_an_emitter(service: Service) -> None:
    emitted = {event for other in SERVICES for event in other.emits}
    assert heard(service) <= emitted


def test_every_event_reaches_projections_by_name() -> None:
    """Listed one by one in the map: a new event that nobody projects fails here."""
    assert BY_NAME["projections"].projects == frozenset(EVENTS)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_filter_policy_equals_the_map(service: Service) -> None:
    queue = Topology(SERVICES).queue(service.name)
    own_timers = {event for event in service.timers if event in service.emits}
    heard_by_queue = heard(service) - (own_timers - set(service.reactions))
    expected = {wire_type for event in heard_by_queue for wire_type in UPCASTS.read_as(event.wire_type)}
    assert queue.filter_policy == {"type": sorted(expected)}


@pytest.mark.parametrize("service", EMITTERS, ids=lambda service: service.name)
def test_every_claim_says_how_long_its_lease_is(service: Service) -> None:
    for claim in service.effects:
        assert "lease_s" in claim.model_fields, f"{claim.__name__} needs lease_s: recover() hangs on it"
        assert claim in service.emits


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_only_act_and_notify_have_effects(service: Service) -> None:
    assert not service.effects or service.name in ("act", "notify")


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_only_published_read_models_are_read_and_reading_them_is_permitted(service: Service) -> None:
    assert set(service.reads) <= set(FIRST)
    assert not service.reads or "dynamodb:Query" in service.needs


@pytest.mark.feature(57)
def test_the_reasoner_may_ask_a_model_and_do_nothing_else() -> None:
    assert set(BY_NAME["reason"].needs) == {*ASKING, "secretsmanager:GetSecretValue"}
    assert BY_NAME["plan"].needs == ()


@pytest.mark.feature(72)
def test_only_who_diagnoses_and_who_answers_questions_may_ask_a_model() -> None:
    for action in ASKING:
        assert {service.name for service in SERVICES if action in service.needs} == {"reason", "projections"}
