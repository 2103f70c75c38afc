"""From an alarm on an AWS resource to the kind of failure: answers through observe's adapters, judged by reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.signal import MetricRef
from resilibot.observe.adapters.ec2_instances import Ec2Instances
from resilibot.observe.adapters.ecs_services import EcsServices
from resilibot.observe.adapters.lambda_functions import LambdaFunctions
from resilibot.observe.adapters.rds_databases import RdsDatabases
from resilibot.observe.ports import Ports, Series
from resilibot.observe.service import SERVICE as OBSERVE
from resilibot.observe.settings import ObserveSettings
from resilibot.reason.recover import recovered
from resilibot.reason.service import SERVICE as REASON
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.testing import NOON, story
from tests.support.act_world import opened
from tests.support.canned_aws import Answer, CannedAws
from tests.support.silent_sources import Nothing

ECS = ("AWS/ECS", "MemoryUtilization", {"ClusterName": "shop", "ServiceName": "orders"})
RDS = ("AWS/RDS", "FreeStorageSpace", {"DBInstanceIdentifier": "orders"})
EC2 = ("AWS/EC2", "StatusCheckFailed", {"InstanceId": "i-0ab"})
LAMBDA = ("AWS/Lambda", "Throttles", {"FunctionName": "orders"})
Alarm = tuple[str, str, dict[str, str]]


@dataclass
class Flat:
    """The alarm's own metric, and it tells nothing: the same value before and after."""

    value: float = 50.0
    name: str = "cloudwatch"

    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[MetricRef]:
        return []

    def read(self, metrics: Sequence[MetricRef], start: datetime, end: datetime) -> list[Series]:
        times = [start + timedelta(minutes=n) for n in range(int((end - start).total_seconds() // 60) + 1)]
        return [Series(metric, tuple((at, self.value) for at in times), {}) for metric in metrics]


def gathered(alarm: Alarm, answers: Mapping[str, Answer]) -> tuple[e.IncidentOpenedV1, e.EvidenceGatheredV1]:
    aws, nothing = CannedAws(answers), Nothing()
    namespace, name, dimensions = alarm
    metric = MetricRef(namespace=namespace, name=name, statistic="Average", period_s=60, dimensions=dimensions)
    service = dimensions.get("ServiceName") or next(iter(dimensions.values()))
    resource = opened().resource.model_copy(update={"service": service, "name": f"{namespace} {service}"})
    signal = opened().signal.model_copy(update={"metric": metric, "resource": resource})
    incident = opened().model_copy(update={"signal": signal, "resource": resource})
    states = (
        EcsServices(aws.client("ecs")),
        RdsDatabases(aws.client("rds"), aws.client("pi")),
        LambdaFunctions(aws.client("lambda")),
        Ec2Instances(aws.client("ec2")),
    )
    ports = Ports(ObserveSettings(), Flat(), nothing, nothing, (), nothing, InMemoryBlobStore(), states=states)
    (seen,) = story(OBSERVE, ports).when(incident, now=NOON + timedelta(minutes=4)).events
    assert isinstance(seen, e.EvidenceGatheredV1)
    return incident, seen


def diagnosed(alarm: Alarm, answers: Mapping[str, Answer]) -> e.DiagnosisReachedV1:
    incident, seen = gathered(alarm, answers)
    (reached,) = story(REASON).given(incident).when(seen).events
    assert isinstance(reached, e.DiagnosisReachedV1)
    assert reached.dropped_claims == []
    return reached


def leading(reached: e.DiagnosisReachedV1) -> tuple[str, str | None, str] | None:
    return next(((h.cause, h.category, h.component) for h in reached.hypotheses if h.verdict == "leading"), None)


def ecs(*containers: dict[str, Any], running: int = 1, minutes_ago: float = 1, **task: Any) -> dict[str, Answer]:
    stopped: dict[str, Any] = {
        "taskArn": "arn:aws:ecs:eu-central-1:1:task/shop/0a1b",
        "lastStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "stoppedAt": NOON - timedelta(minutes=minutes_ago),
        "containers": list(containers),
        **task,
    }
    service: dict[str, Any] = {
        "serviceName": "orders",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": running,
    }
    return {
        "ecs.DescribeServices": {"services": [service]},
        "ecs.ListTasks": {"taskArns": [stopped["taskArn"]]},
        "ecs.DescribeTasks": {"tasks": [stopped]},
    }


OOM = {"name": "app", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}
PULL = (
    "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref"
    " 1.dkr.ecr.eu-central-1.amazonaws.com/orders:9: not found"
)


def test_a_task_that_was_killed_for_its_memory_is_exhaustion() -> None:
    assert leading(diagnosed(ECS, ecs(OOM))) == ("out_of_memory", "resource_exhaustion", "orders")


def test_an_image_that_cannot_be_pulled_is_configuration_and_is_named() -> None:
    reached = diagnosed(ECS, ecs({"name": "app"}, stopCode="TaskFailedToStart", stoppedReason=PULL))
    assert leading(reached) == ("image_pull", "configuration_error", "orders")
    assert "1.dkr.ecr.eu-central-1.amazonaws.com/orders:9" in reached.summary


@pytest.mark.parametrize(
    "answers",
    [
        ecs({"name": "app", "exitCode": 1}, {"name": "sidecar", "exitCode": 137}),
        ecs(OOM, minutes_ago=300),
        ecs(
            OOM,
            stopCode="ServiceSchedulerInitiated",
            stoppedReason="Scaling activity initiated by (deployment ecs-svc/1)",
        ),
    ],
    ids=["a sidecar that outlived its task", "long ago", "stopped by a deployment"],
)
def test_what_only_looks_like_a_lack_of_memory_is_not_named(answers: dict[str, Answer]) -> None:
    assert leading(diagnosed(ECS, answers)) is None


def rds(state: str, *messages: str) -> dict[str, Answer]:
    events = [{"Date": NOON - timedelta(minutes=1), "Message": message} for message in messages]
    return {
        "rds.DescribeDBInstances": {"DBInstances": [{"DBInstanceIdentifier": "orders", "DBInstanceStatus": state}]},
        "rds.DescribeEvents": {"Events": events},
    }


def test_a_full_volume_is_exhaustion_by_the_status_alone_and_by_the_event_alone() -> None:
    expected = ("storage_full", "resource_exhaustion", "orders")
    assert leading(diagnosed(RDS, rds("storage-full"))) == expected
    assert leading(diagnosed(RDS, rds("available", "The DB instance ran out of storage space."))) == expected


def ec2(state: str) -> dict[str, Answer]:
    status = {"InstanceId": "i-0ab", "InstanceState": {"Name": state}, "SystemStatus": {"Status": "ok"}}
    why = {"StateReason": {"Message": "Server.SpotInstanceTermination: Spot instance termination"}}
    return {
        "ec2.DescribeInstanceStatus": {"InstanceStatuses": [status]},
        "ec2.DescribeInstances": {"Reservations": [{"Instances": [why]}]},
    }


def test_a_stopped_instance_is_infrastructure() -> None:
    assert leading(diagnosed(EC2, ec2("stopped"))) == ("instance_down", "infrastructure", "i-0ab")


def test_a_function_that_may_not_run_is_configuration() -> None:
    answers: dict[str, Answer] = {
        "lambda.GetFunctionConfiguration": {"State": "Active"},
        "lambda.GetFunctionConcurrency": {"ReservedConcurrentExecutions": 0},
    }
    assert leading(diagnosed(LAMBDA, answers)) == ("function_throttled", "configuration_error", "orders")


def test_a_resource_that_is_well_is_no_fault_and_one_that_is_not_is_never_healthy() -> None:
    assert diagnosed(EC2, ec2("running")).outcome == "no_fault"
    assert diagnosed(RDS, rds("available")).outcome == "no_fault"
    short = ecs({"name": "app", "exitCode": 0}, minutes_ago=300)
    assert diagnosed(ECS, short).outcome == "inconclusive"


def test_nothing_is_over_while_a_resource_says_that_it_is_not() -> None:
    for state, is_over in (("running", True), ("stopped", False)):
        incident, seen = gathered(EC2, ec2(state))
        case = story(REASON).given(incident).case
        assert (recovered(case, seen.model_copy(update={"purpose": "verify"})) is not None) is is_over


def test_what_may_not_be_asked_is_a_gap_of_the_diagnosis() -> None:
    reached = diagnosed(EC2, {"ec2.DescribeInstanceStatus": "UnauthorizedOperation"})
    assert [gap.reason for gap in reached.gaps if gap.source == "ec2"] == ["no_permission"]
    assert not any("i-0ab" in finding.text and "runs" in finding.text for finding in reached.findings)


@pytest.mark.parametrize("words", ["the instance is stopped", "reserved concurrency is 0", "DB instance status failed"])
def test_words_of_a_log_are_no_word_of_the_resource(words: str) -> None:
    assert leading(diagnosed(RDS, rds("available", words))) is None
