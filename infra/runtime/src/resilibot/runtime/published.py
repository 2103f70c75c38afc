"""published: read models that other services may query, read only: where they are kept, and the newest incidents.

Projections write them and own their content; a service that reads one names it in `SERVICE.reads`. What is here is
all that both sides must agree upon: the table's name, its index, and how a state is packed.

PublishedUnavailable   no answer, none that can be read, or no permission (`is_denied`)
"""

import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from resilibot.contracts.canonical import canonical
from resilibot.contracts.event import format_time
from resilibot.runtime.aws_codes import DENIED

PREFIX = "resilibot-readmodel-"
BY_OPENED = "by_opened"
CATEGORY = "incident"
LIVE = "readmodels"  # item of the cursors table: {"live": {"incidents": 2, ...}}; a model that it lacks is at FIRST
FIRST_VERSION = 1
NAMES_AGE_S = 300.0  # an old table is kept until it is dropped by hand, so a late switch costs nothing


class PublishedUnavailable(Exception):
    code: ClassVar[str] = "published_unavailable"

    def __init__(self, message: str, *, is_denied: bool = False) -> None:
        super().__init__(message)
        self.is_denied = is_denied


def table_name(model: str, version: int) -> str:
    return f"{PREFIX}{model}-v{version}"


def pack(state: Any) -> bytes:
    return zlib.compress(canonical(state))


def unpack(item: Mapping[str, Any]) -> Any:
    return json.loads(zlib.decompress(bytes(item["state"]["B"])))


def newest_query(table: str, limit: int, opened_before: str | None) -> dict[str, Any]:
    """Arguments of a query for incidents, newest first; `opened_before` compares with the index's sort key."""
    condition, names = "#category = :category", {"#category": "category"}
    values = {":category": {"S": CATEGORY}}
    if opened_before is not None:
        condition, names["#opened_at"] = f"{condition} AND #opened_at < :before", "opened_at"
        values[":before"] = {"S": opened_before}
    return {
        "TableName": table,
        "IndexName": BY_OPENED,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": False,
        "Limit": limit,
    }


class PublishedIncidents:
    """The published incidents. `client` is a boto3 DynamoDB client, `cursors` the table that names the live version."""

    def __init__(self, client: Any, cursors: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._cursors = cursors
        self._clock = clock
        self._known: tuple[float, int] | None = None

    def before(self, moment: datetime, limit: int) -> Sequence[dict[str, Any]]:
        """At most `limit` rows of incidents opened before that, newest first. One request (of large rows one per
        megabyte), and every NAMES_AGE_S one more. Raises PublishedUnavailable.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            table = table_name("incidents", self._version())
            items = self._newest(newest_query(table, limit, format_time(moment)), limit)
        except ClientError as error:
            self._known = None  # the table may be dropped: the next question finds the live one
            code = error.response.get("Error", {}).get("Code", "")
            raise PublishedUnavailable(f"incidents: {error}", is_denied=code in DENIED) from error
        except BotoCoreError as error:
            raise PublishedUnavailable(f"incidents: {error}") from error
        try:
            return [unpack(item) for item in items]
        except (LookupError, TypeError, ValueError, zlib.error) as error:
            raise PublishedUnavailable(f"incidents: a row cannot be read: {type(error).__name__}") from error

    def _newest(self, query: dict[str, Any], limit: int) -> list[Mapping[str, Any]]:
        """All that there are up to `limit`: an answer ends at a megabyte, and then says where to go on."""
        items: list[Mapping[str, Any]] = []
        start: dict[str, Any] = {}
        while len(items) < limit:
            answer = self._client.query(**{**query, **start, "Limit": limit - len(items)})
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                break
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return items

    def _version(self) -> int:
        now = self._clock()
        if self._known is None or now - self._known[0] > NAMES_AGE_S:
            answer = self._client.get_item(TableName=self._cursors, Key={"name": {"S": LIVE}})
            live = answer.get("Item", {}).get("live", {"M": {}})["M"]
            self._known = (now, int(live["incidents"]["N"]) if "incidents" in live else FIRST_VERSION)
        return self._known[1]
