"""Read models in DynamoDB: one item per stream and model, the state compressed, its version in the same item.

A state is a pure function of the first `version` events of its stream. So a write need not follow the one before it;
it must only never go back, and that is its condition. This is what lets a rebuild and live messages overlap.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from resilibot.contracts.canonical import canonical
from resilibot.contracts.event import format_time
from resilibot.projections.ports import ReadModelBehind, ReadModelUnavailable
from resilibot.projections.tables import MODELS, table_name
from resilibot.runtime.published import CATEGORY, newest_query, pack, unpack

KEYS = ("stream", "category", "opened_at")  # of the index that lists incidents
BATCH_GET = 100
ATTEMPTS = 5


class DynamoReadModels:
    """`client` is a boto3 DynamoDB client; `names()` gives the table version of each model that is kept here."""

    def __init__(self, client: Any, names: Callable[[], Mapping[str, int]]) -> None:
        self._client = client
        self._names = names

    def version(self, stream: str) -> int:
        return self.versions([stream]).get(stream, 0)

    def versions(self, streams: Sequence[str]) -> dict[str, int]:
        names = self._names()
        wanted = [(model, stream) for stream in streams for model in _models(stream) if model in names]
        found: dict[tuple[str, str], int] = {}
        for start in range(0, len(wanted), BATCH_GET):
            found |= self._batch_versions(names, wanted[start : start + BATCH_GET])
        lowest: dict[str, int] = {}
        for model, stream in wanted:
            lowest[stream] = min(lowest.get(stream, 2**53), found.get((model, stream), 0))
        return lowest

    def save(self, stream: str, states: Mapping[str, Any], version: int) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        names = self._names()
        puts = [
            {"Put": _put(table_name(model, names[model]), model, stream, state, version)}
            for model, state in states.items()
            if model in names
        ]
        try:
            self._client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            codes = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if codes & {"ConditionalCheckFailed", "TransactionConflict"}:
                raise ReadModelBehind(f"{stream} is beyond {version}") from error
            raise ReadModelUnavailable(f"{stream}: {error}") from error
        except BotoCoreError as error:
            raise ReadModelUnavailable(f"{stream}: {error}") from error

    def get(self, model: str, stream: str) -> Any | None:
        from botocore.exceptions import BotoCoreError, ClientError

        table = table_name(model, self._names()[model])
        try:
            answer = self._client.get_item(TableName=table, Key={"stream": {"S": stream}}, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise ReadModelUnavailable(f"{model} of {stream}: {error}") from error
        return unpack(answer["Item"]) if "Item" in answer else None

    def newest_incidents(
        self, limit: int, cursor: str | None, opened_by: datetime | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        start: dict[str, Any] = {"ExclusiveStartKey": _read_cursor(cursor)} if cursor else {}
        before = None if opened_by is None else f"{format_time(opened_by)}$"  # "$" comes right after "#"
        table = table_name("incidents", self._names()["incidents"])
        answer = self._client.query(**newest_query(table, limit, before), **start)
        last = answer.get("LastEvaluatedKey")
        return [unpack(item) for item in answer["Items"]], _write_cursor(last) if last else None

    def _batch_versions(
        self, names: Mapping[str, int], wanted: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], int]:
        """One BatchGetItem, asked again for what it leaves out. Raises ReadModelUnavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        tables = {table_name(model, names[model]): model for model, _ in wanted}
        pending: dict[str, Any] = {
            table: {
                "Keys": [{"stream": {"S": stream}} for one, stream in wanted if one == model],
                "ProjectionExpression": "#stream, #version",
                "ExpressionAttributeNames": {"#stream": "stream", "#version": "version"},
                "ConsistentRead": True,
            }
            for table, model in tables.items()
        }
        found: dict[tuple[str, str], int] = {}
        for _ in range(ATTEMPTS):
            try:
                answer = self._client.batch_get_item(RequestItems=pending)
            except (BotoCoreError, ClientError) as error:
                raise ReadModelUnavailable(f"versions of {len(wanted)} items: {error}") from error
            for table, items in answer["Responses"].items():
                found |= {(tables[table], item["stream"]["S"]): int(item["version"]["N"]) for item in items}
            pending = answer.get("UnprocessedKeys") or {}
            if not pending:
                return found
        raise ReadModelUnavailable(f"versions: still unprocessed after {ATTEMPTS} requests")


def _models(stream: str) -> tuple[str, ...]:
    return MODELS.get(stream.partition("#")[0], ())


def _put(table: str, model: str, stream: str, state: Any, version: int) -> dict[str, Any]:
    item: dict[str, Any] = {
        "stream": {"S": stream},
        "version": {"N": str(version)},
        "state": {"B": pack(state)},
    }
    if model == "incidents":
        item |= {"category": {"S": CATEGORY}, "opened_at": {"S": f"{state['opened_at']}#{stream}"}}
    return {
        "TableName": table,
        "Item": item,
        "ConditionExpression": "attribute_not_exists(#stream) OR #version <= :version",
        "ExpressionAttributeNames": {"#stream": "stream", "#version": "version"},
        "ExpressionAttributeValues": {":version": {"N": str(version)}},
    }


def _write_cursor(key: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(canonical({name: value["S"] for name, value in key.items()})).decode()


def _read_cursor(cursor: str) -> dict[str, Any]:
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        fields = [key[name] for name in KEYS]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("cursor: not one that this API gave out") from error
    if len(key) != len(KEYS) or key["category"] != CATEGORY or not all(isinstance(f, str) and f for f in fields):
        raise ValueError("cursor: not one that this API gave out")
    return {name: {"S": key[name]} for name in KEYS}
