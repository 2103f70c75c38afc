"""AWS CodeDeploy: the deployments of an application or group that has the service's name."""

import re
from datetime import UTC, datetime
from itertools import islice
from threading import Lock
from typing import Any

from resilibot.contracts.evidence import ChangeContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client
from resilibot.observe.ports import ChangeRead

AT_ONCE = 25  # that BatchGetDeployments takes
MOST = 100  # deployments of the account looked through, the latest


class CodeDeployChanges:
    name = "codedeploy"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = Lock()
        self._latest: tuple[tuple[datetime, datetime], list[dict[str, Any]]] | None = None

    def changes(self, service: str, start: datetime, end: datetime) -> list[ChangeRead]:
        """CodeDeploy lists by group or by time only: by time, since a service's group is not known by its name.

        So one look asks once, however many services it asks about.
        """
        with self._lock:
            if self._latest is None or self._latest[0] != (start, end):
                self._latest = (start, end), self._deployments(start, end)
            deployments = self._latest[1]
        query = {"operation": "BatchGetDeployments", "createTimeRange": [start.isoformat(), end.isoformat()]}
        return [ChangeRead(_change(one), query) for one in deployments if _is_of(one, service)]

    def _deployments(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        client, found = self._client(), []
        with asking(f"ListDeployments {start} to {end}"):
            pages = client.get_paginator("list_deployments").paginate(createTimeRange={"start": start, "end": end})
            listed = (identifier for page in pages for identifier in page.get("deployments", []))
            ids = list(islice(listed, MOST))  # no page more is asked for
            for first in range(0, len(ids), AT_ONCE):
                answer = client.batch_get_deployments(deploymentIds=ids[first : first + AT_ONCE])
                found += answer.get("deploymentsInfo", [])
        return sorted(found, key=lambda one: (one["createTime"], one["deploymentId"]))


def _is_of(deployment: dict[str, Any], service: str) -> bool:
    """By name, or by the names that ECS gives to those it makes itself: AppECS-<cluster>-<service>."""
    own = re.compile(rf"(?:(?:App|Dgp)ECS-.+-)?{re.escape(service)}", re.IGNORECASE)
    names = (deployment.get("applicationName"), deployment.get("deploymentGroupName"))
    return any(own.fullmatch(name) for name in names if name)


def _change(deployment: dict[str, Any]) -> ChangeContent:
    is_back = deployment.get("creator") == "codeDeployRollback"
    what = f"{'rollback' if is_back else 'deployment'} of {deployment.get('applicationName')} by CodeDeploy"
    return ChangeContent(
        what=f"{what}: {str(deployment.get('status', 'unknown')).lower()}",
        at=deployment["createTime"].astimezone(UTC),
        by=None,  # it tells "user" or "autoscaling"; CloudTrail tells who
        before=_say(deployment.get("previousRevision")),
        after=_say(deployment.get("revision")),
        kind="deploy",
    )


def _say(revision: dict[str, Any] | None) -> str | None:
    """Where the revision lies, or its hash; an inline AppSpec is not repeated."""
    told = revision or {}
    s3, git = told.get("s3Location", {}), told.get("gitHubLocation", {})
    if s3:
        return f"s3://{s3.get('bucket')}/{s3.get('key')} {s3.get('version') or s3.get('eTag') or ''}".strip()
    if git:
        return f"{git.get('repository')} {git.get('commitId')}"
    inline = told.get("appSpecContent") or told.get("string") or {}
    return f"sha256 {inline['sha256']}" if inline.get("sha256") else None
