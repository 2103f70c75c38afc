"""CloudTrail: write events that name the workload's resources."""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from resilibot.contracts.evidence import ChangeContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import ChangeRead

LIMIT = 20
DEPLOYS = ("CreateDeployment", "UpdateFunctionCode", "PublishVersion", "UpdateAlias", "StartDeployment")


class CloudTrailChanges:
    name = "cloudtrail"

    def __init__(self, client: Any) -> None:
        self._client = client

    def changes(self, service: str, start: datetime, end: datetime) -> list[ChangeRead]:
        attributes = [{"AttributeKey": "ResourceName", "AttributeValue": service}]
        query = {"operation": "LookupEvents", "LookupAttributes": attributes}
        with asking(f"LookupEvents {attributes}"):
            answer = self._client.lookup_events(
                LookupAttributes=attributes, StartTime=start, EndTime=end, MaxResults=LIMIT
            )
        return [
            ChangeRead(
                ChangeContent(
                    what=f"{event.get('EventSource', '?')} {event.get('EventName', '?')}",
                    at=event["EventTime"].astimezone(UTC),
                    by=event.get("Username"),
                    before=None,
                    after=None,
                    kind=_kind(event),
                ),
                query,
            )
            for event in answer.get("Events", [])
            if event.get("ReadOnly") != "true"
        ]


def _kind(event: dict[str, Any]) -> Literal["deploy", "config"]:
    """A call that brings other code, or an ECS service to another task definition or new tasks, is a deployment."""
    if str(event.get("EventName", "")).startswith(DEPLOYS):
        return "deploy"
    try:
        asked = json.loads(event.get("CloudTrailEvent") or "{}").get("requestParameters") or {}
    except (ValueError, AttributeError):
        asked = {}
    is_ecs = event.get("EventName") == "UpdateService" and isinstance(asked, dict)
    return "deploy" if is_ecs and (asked.get("taskDefinition") or asked.get("forceNewDeployment")) else "config"
