"""refuse: whom the door turned away, recorded in the log. Counting is the runtime's; here it becomes events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from resilibot.contracts import events as e
from resilibot.contracts.envelope import stream_id
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer

if TYPE_CHECKING:  # the application of the API is a quarter of the import, and the queue's handler has no use for it
    from resilibot.runtime.http.refusals import Refusal


def record(writer: Writer, refusals: Sequence[Refusal]) -> None:
    """One event each, on the stream of the hour. Raises StoreError, KeysUnavailable.

    By hour, since a writer loads what it appends to; who asked is the actor, so that a person's name is sealed.
    """
    for refusal in refusals:
        stream = stream_id("control", f"refused-{refusal.last_at:%Y%m%d%H}")
        refused = e.RequestRefusedV1(
            reason=refusal.reason,
            route=refusal.route,
            status=refusal.status,
            count=refusal.count,
            first_at=refusal.first_at,
            last_at=refusal.last_at,
        )

        def decide(_: Mapping[str, Stream], on: On = On(stream, refused)) -> Sequence[On]:  # noqa: B008  bound per turn
            return [on]

        writer.write([stream], decide, Origin(refusal.caller))
