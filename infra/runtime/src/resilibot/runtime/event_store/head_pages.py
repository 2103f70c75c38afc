"""head_pages: every HEAD, page by page and in segments: for work over all streams that is bounded and can resume."""

from typing import Any, Protocol

from resilibot.runtime.event_store.items import head_of
from resilibot.runtime.event_store.port import Head, StoreUnavailable
from resilibot.runtime.event_store.tables import Tables

PAGE = 100


class HeadPages(Protocol):
    def page(self, segment: int, segments: int, after: str | None, limit: int = PAGE) -> tuple[list[Head], str | None]:
        """HEADs of one segment after the stream `after`, and the stream to go on after; None: the segment's end.

        Segments share no stream, and together hold them all. Raises StoreUnavailable.
        """
        ...

    def count(self) -> int:
        """The number of streams. Raises StoreUnavailable."""
        ...


class HeadScan:
    """A parallel scan of the `streams` table. `client` is a boto3 DynamoDB client."""

    def __init__(self, client: Any, tables: Tables) -> None:
        self._client = client
        self._table = tables.streams

    def page(self, segment: int, segments: int, after: str | None, limit: int = PAGE) -> tuple[list[Head], str | None]:
        start: dict[str, Any] = {"ExclusiveStartKey": {"stream": {"S": after}}} if after else {}
        answer = self._scan(Segment=segment, TotalSegments=segments, Limit=limit, **start)
        last = answer.get("LastEvaluatedKey")
        return [head_of(item) for item in answer["Items"]], last["stream"]["S"] if last else None

    def count(self) -> int:
        total = 0
        start: dict[str, Any] = {}
        while True:
            answer = self._scan(Select="COUNT", **start)
            total += int(answer["Count"])
            if "LastEvaluatedKey" not in answer:
                return total
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _scan(self, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = self._client.scan(TableName=self._table, ConsistentRead=True, **arguments)
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(f"scan of {self._table}: {error}") from error
        return answer
