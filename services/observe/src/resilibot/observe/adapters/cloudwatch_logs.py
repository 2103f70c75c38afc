"""CloudWatch Logs: FilterLogEvents without a pattern; the pattern mining is ours."""

from datetime import UTC, datetime
from typing import Any

from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import LogLine, LogRead, SourceFailed

PAGES = 30  # CloudWatch may give empty pages before one with lines; what is left after these is said to be missing


class CloudWatchLogs:
    name = "logs"

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, group: str, start: datetime, end: datetime, limit: int) -> LogRead:
        query = {
            "logGroupName": group,
            "startTime": int(start.timestamp() * 1000),
            "endTime": int(end.timestamp() * 1000),
        }
        lines: list[LogLine] = []
        token: str | None = None
        with asking(f"FilterLogEvents {query}"):
            for _ in range(PAGES):
                more: dict[str, Any] = {"nextToken": token} if token else {}
                page = self._client.filter_log_events(**query, **more)
                for event in page["events"]:
                    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                    if start <= at <= end:
                        lines.append(LogLine(at, event.get("logStreamName", ""), event["message"]))
                token = page.get("nextToken")
                if token is None or len(lines) >= limit:
                    break
        if not lines and token is None:
            raise SourceFailed("no_data", f"{group} holds no lines between {start:%H:%M:%S} and {end:%H:%M:%S} UTC")
        lines.sort(key=lambda line: (line.at, line.stream, line.message))
        return LogRead(tuple(lines[:limit]), token is not None, {"operation": "FilterLogEvents", **query})
