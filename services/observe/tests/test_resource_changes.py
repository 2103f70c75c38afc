"""Deployments and configurations of the signal's resource as change evidence: which of the two, and what to what."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from resilibot.observe.adapters.cloudtrail_changes import CloudTrailChanges
from resilibot.observe.adapters.codedeploy_changes import CodeDeployChanges
from resilibot.observe.adapters.config_changes import ConfigChanges
from resilibot.observe.adapters.ecs_services import EcsServices
from resilibot.observe.adapters.lambda_functions import LambdaFunctions
from resilibot.observe.config_diff import MOST, differences
from resilibot.observe.ports import SourceFailed
from resilibot.observe.subjects import DATABASE, ECS, FUNCTION, Subject
from tests.support.canned_aws import CannedAws

END = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
START = END - timedelta(hours=6)
AT = END - timedelta(minutes=5)


def ecs(before: str, after: str) -> CannedAws:
    deployment = "arn:aws:ecs:eu-central-1:1:service-deployment/shop/orders/d1"
    return CannedAws(
        {
            "ecs.ListServiceDeployments": {
                "serviceDeployments": [{"serviceDeploymentArn": deployment, "createdAt": AT}]
            },
            "ecs.DescribeServiceDeployments": {
                "serviceDeployments": [
                    {
                        "serviceDeploymentArn": deployment,
                        "createdAt": AT,
                        "status": "SUCCESSFUL",
                        "sourceServiceRevisions": [{"arn": "r1"}],
                        "targetServiceRevision": {"arn": "r2"},
                    }
                ]
            },
            "ecs.DescribeServiceRevisions": {
                "serviceRevisions": [
                    {
                        "serviceRevisionArn": arn,
                        "taskDefinition": f"arn:aws:ecs:r:1:task-definition/orders:{number}",
                        "containerImages": [{"containerName": "app", "image": image}],
                    }
                    for arn, number, image in (("r1", 7, before), ("r2", 8, after))
                ]
            },
        }
    )


@pytest.mark.parametrize(("after", "kind"), [("shop/orders:9", "deploy"), ("shop/orders:8", "config")])
def test_an_ecs_deployment_tells_images_and_whether_the_code_changed(after: str, kind: str) -> None:
    (read,) = EcsServices(ecs("shop/orders:8", after).client("ecs")).changes_of(
        Subject(ECS, "orders", "shop"), START, END
    )
    assert (read.change.kind, read.change.at) == (kind, AT)
    assert (read.change.before, read.change.after) == ("shop/orders:8 (orders:7)", f"{after} (orders:8)")


def test_no_ecs_deployment_costs_one_call() -> None:
    aws = CannedAws({"ecs.ListServiceDeployments": {"serviceDeployments": []}})
    assert EcsServices(aws.client("ecs")).changes_of(Subject(ECS, "orders", "shop"), START, END) == []
    assert len(aws.asked) == 1


def version(number: str, sha: str, minutes_ago: float, **more: Any) -> dict[str, Any]:
    at = (END - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return {"Version": number, "CodeSha256": sha, "LastModified": at, **more}


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([version("1", "a", 9999), version("2", "b", 5), version("$LATEST", "b", 5)], ["deploy"]),
        ([version("1", "a", 9999), version("2", "b", 5), version("$LATEST", "b", 5.1)], ["deploy"]),
        ([version("1", "a", 9999), version("2", "a", 5, MemorySize=256), version("$LATEST", "a", 5)], ["config"]),
        ([version("1", "a", 9999), version("$LATEST", "a", 5)], ["config"]),
        ([version("1", "a", 9999), version("$LATEST", "b", 5)], ["deploy"]),
        ([version("1", "a", 9999), version("2", "b", 999), version("$LATEST", "b", 999)], []),
        ([version("1", "a", 5), version("$LATEST", "a", 5)], []),
    ],
)
def test_a_function_tells_code_from_configuration(versions: list[dict[str, Any]], expected: list[str]) -> None:
    aws = CannedAws({"lambda.ListVersionsByFunction": {"Versions": versions}})
    reads = LambdaFunctions(aws.client("lambda")).changes_of(Subject(FUNCTION, "resize"), START, END)
    assert [read.change.kind for read in reads] == expected


def recorded(minutes_ago: float, configuration: dict[str, Any]) -> dict[str, Any]:
    at = END - timedelta(minutes=minutes_ago)
    return {"configurationItemCaptureTime": at, "configuration": json.dumps(configuration)}


def test_what_aws_config_recorded_is_compared_and_secrets_are_not_told() -> None:
    before = {"timeout": 30, "environment": {"variables": {"DSN": "s3cr3t"}}, "revisionId": "1"}
    after = {"timeout": 3, "environment": {"variables": {"DSN": "0ther"}}, "revisionId": "2"}
    items = [recorded(5, after), recorded(900, before)]
    aws = CannedAws({"config.GetResourceConfigHistory": {"configurationItems": items}})
    (read,) = ConfigChanges(aws.client("config")).changes_of(Subject(FUNCTION, "resize"), START, END)
    assert read.change.kind == "config"
    assert read.change.what == "configuration of function resize: environment.variables.DSN, timeout"
    assert (read.change.before, read.change.after) == (
        "environment.variables.DSN (not shown); timeout 30",
        "environment.variables.DSN (not shown); timeout 3",
    )


def test_other_code_in_aws_config_is_a_deployment() -> None:
    items = [recorded(5, {"codeSha256": "b"}), recorded(900, {"codeSha256": "a"})]
    aws = CannedAws({"config.GetResourceConfigHistory": {"configurationItems": items}})
    (read,) = ConfigChanges(aws.client("config")).changes_of(Subject(FUNCTION, "resize"), START, END)
    assert read.change.kind == "deploy"


def test_a_database_is_found_in_aws_config_by_its_name_or_is_not_recorded() -> None:
    aws = CannedAws({"config.ListDiscoveredResources": {"resourceIdentifiers": []}})
    with pytest.raises(SourceFailed, match="has not recorded") as failed:
        ConfigChanges(aws.client("config")).changes_of(Subject(DATABASE, "orders-db"), START, END)
    assert failed.value.reason == "no_data"


def test_an_account_without_a_recorder_is_told_as_not_set_up() -> None:
    aws = CannedAws({"config.GetResourceConfigHistory": "NoAvailableConfigurationRecorderException"})
    with pytest.raises(SourceFailed) as failed:
        ConfigChanges(aws.client("config")).changes_of(Subject(FUNCTION, "resize"), START, END)
    assert failed.value.reason == "not_configured"


def test_differences_are_few_and_long_values_are_named_only() -> None:
    assert differences({"a": "x" * 200}, {"a": 1}) == [("a", "(not shown)", "1")]
    assert differences({"list": [1]}, {"list": [2]}) == [("list", "(not shown)", "(not shown)")]
    assert differences({"lastModified": 1, "runningCount": 1}, {"lastModified": 2, "runningCount": 2}) == []
    assert differences({"runtime": "a", "startTime": 1}, {"runtime": "b", "startTime": 2}) == [("runtime", "a", "b")]
    assert len(differences({}, {str(n): n for n in range(20)})) == MOST


def deployment(application: str, group: str, **more: Any) -> dict[str, Any]:
    told = {"deploymentId": f"d-{application}", "createTime": AT, "status": "Succeeded", "creator": "user", **more}
    return {"applicationName": application, "deploymentGroupName": group, **told}


def codedeploy(*found: dict[str, Any]) -> CannedAws:
    return CannedAws(
        {
            "codedeploy.ListDeployments": {"deployments": [one["deploymentId"] for one in found]},
            "codedeploy.BatchGetDeployments": {"deploymentsInfo": list(found)},
        }
    )


def test_codedeploy_tells_the_deployments_of_the_services_name_only() -> None:
    was = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "orders.zip", "version": "1"}}
    now = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "orders.zip", "version": "2"}}
    aws = codedeploy(
        deployment("orders", "production", previousRevision=was, revision=now),
        deployment("AppECS-shop-orders", "DgpECS-shop-orders", creator="codeDeployRollback"),
        deployment("reorders", "production"),
    )
    reads = CodeDeployChanges(aws.client("codedeploy")).changes("orders", START, END)
    assert [read.change.what for read in reads] == [
        "rollback of AppECS-shop-orders by CodeDeploy: succeeded",
        "deployment of orders by CodeDeploy: succeeded",
    ]
    assert (reads[1].change.before, reads[1].change.after) == ("s3://b/orders.zip 1", "s3://b/orders.zip 2")
    assert {read.change.kind for read in reads} == {"deploy"}


def test_codedeploy_is_asked_once_for_all_services_of_a_look() -> None:
    aws = codedeploy(deployment("orders", "production"))
    source = CodeDeployChanges(aws.client("codedeploy"))
    assert [len(source.changes(name, START, END)) for name in ("orders", "payments")] == [1, 0]
    assert aws.asked == ["codedeploy.ListDeployments", "codedeploy.BatchGetDeployments"]


def test_codedeploy_is_asked_for_no_page_beyond_the_deployments_that_are_looked_through() -> None:
    pages = iter([{"deployments": [f"d-{n}" for n in range(100)]}])

    class Client:
        def get_paginator(self, name: str) -> Any:
            return SimpleNamespace(paginate=lambda **_: (next(pages) for _ in range(50)))

        def batch_get_deployments(self, **_: Any) -> dict[str, Any]:
            return {"deploymentsInfo": []}

    assert CodeDeployChanges(Client).changes("orders", START, END) == []


@pytest.mark.parametrize(
    ("name", "parameters", "kind"),
    [
        ("UpdateService", {"taskDefinition": "orders:8"}, "deploy"),
        ("UpdateService", {"desiredCount": 4}, "config"),
        ("UpdateFunctionCode20150331v2", {}, "deploy"),
        ("UpdateFunctionConfiguration20150331v2", {}, "config"),
        ("ModifyDBInstance", None, "config"),
    ],
)
def test_cloudtrail_tells_a_deployment_from_a_setting(name: str, parameters: Any, kind: str) -> None:
    told = json.dumps({"requestParameters": parameters})
    event = {"EventSource": "x.amazonaws.com", "EventName": name, "EventTime": AT, "CloudTrailEvent": told}
    aws = CannedAws({"cloudtrail.LookupEvents": {"Events": [event]}})
    (read,) = CloudTrailChanges(aws.client("cloudtrail")()).changes("orders", START, END)
    assert read.change.kind == kind


@pytest.mark.parametrize("told", ["[1", "[1]", '{"requestParameters": ["taskDefinition"]}'])
def test_a_damaged_cloudtrail_record_is_still_a_change(told: str) -> None:
    event = {"EventName": "UpdateService", "EventTime": AT, "CloudTrailEvent": told}
    aws = CannedAws({"cloudtrail.LookupEvents": {"Events": [event]}})
    (read,) = CloudTrailChanges(aws.client("cloudtrail")()).changes("orders", START, END)
    assert read.change.kind == "config"
