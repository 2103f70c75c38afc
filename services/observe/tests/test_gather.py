"""Evidence: what was seen, exactly how it was asked, and what could not be seen."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.canonical import canonical
from resilibot.contracts.evidence import ChangeContent, MetricContent, StatusContent
from resilibot.contracts.personal import pseudonym_of
from resilibot.contracts.signal import MetricRef
from resilibot.observe.metric_evidence import alarmed, neighbours
from resilibot.observe.ports import (
    ChangeRead,
    LogLine,
    LogRead,
    Ports,
    Runbook,
    Series,
    SourceFailed,
    StatusRead,
)
from resilibot.observe.rounds import firing_signal, metric_signal
from resilibot.observe.runbook_library import RunbookLibrary
from resilibot.observe.runbook_ports import EncoderUnavailable
from resilibot.observe.service import SERVICE
from resilibot.observe.settings import ObserveSettings
from resilibot.observe.timing import settle_if_new
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.event_store.items import COMMIT_BYTES
from resilibot.runtime.personal import InMemorySubjectKeys, KeysUnavailable, Personal
from resilibot.runtime.testing import NOON, Story, story
from tests.support.act_world import opened
from tests.support.story import INCIDENT_EVENTS

HOST = "i-00000000000000001"


@dataclass
class FakeWorld:
    """All sources in one; any of them may fail with `failing[name]`, or be slow."""

    name: str = "fake"
    failing: dict[str, SourceFailed] = field(default_factory=dict)
    slow_s: dict[str, float] = field(default_factory=dict)
    bad_from: datetime = NOON - timedelta(seconds=20)
    detail: str = ""
    hosts: Sequence[str] = (HOST,)
    query: dict[str, Any] = field(default_factory=dict)  # of each metric, to make it as long as a real one
    asked: list[str] = field(default_factory=list)
    runbooks: Sequence[Runbook] = ()
    library: RunbookLibrary = field(default_factory=RunbookLibrary)

    def _asked(self, name: str) -> None:
        self.asked.append(name)
        time.sleep(self.slow_s.get(name, 0))
        if name in self.failing:
            raise self.failing[name]


@dataclass
class FakeMetrics:
    world: FakeWorld
    name: str = "cloudwatch"

    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[MetricRef]:
        return [
            MetricRef(
                namespace="Web",
                name="HostFailures",
                statistic="Average",
                period_s=60,
                dimensions={**dimensions, "Host": host},
            )
            for host in self.world.hosts
        ]

    def read(self, metrics: Sequence[MetricRef], start: datetime, end: datetime) -> list[Series]:
        self.world._asked("metrics")
        times = [start + timedelta(seconds=n) for n in range(int((end - start).total_seconds()))]
        points = tuple((at, 50.0 if at >= self.world.bad_from else 1.0) for at in times)
        return [Series(metric, points, {"Period": metric.period_s, **self.world.query}) for metric in metrics]


@dataclass
class FakeLogs:
    world: FakeWorld
    name: str = "logs"

    def read(self, group: str, start: datetime, end: datetime, limit: int) -> LogRead:
        self.world._asked("logs")
        line = LogLine(end - timedelta(seconds=1), HOST, "ERROR order 17 failed: KeyError")
        return LogRead((line,), False, {"logGroupName": group})


@dataclass
class FakeHosts:
    world: FakeWorld
    name: str = "ssm"

    def status(self, service: str, unit: str) -> list[StatusRead]:
        self.world._asked("hosts")
        status = StatusContent(
            component=HOST, kind="unit", state="active", responds=True, detail={"unit": unit, "text": self.world.detail}
        )
        return [StatusRead(status, {"DocumentName": "check"})]


@dataclass
class FakeChanges:
    world: FakeWorld
    name: str = "parameter-store"

    def changes(self, service: str, start: datetime, end: datetime) -> list[ChangeRead]:
        self.world._asked("changes")
        at = NOON - timedelta(seconds=30)
        return [ChangeRead(ChangeContent(what=f"release of {service}", at=at, by="ci", before="7", after="8"), {})]


@dataclass
class FakeRunbooks:
    world: FakeWorld
    name: str = "s3"

    def all(self) -> list[Runbook]:
        self.world._asked("runbooks")
        orders = Runbook("runbooks/orders.md", "v1", "# Orders failures are high\n\nLook at the release.", {"Key": "k"})
        return [orders, *self.world.runbooks]


class NoEncoder:
    """An encoder that was asked for and is not installed."""

    def model(self) -> str:
        raise EncoderUnavailable("the extra 'dense' is not installed")

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        raise AssertionError

    def query(self, text: str) -> bytes:
        raise AssertionError


def looking(world: FakeWorld, **settings: Any) -> Story:
    ports = Ports(
        ObserveSettings(baseline_s=120, metric_period_s=1, **settings),
        FakeMetrics(world),
        FakeLogs(world),
        FakeHosts(world),
        (FakeChanges(world),),
        FakeRunbooks(world),
        InMemoryBlobStore(),
        world.library,
    )
    return story(SERVICE, ports)


def first_look(world: FakeWorld, **settings: Any) -> e.EvidenceGatheredV1:
    (gathered,) = looking(world, **settings).when(opened()).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    return gathered


def test_the_first_look_asks_every_source_and_numbers_what_it_saw() -> None:
    gathered = first_look(FakeWorld())
    assert [item.id for item in gathered.items] == [
        "r1.metric.1",
        "r1.metric.2",
        "r1.log.1",
        "r1.status.1",
        "r1.change.1",
        "r1.runbook.1",
    ]
    assert gathered.gaps == []
    assert all(item.is_intact() and item.query is not None for item in gathered.items)


@pytest.mark.feature(17)
def test_the_onset_is_when_the_alarms_metric_left_its_baseline() -> None:
    gathered = first_look(FakeWorld())
    assert gathered.onset == NOON - timedelta(seconds=20)
    metric = MetricContent.model_validate(gathered.items[0].content)
    assert metric.baseline is not None
    assert (metric.baseline.median, metric.baseline.high) == (1.0, 1.0)
    assert {value for _, value in metric.points} == {50.0}


def test_a_metric_belongs_to_the_component_of_its_further_dimension() -> None:
    gathered = first_look(FakeWorld())
    components = [MetricContent.model_validate(i.content).component for i in gathered.items if i.kind == "metric"]
    assert components == ["orders", HOST]


@pytest.mark.feature(19)
@pytest.mark.parametrize(
    ("source", "kind"),
    [("metrics", "metric"), ("logs", "log"), ("hosts", "status"), ("changes", "change"), ("runbooks", "runbook")],
)
def test_a_source_that_denies_is_a_gap_and_never_health(source: str, kind: str) -> None:
    world = FakeWorld(failing={source: SourceFailed("no_permission", "AccessDenied: GetThings")})
    gathered = first_look(world)
    (gap,) = gathered.gaps
    assert (gap.kind, gap.reason) == (kind, "no_permission")
    assert "GetThings" in gap.detail
    assert not [item for item in gathered.items if item.kind == kind]


def test_a_runbook_is_cited_by_key_and_version_and_says_how_it_was_found() -> None:
    gathered = first_look(FakeWorld())
    (item,) = [item for item in gathered.items if item.kind == "runbook"]
    assert item.content is not None
    assert (item.content["key"], item.content["version_id"]) == ("runbooks/orders.md", "v1")
    assert item.summary == "runbook Orders failures are high, found by words alone: no encoder is set up"


def test_an_encoder_that_is_wanted_and_missing_is_a_gap_beside_the_runbook_that_words_found() -> None:
    gathered = first_look(FakeWorld(library=RunbookLibrary(NoEncoder())))
    assert "r1.runbook.1" in [item.id for item in gathered.items]
    (gap,) = gathered.gaps
    assert (gap.kind, gap.reason) == ("runbook", "not_configured")
    assert gap.detail == "runbooks were searched by words alone: the extra 'dense' is not installed"


def test_a_runbook_that_cannot_be_parsed_is_a_gap_that_names_it() -> None:
    gathered = first_look(FakeWorld(runbooks=[Runbook("runbooks/broken.json", "v1", "{", {})]))
    assert "r1.runbook.1" in [item.id for item in gathered.items]
    (gap,) = gathered.gaps
    assert gap.kind == "runbook"
    assert gap.detail.startswith("runbooks/broken.json is searched as plain text: no JSON")


def test_a_source_past_its_deadline_is_a_gap_and_is_not_waited_for() -> None:
    started = time.monotonic()
    gathered = first_look(FakeWorld(slow_s={"hosts": 1.5}), source_deadline_s=0.1)
    assert time.monotonic() - started < 1.2
    assert [(gap.kind, gap.reason) for gap in gathered.gaps] == [("status", "timeout")]


def test_large_content_is_kept_by_reference_under_its_hash() -> None:
    world = FakeWorld(detail="x" * 70_000)
    told = looking(world)
    (gathered,) = told.when(opened()).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    status = next(item for item in gathered.items if item.kind == "status")
    assert status.content is None
    assert status.content_ref is not None
    assert status.content_ref.endswith(status.content_hash)
    assert told.ports.blobs.get(status.content_ref)


def test_a_round_of_very_many_metrics_still_fits_into_one_event_and_says_what_was_left_out() -> None:
    hosts = [f"i-{number:017x}" for number in range(300)]
    gathered = first_look(FakeWorld(hosts=hosts, query={"Dimensions": ["app/orders/50dc6c495c0c9188"] * 60}))
    assert len(canonical(gathered.payload())) < COMMIT_BYTES
    metrics = [item for item in gathered.items if item.kind == "metric"]
    assert 50 < len(metrics) < 101
    assert MetricContent.model_validate(metrics[0].content).is_alarm_metric
    assert all(item.content is not None for item in gathered.items if item.kind != "metric")
    assert [gap.detail.split(" ")[0] for gap in gathered.gaps] == ["300", str(101 - len(metrics))]


def test_a_verify_look_asks_only_what_tells_whether_it_works_again() -> None:
    world = FakeWorld()
    told = looking(world)
    told.given(opened(), first_look(FakeWorld()))
    done = next(event for event in INCIDENT_EVENTS if isinstance(event, e.ActionStartedV1))
    succeeded = e.ActionSucceededV1(action_id=done.action_id, provider_id="x")
    told.given(done, succeeded)
    told.clock.advance(200)
    (gathered,) = told.when_due("settle", succeeded, after_s=180).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    assert (gathered.round, gathered.purpose) == (2, "verify")
    assert "changes" not in world.asked
    assert "runbooks" not in world.asked


def test_an_onset_that_was_guessed_without_metrics_is_found_anew_when_they_answer() -> None:
    blind = first_look(FakeWorld(failing={"metrics": SourceFailed("timeout", "no answer")}))
    world = FakeWorld()
    told = looking(world).given(opened(), blind)
    attached = e.SignalAttachedV1(signal=opened().signal, why="new_kind", occurrences=2)
    told.given(attached)
    (second,) = told.when_due("settle", attached, after_s=180).events
    assert isinstance(second, e.EvidenceGatheredV1)
    assert second.onset == first_look(FakeWorld()).onset != blind.onset


def test_nothing_is_looked_at_while_an_action_runs_or_after_the_end() -> None:
    told = looking(FakeWorld())
    told.given(opened(), first_look(FakeWorld()))
    cleared = e.SignalClearedV1(signal_name="orders-failures", cleared_at=NOON)
    started = next(event for event in INCIDENT_EVENTS if isinstance(event, e.ActionStartedV1))
    told.given(cleared, started)
    assert told.when_due("settle", cleared, after_s=180).events == []
    told.given(e.IncidentClosedV1(why="person"))
    assert told.when_due("settle", cleared, after_s=180).events == []


def test_an_alarm_attached_before_the_action_ended_is_seen_by_the_look_after_it() -> None:
    told = looking(FakeWorld())
    attached = e.SignalAttachedV1(signal=opened().signal, why="new_kind", occurrences=2)
    started = next(event for event in INCIDENT_EVENTS if isinstance(event, e.ActionStartedV1))
    done = e.ActionSucceededV1(action_id=started.action_id, provider_id="x")
    told.given(opened(), first_look(FakeWorld()), attached, started, done)
    assert told.when_due("settle", attached, after_s=180).events == []
    assert len(told.when_due("settle", done, after_s=180).events) == 1


def _neighbours_alarm(why: str) -> e.SignalAttachedV1:
    base = opened().signal
    assert base.metric is not None
    resource = base.resource.model_copy(update={"service": "checkout", "name": "Shop Service=checkout"})
    metric = base.metric.model_copy(update={"dimensions": {"Service": "checkout"}})
    theirs = base.model_copy(update={"resource": resource, "metric": metric, "source_id": "m-9"})
    return e.SignalAttachedV1.model_validate({"signal": theirs, "fingerprint": "fp2", "why": why, "occurrences": 1})


@pytest.mark.feature(102)
@pytest.mark.parametrize("why", ["correlated", "merged", "returned"])
def test_a_neighbours_alarm_starts_no_look_of_its_own(why: str) -> None:
    told = looking(FakeWorld()).given(opened(), first_look(FakeWorld()))
    attached = _neighbours_alarm(why)
    told.given(attached)
    recorded = told.store.load(told.stream).events[-1]
    assert settle_if_new(recorded, told.ports) == []


@pytest.mark.feature(102)
def test_a_neighbours_alarm_is_watched_under_its_own_name_and_does_not_take_the_incident_over() -> None:
    told = looking(FakeWorld()).given(opened(), _neighbours_alarm("correlated"))
    focus = firing_signal(told.case)
    assert focus is not None
    assert focus.resource.service == opened().signal.resource.service
    assert metric_signal(told.case) == focus
    assert list(neighbours(told.case).values()) == ["checkout"]
    assert len(alarmed(told.case, focus, 60)) == 2


@pytest.mark.feature(102)
def test_an_incident_that_is_no_longer_merged_is_looked_at_anew() -> None:
    told = looking(FakeWorld()).given(opened(), first_look(FakeWorld()), e.IncidentMergedV1(into="01PARENT"))
    (gathered,) = told.when(e.IncidentUnmergedV1(out_of="01PARENT")).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    assert (gathered.round, gathered.purpose) == (2, "diagnose")


def test_an_incident_is_looked_at_a_bounded_number_of_times() -> None:
    told = looking(FakeWorld(), max_rounds=5)
    looks = [first_look(FakeWorld()).model_copy(update={"round": number}) for number in range(1, 6)]
    diagnosis = next(event for event in INCIDENT_EVENTS if isinstance(event, e.DiagnosisReachedV1))
    told.given(opened(), *looks, diagnosis)
    assert told.when_due("recheck", diagnosis, after_s=300).events == []
    revoked = e.ApprovalRevokedV1(grant_id="g1", reason="it is forged")
    told.given(revoked)  # whoever forges a grant for each new request would be asked, and look, for ever
    assert told.when_due("settle", revoked, after_s=180).events == []
    cleared = e.SignalClearedV1(signal_name="orders-failures", cleared_at=NOON)
    told.given(cleared)
    (gathered,) = told.when_due("settle", cleared, after_s=180).events  # something changed: that is always looked at
    assert isinstance(gathered, e.EvidenceGatheredV1)
    assert gathered.round == 6


@pytest.mark.feature(214)
def test_who_made_a_change_is_sealed_before_the_evidence_is_hashed() -> None:
    personal = Personal(InMemorySubjectKeys())
    told = looking(FakeWorld())
    told.ports = replace(told.ports, identity=personal.identity)
    (gathered,) = told.when(opened()).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    (change,) = [item for item in gathered.items if item.kind == "change"]
    assert change.is_intact()
    assert change.content is not None
    assert pseudonym_of(change.content["by"])
    assert " by ci" not in change.summary
    assert personal.reveal(change.summary).endswith(" by ci")


def test_a_change_is_evidence_also_when_its_maker_cannot_be_sealed() -> None:
    def refuse(name: str) -> str:
        raise KeysUnavailable("the key service did not answer")

    told = looking(FakeWorld())
    told.ports = replace(told.ports, identity=refuse)
    (gathered,) = told.when(opened()).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    (change,) = [item for item in gathered.items if item.kind == "change"]
    assert change.content is not None
    assert (change.content["after"], change.content["by"]) == ("8", None)


@pytest.mark.parametrize("investigation", ["approval", "queued"])
def test_no_call_is_made_before_the_investigation_starts(investigation: str) -> None:
    """Neither for the opening, nor for anything that comes of the alarm meanwhile."""
    world = FakeWorld()
    told = looking(world)
    waiting = opened().model_copy(update={"investigation": investigation})
    assert told.when(waiting).events == []
    cleared = e.SignalClearedV1(signal_name=waiting.signal.name, cleared_at=NOON)
    told.given(cleared)
    assert told.when_due("settle", cleared, after_s=180).events == []
    assert world.asked == []
    (gathered,) = told.when(e.InvestigationStartedV1(basis="budget", waited_s=5)).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    assert world.asked


def test_a_reopened_incident_that_waits_again_is_not_looked_at_on_the_old_start() -> None:
    world = FakeWorld()
    told = looking(world).given(
        opened().model_copy(update={"investigation": "queued"}), e.InvestigationStartedV1(basis="budget", waited_s=5)
    )
    assert told.when(e.IncidentReopenedV1(signal=opened().signal, quiet_for_s=1, investigation="queued")).events == []
    assert world.asked == []
