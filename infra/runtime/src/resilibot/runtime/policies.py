"""policies: which policy is in force is written to `control#policy` before anything is decided by it."""

from collections.abc import Mapping, Sequence

from resilibot.contracts.envelope import Actor, stream_id
from resilibot.contracts.event import DomainEvent
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer

POLICIES = stream_id("control", "policy")


def record_policy(writer: Writer, activated: DomainEvent) -> None:
    """Append `activated` unless the last event of its type is the same. Raises StoreError."""

    def decide(streams: Mapping[str, Stream]) -> Sequence[On]:
        known = [r.readable for r in streams[POLICIES].events if r.type == activated.wire_type]
        return [] if known and known[-1] == activated else [On(POLICIES, activated)]

    writer.write([POLICIES], decide, Origin(Actor(kind="service", id=writer.service.name)))
