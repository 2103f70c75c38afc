"""Which resources a signal is about: by ARN, dimensions and declaration, and none by guessing."""

import pytest

from resilibot.contracts.signal import MetricRef, Signal
from resilibot.observe.subjects import DATABASE, ECS, FUNCTION, GROUP, INSTANCE, MOST, Subject, subjects
from tests.support.act_world import opened

REGION = opened().resource.region


def signal(arn: str | None = None, source: str = "cloudwatch", name: str = "x", **metric: object) -> Signal:
    base = opened().signal
    resource = base.resource.model_copy(update={"arn": arn, "name": name})
    told = MetricRef.model_validate({"name": "M", "statistic": "Sum", "period_s": 60, **metric}) if metric else None
    return base.model_copy(update={"resource": resource, "metric": told, "source": source})


@pytest.mark.parametrize(
    ("arn", "kind", "name", "within"),
    [
        ("arn:aws:ecs:eu-central-1:1:service/shop/orders", ECS, "orders", "shop"),
        ("arn:aws:rds:eu-central-1:1:db:orders-db", DATABASE, "orders-db", ""),
        ("arn:aws-cn:lambda:cn-north-1:1:function:resize:live", FUNCTION, "resize", ""),
        ("arn:aws:autoscaling:r:1:autoScalingGroup:u-1:autoScalingGroupName/web", GROUP, "web", ""),
        ("arn:aws:ec2:eu-central-1:1:instance/i-0ab", INSTANCE, "i-0ab", ""),
    ],
)
def test_an_arn_names_its_resource(arn: str, kind: str, name: str, within: str) -> None:
    assert subjects(signal(arn)) == (Subject(kind, name, within, REGION),)


@pytest.mark.parametrize(
    ("namespace", "dimensions", "kinds"),
    [
        ("AWS/ECS", {"ClusterName": "shop", "ServiceName": "orders"}, [ECS]),
        ("AWS/RDS", {"DBInstanceIdentifier": "orders-db"}, [DATABASE]),
        ("AWS/Lambda", {"FunctionName": "resize", "Resource": "resize:live"}, [FUNCTION]),
        ("CWAgent", {"InstanceId": "i-0ab", "AutoScalingGroupName": "web"}, [GROUP, INSTANCE]),
        ("AWS/ECS", {"ClusterName": "shop"}, []),
        ("Shop", {"FunctionName": "of the owner's own meaning"}, []),
        ("Web", {"Service": "orders"}, []),
    ],
)
def test_dimensions_of_aws_name_their_resources(namespace: str, dimensions: dict[str, str], kinds: list[str]) -> None:
    assert [s.kind for s in subjects(signal(namespace=namespace, dimensions=dimensions))] == kinds


def test_the_arn_of_the_alarm_itself_names_no_resource() -> None:
    assert subjects(signal("arn:aws:cloudwatch:eu-central-1:1:alarm:orders")) == ()


def test_a_task_that_stopped_names_its_service_and_its_cluster() -> None:
    told = signal("arn:aws:ecs:eu-central-1:1:task/shop/0a1b", source="ecs", name="service:orders")
    assert subjects(told) == (Subject(ECS, "orders", "shop", REGION),)


def test_what_is_declared_of_the_service_counts_too_each_once_and_patterns_do_not() -> None:
    declared = (
        "arn:aws:rds:eu-central-1:1:db:orders-db",
        "AWS/RDS DBInstanceIdentifier=orders-db",
        "AWS/EC2 InstanceId=i-0ab",
        "arn:aws:ecs:*:*:service/shop/*",
        "AWS/EC2 InstanceId=i-0*",
    )
    assert [(s.kind, s.name) for s in subjects(signal(), declared)] == [(DATABASE, "orders-db"), (INSTANCE, "i-0ab")]


def test_one_round_asks_about_few() -> None:
    assert len(subjects(signal(), [f"arn:aws:rds:eu-central-1:1:db:db-{n}" for n in range(9)])) == MOST
