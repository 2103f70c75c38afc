"""Tables: names and shapes of the event store's tables; infra/local and infra/cdk derive theirs from here."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Tables:
    """Table names. `events` is put only; nothing but an append writes `streams`, whose feed drives relay and sequencer.

    `log` is derived from the streams and can be rebuilt; `snapshots` is a cache that may be emptied at any time.
    """

    events: str = "resilibot-events"
    streams: str = "resilibot-streams"
    timers: str = "resilibot-timers"
    cursors: str = "resilibot-cursors"
    keys: str = "resilibot-keys"  # one data key per person: precious, and no backup may outlive a destroyed one
    log: str = "resilibot-log"
    snapshots: str = "resilibot-snapshots"

    @classmethod
    def prefixed(cls, prefix: str) -> "Tables":
        """Tables apart from all others, for tests and benchmarks: `<prefix>-events` and so on."""
        return cls(**{field.name: f"{prefix}-{field.name}" for field in fields(cls)})

    def definitions(self) -> list[dict[str, Any]]:
        """Arguments of create_table, one per table."""
        feed = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        return [
            _table(self.events, ("stream", "S"), ("version", "N")),
            _table(self.streams, ("stream", "S"), StreamSpecification=feed),
            _table(self.timers, ("bucket", "S"), ("due", "S")),
            _table(self.cursors, ("name", "S")),
            _table(self.keys, ("subject", "S")),
            _table(self.log, ("log", "S"), ("position", "N")),
            _table(self.snapshots, ("stream", "S"), ("version", "N")),
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
