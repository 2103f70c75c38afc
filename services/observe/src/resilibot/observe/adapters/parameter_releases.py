"""Release record: the history of a Parameter Store parameter that deploys write."""

from datetime import UTC, datetime
from typing import Any

from resilibot.contracts.evidence import ChangeContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import ChangeRead


class ParameterReleases:
    name = "parameter-store"

    def __init__(self, client: Any, template: str) -> None:
        self._client = client
        self._template = template

    def changes(self, service: str, start: datetime, end: datetime) -> list[ChangeRead]:
        name = self._template.format(service=service)
        query = {"operation": "GetParameterHistory", "Name": name}
        with asking(f"GetParameterHistory {name}"):
            pages = self._client.get_paginator("get_parameter_history").paginate(Name=name)
            history = [entry for page in pages for entry in page["Parameters"]]
        history.sort(key=lambda entry: entry["Version"])
        reads = []
        for before, entry in zip([None, *history], history, strict=False):
            at = entry["LastModifiedDate"].astimezone(UTC)
            if before is not None and start <= at <= end:  # the first entry is no change
                change = ChangeContent(
                    what=f"release of {service}",
                    at=at,
                    by=entry.get("LastModifiedUser"),
                    before=before["Value"],
                    after=entry["Value"],
                    kind="deploy",
                )
                reads.append(ChangeRead(change, query))
        return reads
