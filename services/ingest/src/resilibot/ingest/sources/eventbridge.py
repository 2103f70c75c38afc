"""eventbridge: failures that AWS services report on the event bus: one table of what counts as one. Pure.

A rule says where the state stands, which words of it are failures and how bad, and what the event is about. All else of
these services is normal life, recorded as ignored with its kind. Formats: "Events from AWS services" in the EventBridge
user guide and the pages it names. Services with findings or states of their own have modules of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from resilibot.contracts.signal import Severity
from resilibot.ingest.sources import build
from resilibot.ingest.sources.fields import at, mapping, objects, text, words
from resilibot.ingest.sources.record import Item, Record, Source, ignored
from resilibot.ingest.sources.severity import HIGH, MEDIUM

NAME = "eventbridge"
ALWAYS = "detail-type"  # the event is a failure by its kind


@dataclass(frozen=True)
class Rule:
    """Which events are failures.

    state: paths, the first that is there counts (a list: any of its words). failing: word, in lower case, to severity.
    about: paths of the resource; events of one resource and service are one signal. identity: paths that together tell
    the resource from others, where its name alone does not.
    """

    state: tuple[str, ...]
    failing: Mapping[str, Severity]
    about: tuple[str, ...]
    reason: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()


def failing(severity: Severity, *states: str) -> dict[str, Severity]:
    return dict.fromkeys(states, severity)


FAILED = failing(
    MEDIUM, "failed", "failure", "fault", "timed_out", "timedout", "timeout", "error", "terminated_with_errors"
)
ECS_ACTIONS = {
    **failing(HIGH, "service_deployment_failed", "service_task_placement_failure", "service_task_start_impaired"),
    **failing(HIGH, "service_task_configuration_failure", "service_daemon_placement_constraint_violated", "error"),
    **failing(MEDIUM, "ecs_operation_throttled", "service_discovery_operation_throttled", "warn"),
    **failing(MEDIUM, "service_discovery_instance_unhealthy", "vpc_lattice_target_unhealthy"),
}
STACK = failing(
    MEDIUM,
    *(
        "create_failed",
        "update_failed",
        "delete_failed",
        "rollback_failed",
        "update_rollback_failed",
        "import_rollback_failed",
    ),
    *("rollback_in_progress", "update_rollback_in_progress"),
)
RDS = Rule(
    ("detail.EventCategories",),
    {**failing(HIGH, "failure", "low storage"), **failing(MEDIUM, "failover")},
    ("detail.SourceArn", "detail.SourceIdentifier"),
    ("detail.Message",),
)
SCALING = Rule((ALWAYS,), {}, ("detail.AutoScalingGroupName",), ("detail.StatusMessage", "detail.Cause"))
DEPLOYMENT = Rule(
    ("detail.state",),
    failing(HIGH, "failure", "failed"),
    ("detail.application", "resources.0"),
    identity=("detail.application", "detail.deploymentGroup"),
)
SERVICE = Rule(
    ("detail.eventName", "detail.eventType"), ECS_ACTIONS, ("resources.0", "detail.clusterArn"), ("detail.reason",)
)


def _job(about: str, state: str, *reason: str) -> Rule:
    """Something that ends in FAILED or the like; fields are those of `detail`."""
    paths = (f"detail.{about}", "resources.0") if about else ("resources.0",)
    return Rule((f"detail.{state}",), FAILED, paths, tuple(f"detail.{field}" for field in reason))


RULES: dict[str, dict[str, Rule]] = {
    "aws.autoscaling": {
        "EC2 Instance Launch Unsuccessful": SCALING,
        "EC2 Instance Terminate Unsuccessful": SCALING,
        "EC2 Auto Scaling Instance Refresh Failed": SCALING,
    },
    "aws.ecs": {"ECS Deployment State Change": SERVICE, "ECS Service Action": SERVICE},
    "aws.rds": {
        "RDS DB Instance Event": RDS,
        "RDS DB Cluster Event": RDS,
        "RDS DB Snapshot Event": RDS,
        "RDS DB Cluster Snapshot Event": RDS,
    },
    "aws.codedeploy": {
        "CodeDeploy Deployment State-change Notification": DEPLOYMENT,
        "CodeDeploy Instance State-change Notification": DEPLOYMENT,
    },
    "aws.codepipeline": {
        "CodePipeline Pipeline Execution State Change": _job("pipeline", "state"),
        "CodePipeline Stage Execution State Change": _job("pipeline", "state"),
        "CodePipeline Action Execution State Change": _job("pipeline", "state"),
    },
    "aws.codebuild": {"CodeBuild Build State Change": _job("project-name", "build-status")},
    "aws.states": {"Step Functions Execution Status Change": _job("stateMachineArn", "status", "cause", "error")},
    "aws.batch": {"Batch Job State Change": _job("jobQueue", "status", "statusReason")},
    "aws.glue": {
        "Glue Job State Change": _job("jobName", "state", "message"),
        "Glue Crawler State Change": _job("crawlerName", "state", "errorMessage"),
    },
    "aws.emr": {
        "EMR Cluster State Change": _job("clusterId", "state", "message"),
        "EMR Step Status Change": _job("clusterId", "state", "message"),
    },
    "aws.ssm": {
        "EC2 Automation Execution Status-change Notification": _job("Definition", "Status"),
        "EC2 Command Status-change Notification": _job("document-name", "status"),
        "EC2 State Manager Association State Change": _job("document-name", "status"),
        "Maintenance Window Execution State-change Notification": _job("window-id", "status"),
    },
    "aws.ec2": {
        "EBS Volume Notification": _job("", "result", "cause"),
        "EBS Snapshot Notification": _job("", "result", "cause"),
        "EBS Multi-Volume Snapshots Completion Status": _job("", "result", "cause"),
        "EC2 AMI State Change": _job("ImageId", "State", "ErrorMessage"),
    },
    "aws.backup": {
        "Backup Job State Change": _job("resourceArn", "state", "statusMessage"),
        "Copy Job State Change": _job("resourceArn", "state", "statusMessage"),
        "Restore Job State Change": _job("createdResourceArn", "status", "statusMessage"),
    },
    "aws.synthetics": {
        "Synthetics Canary TestRun Failure": Rule((ALWAYS,), {}, ("detail.canary-name",), ("detail.state-reason",)),
        "Synthetics Canary Status Change": _job("canary-name", "current-state"),
    },
    "aws.cloudformation": {
        "CloudFormation Stack Status Change": Rule(
            ("detail.status-details.status",), STACK, ("detail.stack-id",), ("detail.status-details.status-reason",)
        )
    },
    "aws.elasticbeanstalk": {
        "Elastic Beanstalk resource status change": Rule(
            ("detail.Severity",),
            {"error": HIGH, "fatal": HIGH, "warn": MEDIUM},
            ("detail.EnvironmentName",),
            ("detail.Message",),
        )
    },
    "aws.sagemaker": {
        "SageMaker Training Job State Change": _job("TrainingJobName", "TrainingJobStatus", "FailureReason"),
        "SageMaker Endpoint State Change": _job("EndpointName", "EndpointStatus", "FailureReason"),
    },
    "aws.transcribe": {
        "Transcribe Job State Change": _job("TranscriptionJobName", "TranscriptionJobStatus", "FailureReason")
    },
    "aws.dms": {"DMS Replication Task State Change": _job("", "category", "detailMessage")},
    "aws.guardduty": {
        "GuardDuty Malware Protection Object Scan Result": Rule(
            ("detail.scanResultDetails.scanResultStatus",),
            {"threats_found": HIGH},
            ("detail.s3ObjectDetails.bucketName",),
            ("detail.scanResultDetails.threats.0.name",),
            ("detail.s3ObjectDetails.bucketName", "detail.s3ObjectDetails.objectKey"),
        )
    },
    "aws.datasync": {"DataSync Task Execution State Change": _job("", "State")},
    "aws.mediaconvert": {"MediaConvert Job State Change": _job("queue", "status", "errorMessage")},
}


def recognises(body: dict[str, Any]) -> bool:
    """The envelope of EventBridge, of whatever sender: this is the last of its modules to be asked."""
    return "detail-type" in body or ("source" in body and "detail" in body)


def read(record: Record) -> Iterator[Item]:
    """Raises MalformedSignal for an envelope without detail-type, and without source or detail if its kind matters."""
    record = replace(record, body=_as_event(record.body))
    kind = text(record.body, "detail-type", record.place)
    if any(kind in kinds for kinds in RULES.values()):
        text(record.body, "source", record.place)
        mapping(record.body, "detail", record.place)
    sender = words(record.body, "source") or "nobody"
    told = f"{sender}: {kind}"
    rule = RULES.get(sender, {}).get(kind)
    if sender == "aws.ecs" and kind == "ECS Task State Change":
        yield _task(record, told)
    elif rule is None:
        reason = "no rule makes a failure of it" if sender in RULES else "no rule knows this sender"
        yield ignored(record, NAME, told, reason, event_id(record))
    else:
        yield _by_rule(record, sender, kind, rule)


SOURCE = Source(NAME, recognises, read)


def _as_event(body: dict[str, Any]) -> dict[str, Any]:
    """A notification rule of the developer tools sends the same event by SNS, and spells one field otherwise."""
    is_notified = "notificationRuleArn" in body and "detailType" in body
    return {"detail-type": body["detailType"], **body} if is_notified else body


def event_id(record: Record) -> str:
    return words(record.body, "id") or record.own_id


def _by_rule(record: Record, sender: str, kind: str, rule: Rule) -> Item:
    if rule.state == (ALWAYS,):
        return _failure(record, sender, kind, rule, "failed", HIGH)
    states = [state for path in rule.state for state in _states(record.body, path)]
    severity, state = next(((rule.failing[s], s) for s in states if s in rule.failing), (None, ""))
    if severity is None:
        told = ", ".join(states) or "not told"
        return ignored(record, NAME, f"{sender}: {kind}", f"state {told} is no failure", event_id(record))
    return _failure(record, sender, kind, rule, state, severity)


def _states(body: dict[str, Any], path: str) -> list[str]:
    value = at(body, path)
    return [s.strip().lower() for s in (value if isinstance(value, list) else [value]) if isinstance(s, str)]


def _failure(record: Record, sender: str, kind: str, rule: Rule, state: str, severity: Severity) -> Item:
    service = sender.removeprefix("aws.")
    about = words(record.body, *rule.about) or words(record.body, "resources.0") or service
    return build.signal(
        record,
        source=service,
        source_id=event_id(record),
        name=kind,
        identity=build.joined(*(words(record.body, path) for path in rule.identity)) or about,
        state="ALARM",
        title=f"{about}: {kind}, {state}",
        reason=words(record.body, *rule.reason) or words(record.body, "detail.reason"),
        severity=(severity, f"{service}:{kind}={state}"),
        fired_at=record.body.get("time"),
        resource=resource_of(record, about),
    )


def resource_of(record: Record, about: str) -> Any:
    """The resource an event names, with account and region of its envelope."""
    arns = [about, *(at(record.body, "resources") if isinstance(at(record.body, "resources"), list) else [])]
    arn = next((arn for arn in arns if isinstance(arn, str) and arn.startswith("arn:")), None)
    return build.resource_ref(
        name=about, account=words(record.body, "account"), region=words(record.body, "region"), arn=arn
    )


def _task(record: Record, told: str) -> Item:
    """A task that could not start, or whose essential container ended with an error. Scaling in stops tasks too."""
    body = record.body
    codes = [container.get("exitCode") for container in objects(body, "detail.containers")]
    stop = words(body, "detail.stopCode")
    has_failed = stop == "TaskFailedToStart" or (
        stop == "EssentialContainerExited" and any(isinstance(code, int) and code not in (0, 143) for code in codes)
    )
    if not has_failed:
        return ignored(
            record, NAME, told, f"a task that is {words(body, 'detail.lastStatus') or 'changing'}", event_id(record)
        )
    group = words(body, "detail.group", "detail.taskDefinitionArn", "detail.taskArn")
    told_apart = ("detail.clusterArn", "detail.group" if words(body, "detail.group") else "detail.taskArn")
    rule = Rule((), {}, ("detail.group", "detail.taskArn"), ("detail.stoppedReason",), told_apart)
    return _failure(record, "aws.ecs", f"ECS task of {group} stopped", rule, stop, MEDIUM)
