"""Tables: names and shapes of the event store's tables; infra/local and infra/cdk derive theirs from here."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tables:
    """Table names. `events` is put only; nothing but an append writes `streams`, whose feed drives the relay."""

    events: str = "resilibot-events"
    streams: str = "resilibot-streams"
    timers: str = "resilibot-timers"
    cursors: str = "resilibot-cursors"
    keys: str = "resilibot-keys"  # one data key per person: precious, and no backup may outlive a destroyed one

    def definitions(self) -> list[dict[str, Any]]:
        """Arguments of create_table, one per table."""
        feed = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        return [
            _table(self.events, ("stream", "S"), ("version", "N")),
            _table(self.streams, ("stream", "S"), StreamSpecification=feed),
            _table(self.timers, ("bucket", "S"), ("due", "S")),
            _table(self.cursors, ("name", "S")),
            _table(self.keys, ("subject", "S")),
        ]


def _table(name: str, *keys: tuple[str, str], **extra: Any) -> dict[str, Any]:
    roles = ("HASH", "RANGE")
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": role} for (key, _), role in zip(keys, roles, strict=False)],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": kind} for key, kind in keys],
        "BillingMode": "PAY_PER_REQUEST",
        **extra,
    }
