"""AWS Lambda: whether a function can be invoked, and which code or configuration followed which.

Environment variables are never kept: they may hold secrets.
"""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from resilibot.contracts.evidence import ChangeContent, StatusContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client, Parts
from resilibot.observe.ports import ChangeRead, StateRead, StatusRead
from resilibot.observe.subjects import FUNCTION, Subject

FINE = ("Active", "Inactive")  # an idle one is woken by its next call
LATEST = "$LATEST"
SHOWN = ("Version", "Runtime", "MemorySize", "Timeout", "CodeSha256", "LastModified", "LastUpdateStatus")


class LambdaFunctions:
    name = "lambda"
    kinds = frozenset({FUNCTION})

    def __init__(self, client: Client) -> None:
        self._client = client

    def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
        functions, parts, query = self._client(), Parts(), {"FunctionName": subject.name}
        with asking(f"GetFunctionConfiguration {query}"):
            told = functions.get_function_configuration(**query)
        limit = parts.ask(f"GetFunctionConcurrency {query}", functions.get_function_concurrency, **query)
        reserved = limit.get("ReservedConcurrentExecutions")
        detail = {key: told[key] for key in SHOWN if told.get(key) is not None}
        content = StatusContent(
            component=subject.name,
            kind=FUNCTION,
            state=str(told.get("State", "unknown")),
            responds=None,
            detail={**detail, "reserved_concurrency": reserved, "reasons": _reasons(told, reserved)},
        )
        asked = {"operation": "GetFunctionConfiguration", **query}
        return StateRead((StatusRead(content, asked),), (), tuple(parts.gaps))

    def changes_of(self, subject: Subject, start: datetime, end: datetime) -> list[ChangeRead]:
        """Versions published in the window, and a later change of $LATEST: of its code, or of all but its code."""
        query = {"FunctionName": subject.name}
        with asking(f"ListVersionsByFunction {query}"):
            pages = self._client().get_paginator("list_versions_by_function").paginate(**query)
            versions = [version for page in pages for version in page["Versions"]]
        published = sorted((v for v in versions if v["Version"] != LATEST), key=lambda v: int(v["Version"]))
        latest = [v for v in versions if v["Version"] == LATEST]
        asked = {"operation": "ListVersionsByFunction", **query}
        history = [*published, *latest]
        changes = []
        for before, after in pairwise(history):  # the first one is no change
            since, at = _time(before.get("LastModified")), _time(after.get("LastModified"))
            is_older = after["Version"] == LATEST and since is not None and at is not None and at <= since
            if at is None or is_older or not start <= at <= end:
                continue  # a version just published is $LATEST under another name
            changes.append(ChangeRead(_change(subject.name, before, after, at), asked))
        return changes


def _reasons(told: dict[str, Any], reserved: int | None) -> list[str]:
    found = []
    if told.get("State", "Active") not in FINE:
        reason = f"{told.get('StateReasonCode', '')} {told.get('StateReason', '')}".strip()
        found.append(f"the function is {told['State']}: {reason}")
    if told.get("LastUpdateStatus") == "Failed":
        reason = f"{told.get('LastUpdateStatusReasonCode', '')} {told.get('LastUpdateStatusReason', '')}".strip()
        found.append(f"its last update failed: {reason}")
    if reserved == 0:
        found.append("reserved concurrency is 0: every invocation is throttled")
    return found


def _change(name: str, before: dict[str, Any], after: dict[str, Any], at: datetime) -> ChangeContent:
    is_same_code = before.get("CodeSha256") == after.get("CodeSha256")
    what = "configuration" if is_same_code else "deployment"
    return ChangeContent(
        what=f"{what} of Lambda function {name}",
        at=at,
        by=None,  # CloudTrail tells who
        before=_say(before),
        after=_say(after),
        kind="config" if is_same_code else "deploy",
    )


def _say(version: dict[str, Any]) -> str:
    shown = (f"{key} {version[key]}" for key in ("MemorySize", "Timeout", "Runtime") if key in version)
    return f"version {version['Version']} ({', '.join([str(version.get('CodeSha256', '?'))[:12], *shown])})"


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None
