"""provision: create tables, topics, queues and subscriptions by API, idempotently. For machines without CloudFormation.

On AWS the same is synthesised from the same topology; this is for emulators only, where speed of start counts.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from resilibot.runtime.bus.topology import ALARMS_TOPIC, EVENTS_TOPIC, QueueSpec, Topology

RETENTION_S = 4 * 24 * 3600
DEAD_LETTER_RETENTION_S = 14 * 24 * 3600


@dataclass(frozen=True)
class Provisioned:
    """What exists now: topic ARNs, queue URLs by topology name."""

    events_topic: str
    alarms_topic: str
    queues: dict[str, str]
    dead_letters: dict[str, str]


def provision(
    client: Callable[[str], Any], topology: Topology, tables: Sequence[dict[str, Any]], visibility_s: int = 10
) -> Provisioned:
    """`client(service)` gives a boto3 client. Raises whatever boto3 raises but "it exists already"."""
    dynamodb, sns, sqs = client("dynamodb"), client("sns"), client("sqs")
    with ThreadPoolExecutor(8) as pool:
        made_tables = [pool.submit(_table, dynamodb, definition) for definition in tables]
        topics = {name: pool.submit(_topic, sns, name) for name in (EVENTS_TOPIC, ALARMS_TOPIC)}
        arns = {name: topic.result() for name, topic in topics.items()}
        made = [pool.submit(_queue, sqs, sns, queue, arns[queue.topic], visibility_s) for queue in topology.queues]
        urls = {queue.name: one.result() for queue, one in zip(topology.queues, made, strict=True)}
        for table in made_tables:
            table.result()
    return Provisioned(
        events_topic=arns[EVENTS_TOPIC],
        alarms_topic=arns[ALARMS_TOPIC],
        queues={name: url for name, (url, _) in urls.items()},
        dead_letters={name: dead for name, (_, dead) in urls.items()},
    )


def _table(dynamodb: Any, definition: dict[str, Any]) -> None:
    try:
        dynamodb.create_table(**definition)
    except dynamodb.exceptions.ResourceInUseException:
        return
    dynamodb.get_waiter("table_exists").wait(
        TableName=definition["TableName"], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


def _topic(sns: Any, name: str) -> str:
    fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "false"} if name.endswith(".fifo") else {}
    arn: str = sns.create_topic(Name=name, Attributes=fifo)["TopicArn"]
    return arn


def _queue(sqs: Any, sns: Any, spec: QueueSpec, topic_arn: str, visibility_s: int) -> tuple[str, str]:
    """URLs of the queue and of its dead letter queue."""
    fifo = {"FifoQueue": "true"} if spec.is_fifo else {}
    dead_url = sqs.create_queue(
        QueueName=spec.dead_letters, Attributes={**fifo, "MessageRetentionPeriod": str(DEAD_LETTER_RETENTION_S)}
    )["QueueUrl"]
    dead_arn = _arn(sqs, dead_url)
    url = sqs.create_queue(
        QueueName=spec.queue,
        Attributes={
            **fifo,
            "VisibilityTimeout": str(visibility_s),
            "MessageRetentionPeriod": str(RETENTION_S),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": spec.max_receives}),
        },
    )["QueueUrl"]
    arn = _arn(sqs, url)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(_policy(arn, topic_arn))})
    attributes = {"RawMessageDelivery": "true"} if spec.is_fifo else {}
    if spec.filter_policy is not None:
        attributes["FilterPolicy"] = json.dumps(spec.filter_policy)
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return url, dead_url


def _arn(sqs: Any, url: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn


def _policy(queue_arn: str, topic_arn: str) -> dict[str, Any]:
    """Only that topic may send."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
