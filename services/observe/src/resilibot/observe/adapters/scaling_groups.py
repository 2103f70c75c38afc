"""EC2 Auto Scaling: whether a group has the instances that it wants, and what it tried of late."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from resilibot.contracts.evidence import StatusContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client, Parts
from resilibot.observe.ports import SourceFailed, StateEvent, StateRead, StatusRead
from resilibot.observe.subjects import GROUP, Subject

ACTIVITIES = 20


class ScalingGroups:
    name = "autoscaling"
    kinds = frozenset({GROUP})

    def __init__(self, client: Client) -> None:
        self._client = client

    def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
        scaling, parts, query = self._client(), Parts(), {"AutoScalingGroupNames": [subject.name]}
        with asking(f"DescribeAutoScalingGroups {query}"):
            groups = scaling.describe_auto_scaling_groups(**query)["AutoScalingGroups"]
        if not groups:
            raise SourceFailed("no_data", f"DescribeAutoScalingGroups {query}: no such group")
        asked = {"AutoScalingGroupName": subject.name, "MaxRecords": ACTIVITIES}
        told = parts.ask(f"DescribeScalingActivities {asked}", scaling.describe_scaling_activities, **asked)
        events = tuple(
            StateEvent(
                activity["StartTime"].astimezone(UTC),
                _say(activity),
                subject.name,
                {"operation": "DescribeScalingActivities", **asked},
            )
            for activity in told.get("Activities", [])
            if start <= activity["StartTime"] <= end
        )
        status = StatusRead(_group(subject.name, groups[0]), {"operation": "DescribeAutoScalingGroups", **query})
        return StateRead((status,), events, tuple(parts.gaps))


def _group(name: str, group: dict[str, Any]) -> StatusContent:
    instances = group.get("Instances", [])
    ready = [i for i in instances if i.get("LifecycleState") == "InService" and i.get("HealthStatus") == "Healthy"]
    desired = group.get("DesiredCapacity", 0)
    return StatusContent(
        component=name,
        kind=GROUP,
        state=str(group.get("Status", "active")),
        responds=None,
        detail={
            "desired": desired,
            "least": group.get("MinSize"),
            "most": group.get("MaxSize"),
            "in_service": len(ready),
            "instances": {
                one["InstanceId"]: f"{one.get('LifecycleState')} {one.get('HealthStatus')}" for one in instances[:50]
            },
            "reasons": list(_reasons(group, len(ready), desired)),
        },
    )


def _reasons(group: dict[str, Any], ready: int, desired: int) -> Iterator[str]:
    if ready < desired:
        yield f"{ready} of {desired} desired instances are in service"
    suspended = sorted(process.get("ProcessName", "?") for process in group.get("SuspendedProcesses", []))
    if suspended and ready < desired:
        yield f"these of its processes are suspended: {', '.join(suspended)}"


def _say(activity: dict[str, Any]) -> str:
    """An activity that failed says so first; its cause alone is no failure."""
    status, why = activity.get("StatusCode", "?"), activity.get("StatusMessage") or activity.get("Cause", "")
    return f"{status}: {activity.get('Description', '')}. {why}"
