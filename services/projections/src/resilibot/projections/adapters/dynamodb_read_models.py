"""Read models in DynamoDB: one item per stream and model, the state compressed, its version in the same item."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from resilibot.contracts.canonical import canonical
from resilibot.projections.ports import ReadModelBehind, ReadModelUnavailable
from resilibot.projections.tables import BY_OPENED, table_name

CATEGORY = "incident"
MODELS = {"incident": ("incidents", "cases", "timelines"), "signal": ("signals",), "target": ("targets",)}


class DynamoReadModels:
    """`client` is a boto3 DynamoDB client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def version(self, stream: str) -> int:
        model = MODELS[stream.partition("#")[0]][0]
        item = self._get_item(model, stream)
        return int(item["version"]["N"]) if item else 0

    def save(self, stream: str, states: Mapping[str, Any], expected: int, version: int) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        puts = [{"Put": self._put(model, stream, state, expected, version)} for model, state in states.items()]
        try:
            self._client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            codes = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if codes & {"ConditionalCheckFailed", "TransactionConflict"}:
                raise ReadModelBehind(f"{stream} is no longer at {expected}") from error
            raise ReadModelUnavailable(f"{stream}: {error}") from error
        except BotoCoreError as error:
            raise ReadModelUnavailable(f"{stream}: {error}") from error

    def get(self, model: str, stream: str) -> Any | None:
        item = self._get_item(model, stream)
        return _unpack(item) if item else None

    def newest_incidents(self, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        start: dict[str, Any] = {"ExclusiveStartKey": _read_cursor(cursor)} if cursor else {}
        answer = self._client.query(
            TableName=table_name("incidents"),
            IndexName=BY_OPENED,
            KeyConditionExpression="#category = :category",
            ExpressionAttributeNames={"#category": "category"},
            ExpressionAttributeValues={":category": {"S": CATEGORY}},
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        last = answer.get("LastEvaluatedKey")
        return [_unpack(item) for item in answer["Items"]], _write_cursor(last) if last else None

    def _get_item(self, model: str, stream: str) -> dict[str, Any] | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_item(
                TableName=table_name(model), Key={"stream": {"S": stream}}, ConsistentRead=True
            )
        except (BotoCoreError, ClientError) as error:
            raise ReadModelUnavailable(f"{model} of {stream}: {error}") from error
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def _put(self, model: str, stream: str, state: Any, expected: int, version: int) -> dict[str, Any]:
        item: dict[str, Any] = {
            "stream": {"S": stream},
            "version": {"N": str(version)},
            "state": {"B": zlib.compress(canonical(state))},
        }
        if model == "incidents":
            item |= {"category": {"S": CATEGORY}, "opened_at": {"S": f"{state['opened_at']}#{stream}"}}
        put: dict[str, Any] = {"TableName": table_name(model), "Item": item}
        if expected == 0:
            put["ConditionExpression"] = "attribute_not_exists(#stream)"
            put["ExpressionAttributeNames"] = {"#stream": "stream"}
        else:
            put["ConditionExpression"] = "#version = :expected"
            put["ExpressionAttributeNames"] = {"#version": "version"}
            put["ExpressionAttributeValues"] = {":expected": {"N": str(expected)}}
        return put


def _unpack(item: Mapping[str, Any]) -> Any:
    return json.loads(zlib.decompress(bytes(item["state"]["B"])))


def _write_cursor(key: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(canonical({name: value["S"] for name, value in key.items()})).decode()


def _read_cursor(cursor: str) -> dict[str, Any]:
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return {name: {"S": str(key[name])} for name in ("stream", "category", "opened_at")}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("cursor: not one that this API gave out") from error
