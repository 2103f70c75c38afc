"""Amazon EC2: whether an instance runs and passes its status checks, and what AWS has planned for it."""

from datetime import datetime
from typing import Any

from resilibot.contracts.evidence import StatusContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client, Parts
from resilibot.observe.ports import SourceFailed, StateRead, StatusRead
from resilibot.observe.subjects import INSTANCE, Subject


class Ec2Instances:
    name = "ec2"
    kinds = frozenset({INSTANCE})

    def __init__(self, client: Client) -> None:
        self._client = client

    def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
        ec2, parts, query = self._client(), Parts(), {"InstanceIds": [subject.name]}
        with asking(f"DescribeInstanceStatus {query}"):
            found = ec2.describe_instance_status(**query, IncludeAllInstances=True)["InstanceStatuses"]
        told = next((one for one in found if one.get("InstanceId") == subject.name), None)
        if told is None:
            raise SourceFailed("no_data", f"DescribeInstanceStatus {query}: no such instance")
        state = str(told.get("InstanceState", {}).get("Name", "unknown"))
        checks = {
            "system": told.get("SystemStatus", {}).get("Status"),
            "instance": told.get("InstanceStatus", {}).get("Status"),
        }
        reasons = [f"its {name} status check is impaired" for name, check in checks.items() if check == "impaired"]
        if state != "running":
            answer = parts.ask(f"DescribeInstances {query}", ec2.describe_instances, **query)
            reasons.insert(0, f"the instance is {state}: {_why(answer)}".rstrip(": "))
        planned = [
            f"{event.get('Code')}: {event.get('Description', '')}"
            for event in told.get("Events", [])
            if not str(event.get("Description", "")).startswith(("[Completed]", "[Canceled]"))
        ]
        content = StatusContent(
            component=subject.name,
            kind=INSTANCE,
            state=state,
            responds=None,
            detail={**checks, "planned": planned, "reasons": reasons},
        )
        return StateRead(
            (StatusRead(content, {"operation": "DescribeInstanceStatus", **query}),), (), tuple(parts.gaps)
        )


def _why(answer: dict[str, Any]) -> str:
    instances = [one for reservation in answer.get("Reservations", []) for one in reservation.get("Instances", [])]
    return str(instances[0].get("StateReason", {}).get("Message", "")) if instances else ""
