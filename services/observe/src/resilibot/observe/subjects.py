"""subjects: which AWS resources a signal is about, by its ARN, its metric's dimensions and what is declared. Pure.

Only these are asked about. A signal that names none of them (a service on managed hosts) costs no call.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from resilibot.contracts.signal import MetricRef, Signal

ECS, DATABASE, FUNCTION = "ecs-service", "database", "function"
GROUP, INSTANCE = "auto-scaling-group", "instance"
MOST = 5  # resources asked about in one round

_ARNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (ECS, r"arn:[\w-]+:ecs:[^:]*:[^:]*:service/(?P<within>[^/]+)/(?P<name>[^/]+)"),
        (DATABASE, r"arn:[\w-]+:rds:[^:]*:[^:]*:db:(?P<name>[^:]+)"),
        (FUNCTION, r"arn:[\w-]+:lambda:[^:]*:[^:]*:function:(?P<name>[^:]+)(?::.*)?"),
        (GROUP, r"arn:[\w-]+:autoscaling:[^:]*:[^:]*:autoScalingGroup:[^:]*:autoScalingGroupName/(?P<name>.+)"),
        (INSTANCE, r"arn:[\w-]+:ec2:[^:]*:[^:]*:instance/(?P<name>i-[0-9a-f]+)"),
    )
)
_TASK = re.compile(r"arn:[\w-]+:ecs:[^:]*:[^:]*:(?:task|container-instance)/(?P<within>[^/]+)/[^/]+")
_DECLARED = re.compile(r"(?P<namespace>AWS/\S+|ECS/\S+)(?P<dimensions>(?: [^\s=*]+=[^\s*]+)+)")


@dataclass(frozen=True, order=True)
class Subject:
    """One resource by its own name; `within` is the cluster of an ECS service. `region`: empty where not told."""

    kind: str
    name: str
    within: str = ""
    region: str = ""


def subjects(signal: Signal, declared: Iterable[str] = ()) -> tuple[Subject, ...]:
    """In the order in which they are named, each once. `declared`: ARNs and metric dimensions of the same service."""
    found = list(_of_arn(signal.resource.arn or ""))
    if (task := _TASK.fullmatch(signal.resource.arn or "")) and signal.resource.name.startswith("service:"):
        found.append(Subject(ECS, signal.resource.name.removeprefix("service:"), task["within"]))
    if signal.source == "autoscaling" and not signal.resource.arn:
        found.append(Subject(GROUP, signal.resource.name))
    for metric in (signal.metric, *signal.metrics):
        found += _of_metric(metric) if metric else ()
    for resource in declared:
        found += _of_arn(resource)
        if match := _DECLARED.fullmatch(resource):
            found += _of_dimensions(dict(pair.split("=", 1) for pair in match["dimensions"].split()))
    return tuple(dict.fromkeys(replace(one, region=signal.resource.region) for one in found))[:MOST]


def _of_arn(arn: str) -> Iterator[Subject]:
    for kind, pattern in _ARNS:
        if (match := pattern.fullmatch(arn)) and "*" not in arn:
            yield Subject(kind, match["name"], match.groupdict().get("within") or "")


def _of_metric(metric: MetricRef) -> Iterator[Subject]:
    """By dimensions that only AWS itself gives their meaning: another namespace may call anything a FunctionName."""
    if metric.namespace.startswith(("AWS/", "ECS/", "CWAgent", "LambdaInsights")):
        yield from _of_dimensions(metric.dimensions)


def _of_dimensions(dimensions: dict[str, str]) -> Iterator[Subject]:
    if "ClusterName" in dimensions and "ServiceName" in dimensions:
        yield Subject(ECS, dimensions["ServiceName"], dimensions["ClusterName"])
    for kind, key in (
        (DATABASE, "DBInstanceIdentifier"),
        (FUNCTION, "FunctionName"),
        (GROUP, "AutoScalingGroupName"),
        (INSTANCE, "InstanceId"),
    ):
        if key in dimensions:
            yield Subject(kind, dimensions[key])
