"""read_message: what ingest's sources make of a single message."""

import json
from datetime import UTC, datetime
from typing import Any

from resilibot.contracts.signal import Signal
from resilibot.ingest.sources import Item, read

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


def only(body: Any) -> Item:
    """Of a body as JSON, received at NOW. Raises MalformedSignal."""
    (item,) = read(json.dumps(body), received_at=NOW)
    return item


def one(body: Any) -> Signal:
    item = only(body)
    assert isinstance(item, Signal), item
    return item
