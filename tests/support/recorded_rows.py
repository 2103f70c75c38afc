"""recorded_rows: logs of simulated incidents as `resilibot replay ID --json` prints them, and made longer by hand."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ulid import ULID

from resilibot.contracts.envelope import Actor, RecordedEvent
from resilibot.contracts.event import DomainEvent

ANN = Actor(kind="person", id="ann@example.org")


def rows(recorded: Sequence[RecordedEvent]) -> list[dict[str, Any]]:
    return [
        {"envelope": json.loads(one.body), "body": one.body.decode(), "prev_hash": one.prev_hash, "hash": one.hash}
        for one in recorded
    ]


def followed_by(recorded: Sequence[RecordedEvent], *added: tuple[float, DomainEvent]) -> list[RecordedEvent]:
    """The log with what people did afterwards: seconds after what came before, and the event."""
    log = list(recorded)
    for seconds, event in added:
        before = log[-1].envelope
        at = before.recorded_at + timedelta(seconds=seconds)
        changes: dict[str, Any] = {
            "id": str(ULID.from_int(int(at.timestamp() * 1000) << 80)),
            "type": event.wire_type,
            "version": before.version + 1,
            "occurred_at": at,
            "recorded_at": at,
            "causation_id": None,
            "actor": ANN,
            "producer": before.producer.model_copy(update={"service": event.emitter}),
            "data": event.payload(),
        }
        log.append(RecordedEvent.after(log[-1].hash, before.model_copy(update=changes)))
    return log
