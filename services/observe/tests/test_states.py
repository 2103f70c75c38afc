"""What AWS says of its resources, as status evidence: by the service models of botocore."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resilibot.observe.adapters.aws_health import AwsHealth
from resilibot.observe.adapters.ec2_instances import Ec2Instances
from resilibot.observe.adapters.ecs_services import EcsServices
from resilibot.observe.adapters.lambda_functions import LambdaFunctions
from resilibot.observe.adapters.rds_databases import RdsDatabases
from resilibot.observe.adapters.scaling_groups import ScalingGroups
from resilibot.observe.ports import SourceFailed, StateRead
from resilibot.observe.subjects import DATABASE, ECS, FUNCTION, GROUP, INSTANCE, Subject
from tests.support.canned_aws import Answer, CannedAws

END = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
START = END - timedelta(hours=6)
TASK = "arn:aws:ecs:eu-central-1:1:task/shop/0a1b"
SERVICE: dict[str, Any] = {
    "serviceName": "orders",
    "status": "ACTIVE",
    "desiredCount": 2,
    "runningCount": 1,
    "pendingCount": 1,
    "deployments": [
        {
            "id": "ecs-svc/1",
            "status": "PRIMARY",
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": "ECS deployment ecs-svc/1 in progress.",
            "failedTasks": 3,
            "taskDefinition": "arn:aws:ecs:eu-central-1:1:task-definition/orders:8",
        }
    ],
    "events": [
        {"id": "2", "createdAt": END - timedelta(minutes=2), "message": "(service orders) has started 1 tasks."},
        {"id": "1", "createdAt": START - timedelta(hours=1), "message": "(service orders) steady, long ago."},
    ],
}
STOPPED: dict[str, Any] = {
    "taskArn": TASK,
    "lastStatus": "STOPPED",
    "stopCode": "EssentialContainerExited",
    "stoppedReason": "Essential container in task exited",
    "stoppedAt": END - timedelta(minutes=3),
    "containers": [
        {"name": "app", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}
    ],
}


def ecs(**changed: Answer) -> tuple[CannedAws, EcsServices]:
    answers: dict[str, Answer] = {
        "ecs.DescribeServices": {"services": [SERVICE]},
        "ecs.ListTasks": {"taskArns": [TASK]},
        "ecs.DescribeTasks": {"tasks": [STOPPED]},
        **{f"ecs.{name}": answer for name, answer in changed.items()},
    }
    aws = CannedAws(answers)
    return aws, EcsServices(aws.client("ecs"))


def reasons(read: StateRead) -> list[str]:
    return list(read.states[0].status.detail["reasons"])


def test_an_ecs_service_tells_its_deployments_its_events_and_why_tasks_stopped() -> None:
    _, source = ecs()
    read = source.state(Subject(ECS, "orders", "shop"), START, END)
    service, task = (one.status for one in read.states)
    assert (service.component, service.kind, service.detail["running"]) == ("orders", ECS, 1)
    assert reasons(read) == [
        "1 of 2 desired tasks run",
        "deployment ecs-svc/1 is IN_PROGRESS, 3 of its tasks failed: ECS deployment ecs-svc/1 in progress.",
    ]
    assert (task.component, task.kind, task.detail["stop_code"]) == ("0a1b", "task", "EssentialContainerExited")
    assert task.detail["containers"][0]["state"]["exit_code"] == 137
    assert [event.message for event in read.events] == ["(service orders) has started 1 tasks."]
    assert read.gaps == ()


def test_a_service_whose_tasks_may_not_be_listed_is_told_with_a_gap() -> None:
    _, source = ecs(ListTasks="AccessDeniedException")
    read = source.state(Subject(ECS, "orders", "shop"), START, END)
    assert [one.status.kind for one in read.states] == [ECS]
    assert [gap.reason for gap in read.gaps] == ["no_permission"]


def test_a_task_that_stopped_before_the_window_is_not_told() -> None:
    _, source = ecs(DescribeTasks={"tasks": [{**STOPPED, "stoppedAt": START - timedelta(minutes=1)}]})
    assert [one.status.kind for one in source.state(Subject(ECS, "orders", "shop"), START, END).states] == [ECS]


def test_a_service_without_stopped_tasks_costs_two_calls() -> None:
    aws, source = ecs(ListTasks={"taskArns": []})
    source.state(Subject(ECS, "orders", "shop"), START, END)
    assert aws.asked == ["ecs.DescribeServices", "ecs.ListTasks"]


def test_a_service_that_is_not_there_is_no_data() -> None:
    _, source = ecs(DescribeServices={"services": [], "failures": [{"reason": "MISSING"}]})
    with pytest.raises(SourceFailed, match="MISSING") as failed:
        source.state(Subject(ECS, "orders", "shop"), START, END)
    assert failed.value.reason == "no_data"


def rds(database: dict[str, Any], **changed: Answer) -> tuple[CannedAws, RdsDatabases]:
    event = {"Date": END - timedelta(minutes=1), "Message": "DB instance ran out of storage space."}
    answers: dict[str, Answer] = {
        "rds.DescribeDBInstances": {"DBInstances": [{"DBInstanceIdentifier": "orders-db", **database}]},
        "rds.DescribeEvents": {"Events": [event]},
        **{name.replace("_", "."): answer for name, answer in changed.items()},
    }
    aws = CannedAws(answers)
    return aws, RdsDatabases(aws.client("rds"), aws.client("pi"))


def test_a_full_database_says_so_in_its_status_and_its_events() -> None:
    aws, source = rds({"DBInstanceStatus": "storage-full", "AllocatedStorage": 20})
    read = source.state(Subject(DATABASE, "orders-db"), START, END)
    assert read.states[0].status.state == "storage-full"
    assert reasons(read) == ["DB instance status storage-full"]
    assert [(event.component, event.message) for event in read.events] == [
        ("orders-db", "DB instance ran out of storage space.")
    ]
    assert aws.asked == ["rds.DescribeDBInstances", "rds.DescribeEvents"]


def test_an_available_database_has_nothing_to_complain_of() -> None:
    _, source = rds({"DBInstanceStatus": "available"})
    assert reasons(source.state(Subject(DATABASE, "orders-db"), START, END)) == []


def test_performance_insights_tells_statements_without_literals_their_waits_and_users() -> None:
    keys = {
        "PartitionKeys": [{"Dimensions": {"db.wait_event.name": n}} for n in ("CPU", "IO:DataFileRead")],
        "Keys": [
            {
                "Dimensions": {"db.sql_tokenized.statement": "SELECT * FROM orders WHERE mail = ?"},
                "Total": 3.0,
                "Partitions": [0.5, 2.5],
            }
        ],
    }
    on = {"DBInstanceStatus": "available", "PerformanceInsightsEnabled": True, "DbiResourceId": "db-ABC"}
    aws, source = rds(on, pi_DescribeDimensionKeys=keys)
    read = source.state(Subject(DATABASE, "orders-db"), START, END)
    (load,) = [one.status for one in read.states if one.status.kind == "database-load"]
    assert load.detail["top_sql"][0]["statement"] == "SELECT * FROM orders WHERE mail = ?"
    assert load.detail["top_sql"][0]["wait_events"][0] == {"name": "IO:DataFileRead", "db_load_avg": 2.5}
    asked = [question["GroupBy"]["Group"] for question in aws.parameters["pi.DescribeDimensionKeys"]]
    assert asked == ["db.sql_tokenized", "db.user"]


def test_a_database_is_told_though_its_load_and_events_are_denied() -> None:
    on = {"DBInstanceStatus": "available", "PerformanceInsightsEnabled": True, "DbiResourceId": "db-ABC"}
    denied = {"pi_DescribeDimensionKeys": "NotAuthorizedException", "rds_DescribeEvents": "AccessDenied"}
    _, source = rds(on, **denied)
    read = source.state(Subject(DATABASE, "orders-db"), START, END)
    assert [one.status.kind for one in read.states] == [DATABASE]
    assert {gap.reason for gap in read.gaps} == {"no_permission"}


@pytest.mark.parametrize(
    ("told", "limit", "expected"),
    [
        ({"State": "Active"}, {}, []),
        ({"State": "Inactive"}, {}, []),
        (
            {"State": "Failed", "StateReasonCode": "SubnetOutOfIPAddresses", "StateReason": "no address"},
            {},
            ["the function is Failed: SubnetOutOfIPAddresses no address"],
        ),
        (
            {"LastUpdateStatus": "Failed", "LastUpdateStatusReasonCode": "InvalidImage"},
            {},
            ["its last update failed: InvalidImage"],
        ),
        ({}, {"ReservedConcurrentExecutions": 0}, ["reserved concurrency is 0: every invocation is throttled"]),
        ({}, {"ReservedConcurrentExecutions": 5}, []),
    ],
)
def test_a_function_tells_why_it_cannot_be_invoked(told: Any, limit: Any, expected: list[str]) -> None:
    secret = {"Environment": {"Variables": {"API_KEY": "s3cr3t"}}}
    answers = {"lambda.GetFunctionConfiguration": {**told, **secret}, "lambda.GetFunctionConcurrency": limit}
    read = LambdaFunctions(CannedAws(answers).client("lambda")).state(Subject(FUNCTION, "resize"), START, END)
    assert reasons(read) == expected
    assert "s3cr3t" not in repr(read)


def instance(state: str, system: str = "ok") -> CannedAws:
    status = {"InstanceId": "i-0ab", "InstanceState": {"Name": state}, "SystemStatus": {"Status": system}}
    why = {"StateReason": {"Code": "Client.UserInitiatedShutdown", "Message": "Client.UserInitiatedShutdown"}}
    return CannedAws(
        {
            "ec2.DescribeInstanceStatus": {"InstanceStatuses": [status]},
            "ec2.DescribeInstances": {"Reservations": [{"Instances": [why]}]},
        }
    )


@pytest.mark.parametrize(
    ("state", "system", "expected", "calls"),
    [
        ("running", "ok", [], 1),
        ("running", "impaired", ["its system status check is impaired"], 1),
        ("stopped", "not-applicable", ["the instance is stopped: Client.UserInitiatedShutdown"], 2),
    ],
)
def test_an_instance_tells_whether_it_runs_and_passes_its_checks(
    state: str, system: str, expected: list[str], calls: int
) -> None:
    aws = instance(state, system)
    read = Ec2Instances(aws.client("ec2")).state(Subject(INSTANCE, "i-0ab"), START, END)
    assert (read.states[0].status.state, reasons(read), len(aws.asked)) == (state, expected, calls)


def test_a_group_tells_what_it_lacks_and_what_it_tried() -> None:
    place = {"AvailabilityZone": "eu-central-1a", "ProtectedFromScaleIn": False}
    member = {"InstanceId": "i-1", "LifecycleState": "InService", "HealthStatus": "Healthy", **place}
    group: dict[str, Any] = {
        "AutoScalingGroupName": "web",
        "MinSize": 1,
        "MaxSize": 4,
        "DesiredCapacity": 2,
        "DefaultCooldown": 300,
        "AvailabilityZones": ["eu-central-1a"],
        "HealthCheckType": "EC2",
        "CreatedTime": START,
        "Instances": [member, {**member, "InstanceId": "i-2", "HealthStatus": "Unhealthy"}],
    }
    activity: dict[str, Any] = {
        "ActivityId": "a",
        "AutoScalingGroupName": "web",
        "Cause": "c",
        "StartTime": END - timedelta(minutes=4),
        "StatusCode": "Failed",
        "Description": "Launching a new EC2 instance",
        "StatusMessage": "We currently do not have sufficient m5.large capacity in the zone you requested.",
    }
    aws = CannedAws(
        {
            "autoscaling.DescribeAutoScalingGroups": {"AutoScalingGroups": [group]},
            "autoscaling.DescribeScalingActivities": {"Activities": [activity]},
        }
    )
    read = ScalingGroups(aws.client("autoscaling")).state(Subject(GROUP, "web"), START, END)
    assert reasons(read) == ["1 of 2 desired instances are in service"]
    assert read.events[0].message.startswith("Failed: Launching a new EC2 instance. We currently do not have")


def test_an_issue_of_aws_is_told_by_its_code() -> None:
    event = {"arn": "arn:aws:health:::event/1", "eventTypeCode": "AWS_RDS_OPERATIONAL_ISSUE", "startTime": START}
    aws = CannedAws({"health.DescribeEvents": {"events": [event]}})
    read = AwsHealth(aws.client("health")).state(Subject(DATABASE, "orders-db", region="eu-central-1"), START, END)
    assert reasons(read) == ["AWS_RDS_OPERATIONAL_ISSUE"]
    asked = aws.parameters["health.DescribeEvents"][0]["filter"]
    assert (asked["services"], asked["regions"]) == (["RDS"], ["eu-central-1", "global"])


def test_an_account_without_a_support_plan_is_told_as_not_set_up() -> None:
    aws = CannedAws({"health.DescribeEvents": "SubscriptionRequiredException"})
    with pytest.raises(SourceFailed) as failed:
        AwsHealth(aws.client("health")).state(Subject(DATABASE, "orders-db"), START, END)
    assert failed.value.reason == "not_configured"


@pytest.mark.parametrize(
    ("source", "operation", "code"),
    [
        ("rds", "rds.DescribeDBInstances", "AccessDenied"),
        ("lambda", "lambda.GetFunctionConfiguration", "AccessDeniedException"),
        ("ec2", "ec2.DescribeInstanceStatus", "UnauthorizedOperation"),
        ("autoscaling", "autoscaling.DescribeAutoScalingGroups", "AccessDenied"),
        ("ecs", "ecs.DescribeServices", "AccessDeniedException"),
    ],
)
def test_what_may_not_be_asked_is_no_permission(source: str, operation: str, code: str) -> None:
    aws = CannedAws({operation: code})
    sources: dict[str, Any] = {
        "rds": lambda: RdsDatabases(aws.client("rds"), aws.client("pi")),
        "lambda": lambda: LambdaFunctions(aws.client("lambda")),
        "ec2": lambda: Ec2Instances(aws.client("ec2")),
        "autoscaling": lambda: ScalingGroups(aws.client("autoscaling")),
        "ecs": lambda: EcsServices(aws.client("ecs")),
    }
    with pytest.raises(SourceFailed) as failed:
        sources[source]().state(Subject("any", "x", "y"), START, END)
    assert failed.value.reason == "no_permission"
