"""Synthetic incident streams: plausible histories of any length, made fast, the same for the same number.

One stream is the story's incident again and again (opened, evidence, diagnosis, plan, approval, action, resolution,
reopened ...), under an id and at times of its own. Bodies are cut from a template, since validating a million
envelopes to write them would take longer than to read them.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache

from resilibot.contracts.canonical import GENESIS, canonical
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent, format_time
from resilibot.contracts.events import IncidentClosedV1
from resilibot.runtime.event_store.port import Append, EventStore, Stream
from tests.support.story import INCIDENT, INCIDENT_EVENTS, NOON, recorded

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CYCLE = [event for event in INCIDENT_EVENTS if not isinstance(event, IncidentClosedV1)]  # so that it can go on
EVENT_ID = "@@@@@@@@@@@@@@@@@@@@@@@@@@"
OPENED_EVERY_S = 7


def incident_id(number: int) -> str:
    """A ULID by number."""
    digits = ""
    for _ in range(10):
        number, digit = divmod(number, 32)
        digits = ALPHABET[digit] + digits
    return f"01JD9Z3K6Q0000SY{digits}"


def stream_of(number: int) -> str:
    return f"incident#{incident_id(number)}"


def bodies(number: int, length: int) -> Iterator[bytes]:
    """The stored bodies of synthetic stream `number`, `length` events."""
    own = incident_id(number)
    opened = NOON + timedelta(seconds=number * OPENED_EVERY_S)
    for place in range(length):
        body = _templates()[place % len(CYCLE)]
        moment = format_time(opened + timedelta(seconds=place))
        event_id = f"01JD9Z{number % 10**9:09d}{place:011d}"
        body = body.replace(INCIDENT, own).replace(EVENT_ID, event_id).replace("2000-01-01T00:00:00.000000Z", moment)
        yield body.replace('"version":1234567890', f'"version":{place + 1}').encode()


def append_synthetic(store: EventStore, number: int, length: int, commit: int = 100) -> str:
    """Append synthetic stream `number` in commits of `commit` events. Returns its name."""
    from resilibot.contracts.envelope import chain

    log = chain(GENESIS, bodies(number, length))
    for start in range(0, length, commit):
        store.append([Append(log[0].stream, start, tuple(log[start : start + commit]))])
    return log[0].stream


def next_append(stream: Stream, number: int) -> Append:
    """One more event for synthetic stream `number`, which was loaded as `stream`."""
    body = list(bodies(number, stream.version + 1))[-1]
    return Append(stream.id, stream.version, (RecordedEvent.from_body(stream.hash, body),))


@cache
def _templates() -> list[str]:
    """Canonical bodies of one cycle, with marks where the stream's own values go."""
    return [_template(event) for event in CYCLE]


def _template(event: DomainEvent) -> str:
    (written,) = recorded(f"incident#{INCIDENT}", [event])
    envelope = json.loads(written.body)
    envelope |= {"id": EVENT_ID, "version": 1234567890, "causation_id": None}
    envelope |= {"occurred_at": "2000-01-01T00:00:00.000000Z", "recorded_at": "2000-01-01T00:00:00.000000Z"}
    return canonical(envelope).decode()
