"""Recorders of events: the library's aggregate, application and process recorders over commits, HEADs and the log."""

import random
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
)

from resilibot.runtime.event_store.dynamodb import AlsoRefused
from resilibot.runtime.event_store.library.persistence import Persistence, told_to_the_library
from resilibot.runtime.event_store.library.stored import Writing, appends_of, stored_of, stream_of
from resilibot.runtime.event_store.library.subscription import PollingSubscription
from resilibot.runtime.event_store.library.tracking import DynamoTrackingRecorder
from resilibot.runtime.event_store.log_entries import Entry, Sequenced, next_entry
from resilibot.runtime.event_store.port import Append

ATTEMPTS = 100  # in counter mode all writers of a log queue for its head
PAGE = 200  # notifications looked at in one read


class DynamoAggregateRecorder(AggregateRecorder):
    """Streams only, no notifications. Versions are gap-free: each is exactly the one after the last."""

    def __init__(self, persistence: Persistence) -> None:
        self._persistence = persistence

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """All or nothing. Raises IntegrityError, OperationalError, DataError."""
        self._insert(stored_events)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Strongly consistent, chain verified. Raises InternalError for a broken chain."""
        after = max(gt or 0, 0)
        upto = None if lte is None else lte + 1  # an aggregate that starts at 0 lies one version further on
        with told_to_the_library():
            events = self._persistence.store.load(stream_of(originator_id), after=after, upto=upto).events
        stored = [stored_of(event) for event in events]
        chosen = [
            event
            for event in (reversed(stored) if desc else stored)
            if (gt is None or event.originator_version > gt) and (lte is None or event.originator_version <= lte)
        ]
        return chosen[:limit]

    def _insert(self, stored_events: Sequence[StoredEvent], also: Sequence[dict[str, Any]] = ()) -> None:
        if stored_events:
            with told_to_the_library():
                self._persistence.store.append(self._appends(stored_events), also=also)

    def _appends(self, stored_events: Sequence[StoredEvent]) -> list[Append]:
        persistence = self._persistence
        streams = dict.fromkeys(stream_of(stored.originator_id) for stored in stored_events)
        ends = {stream: persistence.store.end(stream) for stream in streams}
        writing = Writing(persistence.application, persistence.build, persistence.clock.now())
        return appends_of(stored_events, ends, writing)


class DynamoApplicationRecorder(DynamoAggregateRecorder, ApplicationRecorder):
    """Notifications are the global log's positions, whichever ordering gave them."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Returns notification ids in counter mode; None in sequencer mode, where they come later."""
        return self._insert_ordered(stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = (start or 1) - 1 if inclusive_of_start else start or 0
        found: list[Notification] = []
        while len(found) < limit:
            page = self.notifications_after(after, PAGE if topics else limit - len(found))
            found += [n for n in page if (not topics or n.topic in topics) and (stop is None or n.id <= stop)]
            if not page or (stop is not None and page[-1].id >= stop):
                break
            after = page[-1].id
        return found[:limit]

    def notifications_after(self, after: int, limit: int) -> list[Notification]:
        """At most `limit` notifications of any topic with an id above `after`."""
        with told_to_the_library():
            return [_notification(sequenced) for sequenced in self._persistence.log.read(after, limit)]

    def max_notification_id(self) -> int | None:
        with told_to_the_library():
            return self._persistence.log.last() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Polls the log; no thread."""
        return PollingSubscription(self, gt, topics)

    def _insert_ordered(
        self, stored_events: Sequence[StoredEvent], also: Sequence[dict[str, Any]] = ()
    ) -> Sequence[int] | None:
        if not stored_events or self._persistence.ordering == "sequencer":
            self._insert(stored_events, also)
            return None
        with self._persistence.line:  # writers of one process wait in line: racing for the head costs more
            return self._insert_counted(stored_events, also)

    def _insert_counted(self, stored_events: Sequence[StoredEvent], also: Sequence[dict[str, Any]]) -> Sequence[int]:
        """The sequencer's own step inside the append's transaction; again when the log's head moved meanwhile."""
        log = self._persistence.log
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, 0.01 * min(attempt, 10)))
            with told_to_the_library():
                appends = self._appends(stored_events)
                state = log.state([append.stream for append in appends])
                entry = next_entry(state, {a.stream: a.events[-1].version for a in appends})
                assert entry is not None  # noqa: S101  every append has events that no log knows
                try:
                    self._persistence.store.append(appends, also=[*log.items(entry, state), *also])
                except AlsoRefused as error:
                    if any(item in error.refused for item in also):
                        raise
                else:
                    return _ids(stored_events, appends, entry)
        raise OperationalError(f"the log's head moved away {ATTEMPTS} times")


class DynamoProcessRecorder(DynamoTrackingRecorder, DynamoApplicationRecorder, ProcessRecorder):
    """Events and the position of what they were made from, in one transaction."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """`tracking`: a Tracking. Raises IntegrityError if it is not above the last one."""
        tracking = kwargs.get("tracking")
        if tracking is None:
            return self._insert_ordered(stored_events)
        if not stored_events:
            self.insert_tracking(tracking)
            return None
        return self._insert_ordered(stored_events, [self.tracking_item(tracking)])


def _ids(stored_events: Sequence[StoredEvent], appends: Sequence[Append], entry: Entry) -> list[int]:
    """The position of each event, in the order in which the library gave them."""
    positions = {(stream, version): position for position, stream, version in entry.places()}
    left = {append.stream: iter(append.events) for append in appends}
    streams = (stream_of(stored.originator_id) for stored in stored_events)
    return [positions[stream, next(left[stream]).version] for stream in streams]


def _notification(sequenced: Sequenced) -> Notification:
    return Notification(**vars(stored_of(sequenced.event)), id=sequenced.position)
