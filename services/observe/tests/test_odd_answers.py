"""What a source answers in another shape, or far too late, costs its own evidence and never the round."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.canonical import canonical
from resilibot.contracts.evidence import StatusContent, TopologyContent, TopologyNode
from resilibot.contracts.signal import ResourceRef
from resilibot.observe.adapters.cloudtrail_changes import CloudTrailChanges
from resilibot.observe.adapters.ecs_services import EcsServices
from resilibot.observe.odd import storable
from resilibot.observe.ports import LogLine, LogRead, Ports, Series, SourceFailed, StateRead, StatusRead, TopologyRead
from resilibot.observe.service import SERVICE
from resilibot.observe.settings import ObserveSettings
from resilibot.observe.subjects import INSTANCE, Subject
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.testing import story
from tests.support.act_world import opened
from tests.support.silent_sources import Nothing
from tests.support.state_sources import INSTANCES, States

HALF = "\ud83d"  # what is left of an emoji where a text was cut


class Metrics(Nothing):
    slow_s = 0.0

    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[Any]:
        return []

    def read(self, metrics: Any, start: datetime, end: datetime) -> list[Series]:  # type: ignore[override]
        time.sleep(self.slow_s)
        times = [start + timedelta(seconds=60 * n) for n in range(int((end - start).total_seconds() / 60))]
        return [Series(metric, tuple((at, 1.0) for at in times), {}) for metric in metrics]


class Logs(Nothing):
    said = "ERROR order failed"

    def read(self, group: str, start: datetime, end: datetime, limit: int) -> LogRead:
        return LogRead((LogLine(end - timedelta(seconds=1), "i-0ab", self.said),), False, {})


def look(**ports: Any) -> e.EvidenceGatheredV1:
    nothing, settings = Nothing(), ports.pop("settings", ObserveSettings())
    given = {"changes": (), "metrics": Metrics(), "logs": Logs(), **ports}
    world = Ports(settings, hosts=nothing, runbooks=nothing, blobs=InMemoryBlobStore(), **given)
    incident = opened()
    signal = incident.signal.model_copy(update={"metric": INSTANCES})
    (gathered,) = story(SERVICE, world).when(incident.model_copy(update={"signal": signal})).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    canonical(gathered.payload())  # it can be stored
    return gathered


class Answering:
    """A client that gives the same answer to each call."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer

    def __getattr__(self, name: str) -> Any:
        return lambda **arguments: self.answer


@pytest.mark.parametrize(
    "told",
    [{"EventName": "UpdateAlias"}, {"EventName": "UpdateAlias", "EventTime": "yesterday"}],
    ids=["no time", "a time that is none"],
)
def test_a_change_without_its_time_is_a_gap_beside_all_other_evidence(told: dict[str, str]) -> None:
    gathered = look(changes=(CloudTrailChanges(Answering(Events=[told])),))
    (gap,) = [gap for gap in gathered.gaps if gap.kind == "change"]
    assert (gap.source, gap.reason) == ("cloudtrail", "error")
    assert "yesterday" not in gap.detail  # the name of the error, never what was answered
    assert {"metric", "log"} <= {item.kind for item in gathered.items}


def test_a_state_that_cannot_be_read_costs_its_own_resource_only() -> None:
    @dataclass
    class Odd(States):
        def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
            return EcsServices(lambda: Answering(services=[{"events": [{"message": "no time"}]}])).state(
                subject, start, end
            )

    gathered = look(states=(Odd(INSTANCE, name="odd"), States(INSTANCE)))
    assert [item.source for item in gathered.items if item.kind == "status"] == ["states"]
    assert [gap.reason for gap in gathered.gaps if gap.source == "odd"] == ["error"]


@dataclass
class Graph:
    slow_s: float = 0.0
    odd: bool = False
    name: str = "xray"

    def below(self, resource: ResourceRef) -> TopologyRead:
        time.sleep(self.slow_s)
        if self.odd:
            raise KeyError("ReferenceId")
        node = TopologyNode(name="orders", kind="service")
        return TopologyRead(TopologyContent(alarm_node="orders", nodes=[node], edges=[]), (), {})


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        IndexError("x"),
        AttributeError("x"),
        TypeError("x"),
        ValueError("x"),
        OverflowError("x"),
        RecursionError("x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_reading_an_odd_answer_raises_costs_that_answer_only(error: Exception) -> None:
    (gap,) = [gap for gap in look(states=(Raising(error), States(INSTANCE))).gaps if gap.source == "raising"]
    assert (gap.reason, gap.detail) == ("error", f"raising: an answer that cannot be read: {type(error).__name__}")


def test_an_error_that_is_not_about_an_answer_is_no_gap_but_leaves_the_round() -> None:
    class OutOfOrder(Exception):
        """As a bug or a broken machine raises it."""

    for error in (OutOfOrder(), OSError("disk"), RuntimeError("no more threads"), MemoryError()):
        with pytest.raises(type(error)):
            look(states=(Raising(error),))


class Raising(States):
    def __init__(self, error: Exception) -> None:
        super().__init__(INSTANCE, name="raising")
        self.error = error

    def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
        raise self.error


def test_a_call_graph_that_cannot_be_read_costs_no_metric() -> None:
    gathered = look(topology=Graph(odd=True), states=(States(INSTANCE),))
    assert {"metric", "log", "status"} <= {item.kind for item in gathered.items}
    assert [gap.reason for gap in gathered.gaps if gap.source == "xray"] == ["error"]


def test_a_call_graph_that_does_not_answer_costs_neither_metrics_nor_logs_nor_states() -> None:
    settings = ObserveSettings(source_deadline_s=1)
    gathered = look(topology=Graph(slow_s=1.5), states=(States(INSTANCE),), settings=settings)
    assert {"metric", "log", "status"} <= {item.kind for item in gathered.items}
    assert [(gap.kind, gap.reason) for gap in gathered.gaps if gap.source == "xray"] == [("topology", "timeout")]


def test_logs_are_read_though_the_metrics_do_not_answer() -> None:
    metrics = Metrics()
    metrics.slow_s = 1.5
    gathered = look(metrics=metrics, settings=ObserveSettings(source_deadline_s=0.6))
    assert [item.kind for item in gathered.items] == ["log"]
    assert ("metric", "timeout") in [(gap.kind, gap.reason) for gap in gathered.gaps]


def test_half_a_character_in_a_log_line_stops_no_round() -> None:
    logs = Logs()
    logs.said = f"ERROR cut off {HALF}"
    (log,) = [item for item in look(logs=logs).items if item.kind == "log"]
    assert log.content is not None
    assert log.content["patterns"][0]["sample"] == "ERROR cut off �"
    assert log.is_intact()


def test_half_a_character_in_a_state_a_query_or_a_refusal_stops_no_round() -> None:
    @dataclass
    class Cut(States):
        def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
            detail = {"reasons": [f"stopped {HALF}"], HALF: "x"}
            status = StatusContent(component="c", kind=self.kind, state="stopped", responds=None, detail=detail)
            return StateRead((StatusRead(status, {"token": HALF}),), (), (SourceFailed("error", f"denied {HALF}"),))

    gathered = look(states=(Cut(INSTANCE),))
    (status,) = [item for item in gathered.items if item.kind == "status"]
    assert status.summary == "instance c is stopped: stopped �"
    assert "denied �" in [gap.detail for gap in gathered.gaps]


def test_whole_characters_stay_as_they_are() -> None:
    value = {"a": ["😀", 1, None, {"ä": True}], "b": 1.5}
    assert storable(value) == value
