"""DynamoSnapshotRecorder: the library's snapshots, in a table of their own: a cache, outside of the chain.

Snapshots skip versions and may be deleted at any time; no audit reads them.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import AggregateRecorder, IntegrityError, StoredEvent

from resilibot.runtime.event_store.library.persistence import Persistence, told_to_the_library
from resilibot.runtime.event_store.library.stored import stream_of


class DynamoSnapshotRecorder(AggregateRecorder):
    def __init__(self, persistence: Persistence) -> None:
        self._client = persistence.client
        self._table = persistence.tables.snapshots

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Raises IntegrityError if one of them exists; then none is written."""
        from botocore.exceptions import ClientError

        if len({(stored.originator_id, stored.originator_version) for stored in stored_events}) < len(stored_events):
            raise IntegrityError("two snapshots of one version")
        with told_to_the_library():
            try:
                if stored_events:
                    self._client.transact_write_items(TransactItems=[self._put(stored) for stored in stored_events])
            except ClientError as error:
                reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
                if "ConditionalCheckFailed" not in {reason.get("Code") for reason in reasons}:
                    raise
                raise IntegrityError("a snapshot of that version exists") from error
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "#stream = :stream AND #version BETWEEN :first AND :last",
            "ExpressionAttributeNames": {"#stream": "stream", "#version": "version"},
            "ExpressionAttributeValues": {
                ":stream": {"S": stream_of(originator_id)},
                ":first": {"N": str(0 if gt is None else gt + 1)},
                ":last": {"N": str(2**53 - 1 if lte is None else lte)},
            },
            "ScanIndexForward": not desc,
            "ConsistentRead": True,
        }
        paging = {} if limit is None else {"PaginationConfig": {"MaxItems": limit}}
        with told_to_the_library():
            pages = list(self._client.get_paginator("query").paginate(**arguments, **paging))
        return [
            StoredEvent(originator_id, int(item["version"]["N"]), item["topic"]["S"], item["state"]["B"])
            for page in pages
            for item in page["Items"]
        ]

    def _put(self, stored: StoredEvent) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._table,
                "Item": {
                    "stream": {"S": stream_of(stored.originator_id)},
                    "version": {"N": str(stored.originator_version)},
                    "topic": {"S": stored.topic},
                    "state": {"B": stored.state},
                },
                "ConditionExpression": "attribute_not_exists(#stream)",
                "ExpressionAttributeNames": {"#stream": "stream"},
            }
        }
