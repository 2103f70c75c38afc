"""tables: names and shapes of the read models' tables; a changed read model gets a new version, not a migration."""

from collections.abc import Mapping
from typing import Any

from resilibot.runtime.published import BY_OPENED, FIRST_VERSION, PREFIX, table_name

# live before any rebuild
FIRST = dict.fromkeys(("incidents", "cases", "timelines", "signals", "targets", "controls"), FIRST_VERSION)
MODELS = {
    "incident": ("incidents", "cases", "timelines"),
    "signal": ("signals",),
    "target": ("targets",),
    "control": ("controls",),
}

__all__ = ["BY_OPENED", "FIRST", "MODELS", "PREFIX", "definitions", "parse_table_name", "table_name"]


def parse_table_name(name: str) -> tuple[str, int] | None:
    """Model and version of a read model's table; None for any other table."""
    model, _, version = name.removeprefix(PREFIX).rpartition("-v")
    if not name.startswith(PREFIX) or model not in FIRST or not version.isdecimal():
        return None
    return model, int(version)


def definitions(versions: Mapping[str, int] = FIRST) -> list[dict[str, Any]]:
    """Arguments of create_table, one per read model."""
    return [_table(model, version) for model, version in versions.items()]


def _table(model: str, version: int) -> dict[str, Any]:
    table: dict[str, Any] = {
        "TableName": table_name(model, version),
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
