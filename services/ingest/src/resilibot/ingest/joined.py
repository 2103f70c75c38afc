"""joined: what a reaction decides on beside its own stream: gathered by walking, joined by name, decided upon. Pure.

The walk to a fingerprint's home and to a related incident leads over streams that nobody can name beforehand. So it is
walked twice: in `gather`, only to learn which streams it takes, and in `decide`, over those alone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ulid import ULID

from resilibot.contracts.door_policy import DoorPolicy
from resilibot.contracts.envelope import RecordedEvent
from resilibot.ingest.topology import Topology
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.service import Trigger


class MovedOn(Exception):
    """What was gathered does not reach: something was opened, moved or closed this very moment. Gather anew."""

    code: ClassVar[str] = "moved_on"
    retryable: ClassVar[bool] = True


@dataclass(frozen=True)
class Held:
    """The facts: the rules, and the streams from which the decision finds the home and the related incident."""

    policy: DoorPolicy
    quiet_period_s: float
    topology: Topology
    streams: tuple[str, ...]
    new_incident_id: str


class Joined(dict[str, Stream]):
    """The streams that were joined. To ask for another one is to ask for what nobody had seen yet."""

    def __init__(self, joined: Mapping[str, tuple[RecordedEvent, ...]]) -> None:
        super().__init__((name, Stream.of(name, events)) for name, events in joined.items())

    def __missing__(self, name: str) -> Stream:
        raise MovedOn(f"{name} was not gathered")


def incident_id_of(trigger: Trigger) -> str:
    """A ULID that repeats when the reaction is tried again: of the time it was due, and of the trigger."""
    at: datetime = trigger.timer.due_at if trigger.timer else trigger.recorded.envelope.recorded_at
    milliseconds = int(at.timestamp() * 1000)
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + hashlib.sha256(trigger.id.encode()).digest()[:10]))
