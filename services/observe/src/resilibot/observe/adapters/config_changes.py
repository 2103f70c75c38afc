"""AWS Config: how the signal's resource was configured before and after, as its recorder saw it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from resilibot.contracts.evidence import ChangeContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client
from resilibot.observe.config_diff import differences
from resilibot.observe.ports import ChangeRead, SourceFailed
from resilibot.observe.subjects import DATABASE, FUNCTION, GROUP, INSTANCE, Subject

TYPES: Mapping[str, str] = {
    DATABASE: "AWS::RDS::DBInstance",
    FUNCTION: "AWS::Lambda::Function",
    GROUP: "AWS::AutoScaling::AutoScalingGroup",
    INSTANCE: "AWS::EC2::Instance",
}
BY_NAME = (FUNCTION, INSTANCE)  # the others have ids of their own, which are looked up
DEPLOYED = ("codeSha256", "imageUri", "launchTemplate.version", "launchConfigurationName", "imageId")
ITEMS = 10


class ConfigChanges:
    """ECS services are left out: what they ran is told better, and with images, by ECS itself."""

    name = "config"
    kinds = frozenset(TYPES)

    def __init__(self, client: Client) -> None:
        self._client = client

    def changes_of(self, subject: Subject, start: datetime, end: datetime) -> list[ChangeRead]:
        kind, config = TYPES[subject.kind], self._client()
        identifier = subject.name if subject.kind in BY_NAME else self._id(config, kind, subject.name)
        query = {"resourceType": kind, "resourceId": identifier}
        with asking(f"GetResourceConfigHistory {query}"):
            answer = config.get_resource_config_history(**query, laterTime=end, limit=ITEMS)  # the latest first
        items = sorted(answer.get("configurationItems", []), key=lambda item: item["configurationItemCaptureTime"])
        asked = {"operation": "GetResourceConfigHistory", **query}
        return [
            ChangeRead(change, asked)
            for before, after in pairwise(items)
            if start <= after["configurationItemCaptureTime"] <= end
            and (change := _change(subject, before, after)) is not None
        ]

    def _id(self, config: Any, kind: str, name: str) -> str:
        with asking(f"ListDiscoveredResources {kind} {name}"):
            answer = config.list_discovered_resources(resourceType=kind, resourceName=name, limit=1)
        found = answer.get("resourceIdentifiers", [])
        if not found:
            raise SourceFailed("no_data", f"ListDiscoveredResources {kind} {name}: AWS Config has not recorded it")
        return str(found[0]["resourceId"])


def _change(subject: Subject, before: Mapping[str, Any], after: Mapping[str, Any]) -> ChangeContent | None:
    """None when nothing of the configuration itself differs: relationships and tags change too."""
    found = differences(_configuration(before), _configuration(after))
    if not found:
        return None
    paths = [path for path, _, _ in found]
    is_deploy = any(path == deployed for path in paths for deployed in DEPLOYED)
    return ChangeContent(
        what=f"{'deployment' if is_deploy else 'configuration'} of {subject.kind} {subject.name}: {', '.join(paths)}",
        at=after["configurationItemCaptureTime"].astimezone(UTC),
        by=None,  # CloudTrail tells who
        before="; ".join(f"{path} {value}" for path, value, _ in found),
        after="; ".join(f"{path} {value}" for path, _, value in found),
        kind="deploy" if is_deploy else "config",
    )


def _configuration(item: Mapping[str, Any]) -> Any:
    try:
        return json.loads(item.get("configuration") or "{}")
    except ValueError:
        return {}
