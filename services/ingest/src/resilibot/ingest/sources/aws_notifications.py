"""aws_notifications: what AWS services publish to SNS beside alarms: Auto Scaling, RDS, DMS, CodeDeploy. Pure.

Formats: "Amazon SNS notifications for Amazon EC2 Auto Scaling", "Amazon RDS event notification messages", "JSON data
formats for CodeDeploy triggers".
"""

import re
from collections.abc import Iterator
from typing import Any

from resilibot.ingest.sources import build
from resilibot.ingest.sources.fields import text, words
from resilibot.ingest.sources.record import Item, Record, Source, ignored
from resilibot.ingest.sources.severity import HIGH

SCALING_ERRORS = ("autoscaling:EC2_INSTANCE_LAUNCH_ERROR", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR")
RDS_FAILURES = re.compile(r"\bfail(ed|ure)\b|storage-full|incompatible|out of storage|low storage", re.IGNORECASE)


def recognises(body: dict[str, Any]) -> bool:
    event = body.get("Event")
    return (
        (isinstance(event, str) and event.startswith("autoscaling:"))
        or ("Event Source" in body and "Event Message" in body)
        or ("eventTriggerName" in body and "deploymentId" in body)
    )


def read(record: Record) -> Iterator[Item]:
    body = record.body
    if "Event" in body:
        event, group = text(body, "Event", record.place), words(body, "AutoScalingGroupName")
        arn, reason = body.get("AutoScalingGroupARN"), words(body, "StatusMessage", "Cause")
        yield _item(record, "autoscaling", event, event in SCALING_ERRORS, group, arn, reason, body.get("Time"))
    elif "Event Source" in body:
        reason = text(body, "Event Message", record.place)
        has_failed = RDS_FAILURES.search(reason) is not None
        service = "DMS" if words(body, "Event Source").startswith("replication") else "RDS"  # the same form of both
        event, about = f"{service} {words(body, 'Event Source')} event", words(body, "Source ID", "SourceId")
        arn, fired_at = words(body, "Source ARN"), body.get("Event Time")
        yield _item(record, service.lower(), event, has_failed, about, arn, reason, fired_at, arn or about)
    else:
        status = text(body, "status", record.place)
        event, about = f"CodeDeploy deployment {status}", words(body, "applicationName", "deploymentId")
        identity = build.joined(about, words(body, "deploymentGroupName"))
        reason, has_failed = words(body, "errorInformation"), status == "FAILED"
        yield _item(record, "codedeploy", event, has_failed, about, None, reason, None, identity)


SOURCE = Source("aws-notifications", recognises, read)


def _item(
    record: Record,
    source: str,
    event: str,
    has_failed: bool,
    about: str,
    arn: Any,
    reason: str,
    fired_at: Any,
    identity: str = "",
) -> Item:
    if not has_failed:
        return ignored(record, source, event, "no failure")
    body = record.body
    return build.signal(
        record,
        source=source,
        name=event,
        identity=identity or about,
        state="ALARM",
        title=f"{about}: {event}",
        reason=reason,
        severity=(HIGH, f"{source}:failure"),
        fired_at=fired_at,
        resource=build.resource_ref(
            name=about or event, account=words(body, "AccountId", "accountId"), region=words(body, "region"), arn=arn
        ),
    )
