"""AWS Health: whether AWS itself has an open issue with what the signal's resource stands on.

The API answers only accounts with a support plan that includes it; without one that is a gap.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from resilibot.contracts.evidence import StatusContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client
from resilibot.observe.ports import StateRead, StatusRead
from resilibot.observe.single_flight import SingleFlight
from resilibot.observe.subjects import DATABASE, ECS, FUNCTION, GROUP, INSTANCE, Subject

SERVICES: Mapping[str, str] = {ECS: "ECS", DATABASE: "RDS", FUNCTION: "LAMBDA", GROUP: "EC2", INSTANCE: "EC2"}
ISSUES = 10


class AwsHealth:
    name = "health"
    kinds = frozenset(SERVICES)

    def __init__(self, client: Client) -> None:
        self._client = client
        self._flights: SingleFlight[StateRead] = SingleFlight()

    def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
        """An issue is regional, so incidents of the same AWS service share one answer."""
        service, region = SERVICES[subject.kind], subject.region
        return self._flights.ask((service, region), lambda: self._ask(service, region))

    def _ask(self, service: str, region: str) -> StateRead:
        wanted: dict[str, list[str]] = {
            "services": [service],
            **({"regions": [region, "global"]} if region else {}),
            "eventTypeCategories": ["issue"],
            "eventStatusCodes": ["open"],
        }
        with asking(f"DescribeEvents {wanted}"):
            events = self._client().describe_events(filter=wanted, maxResults=ISSUES)["events"]
        query = {"operation": "DescribeEvents", "filter": wanted}
        states = []
        for event in sorted(events, key=lambda event: event["arn"]):
            began = event["startTime"].astimezone(UTC).isoformat() if "startTime" in event else None
            code = event["eventTypeCode"]
            detail = {"arn": event["arn"], "began": began, "region": event.get("region"), "reasons": [code]}
            content = StatusContent(
                component=service, kind="provider-issue", state="open", responds=None, detail=detail
            )
            states.append(StatusRead(content, query))
        return StateRead(tuple(states))
