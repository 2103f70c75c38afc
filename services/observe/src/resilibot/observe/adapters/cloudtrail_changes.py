"""CloudTrail: write events that name the workload's resources."""

from datetime import UTC, datetime
from typing import Any

from resilibot.contracts.evidence import ChangeContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import ChangeRead

LIMIT = 20


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
                ),
                query,
            )
            for event in answer.get("Events", [])
            if event.get("ReadOnly") != "true"
        ]
