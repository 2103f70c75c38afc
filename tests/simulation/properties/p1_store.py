"""P1: no lost, reordered, forked or rewritten event; and nothing was answered twice."""

import itertools
from collections.abc import Iterator

from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.event_store.verify import audit
from tests.simulation.run import Run


def nothing_is_lost(run: Run) -> Iterator[str]:
    """The chains verify, versions have no gap, times rise, and all that a writer was told is written is there."""
    for fault in audit(run.store).faults:
        yield f"{fault.stream}:{fault.version} {fault.kind}: {fault.detail}"
    stored: dict[tuple[str, int], RecordedEvent] = {}
    ids: set[str] = set()
    for stream in (head.stream for head in run.store.heads()):
        events = run.events(stream)
        if [event.version for event in events] != list(range(1, len(events) + 1)):
            yield f"{stream}: versions are {[event.version for event in events]}"
        for before, after in itertools.pairwise(events):
            if after.envelope.recorded_at < before.envelope.recorded_at:
                yield f"{stream}:{after.version} was recorded before the event in front of it"
        stored |= {(stream, event.version): event for event in events}
        ids |= {event.id for event in events}
    if len(ids) != len(stored):
        yield f"{len(stored)} events share {len(ids)} ids"
    for event in run.journal.acknowledged:
        kept = stored.get((event.stream, event.version))
        if kept is None or kept.hash != event.hash:
            yield f"{event.stream}:{event.version} {event.type} was acknowledged and is not there"
    yield from _answered_twice(run)


def _answered_twice(run: Run) -> Iterator[str]:
    """A service answers one cause in one commit; only what follows from a claim comes bit by bit."""
    claims = {e.id for e in stored_claims(run)}
    seen: dict[tuple[str, str], int] = {}
    for number, written in enumerate(run.journal.written):
        for event in (event for append in written.appends for event in append.events):
            cause = event.envelope.causation_id
            if cause is None or cause in claims:
                continue
            first = seen.setdefault((event.envelope.producer.service, cause), number)
            if first != number:
                yield f"{event.envelope.producer.service} answered {cause} again with {event.type}"


def stored_claims(run: Run) -> list[RecordedEvent]:
    return [event for event in run.all_events() if event.type in ("ActionStarted.v1", "NotificationStarted.v1")]
