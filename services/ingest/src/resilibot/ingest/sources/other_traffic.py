"""other_traffic: what comes to such doors and is no signal: named, so that it is not "unknown". Pure."""

from collections.abc import Iterator
from typing import Any

from resilibot.ingest.sources.record import Item, Record, Source, ignored

SLACK_TYPES = frozenset(
    (
        "block_actions",
        "block_suggestion",
        "dialog_submission",
        "event_callback",
        "interactive_message",
        "message_action",
    )
) | frozenset(
    ("shortcut", "url_verification", "view_closed", "view_submission", "workflow_step_edit", "app_rate_limited")
)
SLACK_MARKS = ("token", "team", "team_id", "api_app_id", "challenge", "user")
HTTP_MARKS = ("requestContext", "httpMethod", "rawPath", "routeKey", "authorizationToken")
AUTHORIZED = ("methodArn", "routeArn")  # what a Lambda authorizer is asked for


def recognises(body: dict[str, Any]) -> bool:
    return bool(_kind(body))


def read(record: Record) -> Iterator[Item]:
    source, kind, reason = _kind(record.body) or ("other", "traffic", "no signal")
    yield ignored(record, source, kind, reason)


SOURCE = Source("other-traffic", recognises, read)


def _kind(body: dict[str, Any]) -> tuple[str, str, str] | None:
    kind = body.get("type")
    if isinstance(kind, str) and kind in SLACK_TYPES and any(mark in body for mark in SLACK_MARKS):
        return "slack", f"slack {kind}", "answers come by the signed Slack endpoint; nobody opens an incident so"
    is_authorizers = kind in ("TOKEN", "REQUEST") and any(mark in body for mark in AUTHORIZED)
    if is_authorizers or any(mark in body for mark in HTTP_MARKS):
        return (
            "http",
            "an HTTP request as a gateway wraps it",
            "the HTTP door takes requests: it knows who asks",
        )
    if ("repository" in body and "sender" in body) or ("object_kind" in body and "project" in body):
        return "forge", "an event of a code forge", "a change of code is no alarm"
    if "awslogs" in body:
        return "logs", "a CloudWatch Logs subscription", "log lines are evidence, not signals"
    return None
