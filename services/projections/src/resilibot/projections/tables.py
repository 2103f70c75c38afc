"""tables: names and shapes of the read models' tables; a changed read model gets a new version, not a migration."""

from typing import Any

VERSIONS = {"incidents": 1, "cases": 1, "timelines": 1, "signals": 1, "targets": 1}
BY_OPENED = "by_opened"


def table_name(model: str) -> str:
    return f"resilibot-readmodel-{model}-v{VERSIONS[model]}"


def definitions() -> list[dict[str, Any]]:
    """Arguments of create_table, one per read model."""
    return [_table(model) for model in VERSIONS]


def _table(model: str) -> dict[str, Any]:
    table: dict[str, Any] = {
        "TableName": table_name(model),
        "KeySchema": [{"AttributeName": "stream", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "stream", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if model == "incidents":
        # debt: one partition for all incidents; bucket the category by month above some 1,000 writes a second
        table["AttributeDefinitions"] += [
            {"AttributeName": "category", "AttributeType": "S"},
            {"AttributeName": "opened_at", "AttributeType": "S"},
        ]
        table["GlobalSecondaryIndexes"] = [
            {
                "IndexName": BY_OPENED,
                "KeySchema": [
                    {"AttributeName": "category", "KeyType": "HASH"},
                    {"AttributeName": "opened_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ]
    return table
