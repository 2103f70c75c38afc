"""Status and changes of resources against APIs that nobody here has written: the embedded emulator's."""

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resilibot.local.aws import clients_at
from resilibot.observe.adapters.ec2_instances import Ec2Instances
from resilibot.observe.adapters.ecs_services import EcsServices
from resilibot.observe.adapters.lambda_functions import LambdaFunctions
from resilibot.observe.adapters.rds_databases import RdsDatabases
from resilibot.observe.adapters.scaling_groups import ScalingGroups
from resilibot.observe.ports import SourceFailed, StateSource
from resilibot.observe.subjects import DATABASE, ECS, FUNCTION, GROUP, INSTANCE, Subject

pytestmark = pytest.mark.integration

Make = Callable[[str], Any]


@pytest.fixture(scope="module")
def client(ministack_endpoint: str) -> Iterator[Make]:
    with clients_at(ministack_endpoint) as made:
        yield made


def now() -> tuple[datetime, datetime]:
    at = datetime.now(UTC)
    return at - timedelta(hours=1), at + timedelta(minutes=1)


def seen(source: StateSource, subject: Subject) -> tuple[str, list[str]]:
    """State and reasons of the one resource."""
    read = source.state(subject, *now())
    assert read.gaps == ()
    (status,) = [one.status for one in read.states]
    return status.state, status.detail["reasons"]


def test_an_instance_is_seen_running_and_then_stopped(client: Make) -> None:
    ec2 = client("ec2")
    (made,) = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"]
    source, subject = Ec2Instances(lambda: ec2), Subject(INSTANCE, made["InstanceId"])
    assert seen(source, subject) == ("running", [])
    ec2.stop_instances(InstanceIds=[subject.name])
    assert seen(source, subject) == ("stopped", ["the instance is stopped"])


def test_a_database_is_seen(client: Make) -> None:
    rds = client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="orders-db",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        MasterUsername="owner",
        MasterUserPassword="not-a-secret",
        AllocatedStorage=20,
    )
    source = RdsDatabases(lambda: rds, lambda: client("pi"))
    assert seen(source, Subject(DATABASE, "orders-db")) == ("available", [])


def test_a_function_tells_that_it_is_throttled_and_which_code_came_last(client: Make) -> None:
    functions = client("lambda")
    role = "arn:aws:iam::000000000000:role/resize"
    shape = {"FunctionName": "resize", "Runtime": "python3.11", "Role": role, "Handler": "index.handler"}
    functions.create_function(**shape, Code={"ZipFile": _code(1)})
    functions.publish_version(FunctionName="resize")
    functions.update_function_code(FunctionName="resize", ZipFile=_code(2))
    functions.publish_version(FunctionName="resize")
    functions.put_function_concurrency(FunctionName="resize", ReservedConcurrentExecutions=0)
    source, subject = LambdaFunctions(lambda: functions), Subject(FUNCTION, "resize")
    assert "reserved concurrency is 0: every invocation is throttled" in seen(source, subject)[1]
    (read,) = source.changes_of(subject, *now())
    assert read.change.kind == "deploy"
    assert str(read.change.before).startswith("version 1 ")
    assert str(read.change.after).startswith("version 2 ")


def test_a_service_and_a_group_are_seen(client: Make) -> None:
    ecs, scaling = client("ecs"), client("autoscaling")
    ecs.create_cluster(clusterName="shop")
    container = {"name": "app", "image": "orders:8", "memory": 64}
    ecs.register_task_definition(family="orders", containerDefinitions=[container])
    ecs.create_service(cluster="shop", serviceName="orders", taskDefinition="orders", desiredCount=1)
    assert seen(EcsServices(lambda: ecs), Subject(ECS, "orders", "shop")) == ("active", [])
    scaling.create_launch_configuration(LaunchConfigurationName="l", ImageId="ami-12345678", InstanceType="t3.micro")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=1,
        MaxSize=2,
        LaunchConfigurationName="l",
        AvailabilityZones=["us-east-1a"],
    )
    assert seen(ScalingGroups(lambda: scaling), Subject(GROUP, "web")) == ("active", [])


def test_what_is_not_there_is_no_data_everywhere(client: Make) -> None:
    sources: list[tuple[StateSource, Subject]] = [
        (Ec2Instances(lambda: client("ec2")), Subject(INSTANCE, "i-0123456789abcdef0")),
        (RdsDatabases(lambda: client("rds"), lambda: client("pi")), Subject(DATABASE, "none")),
        (LambdaFunctions(lambda: client("lambda")), Subject(FUNCTION, "none")),
        (EcsServices(lambda: client("ecs")), Subject(ECS, "none", "none")),
        (ScalingGroups(lambda: client("autoscaling")), Subject(GROUP, "none")),
    ]
    for source, subject in sources:
        with pytest.raises(SourceFailed) as failed:
            source.state(subject, *now())
        assert failed.value.reason == "no_data", source.name


def _code(answer: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", f"def handler(event, context): return {answer}")
    return packed.getvalue()
