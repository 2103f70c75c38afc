"""PollingSubscription: the library's subscription by polling the log, in the reader's own thread."""

from collections import deque
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING

from eventsourcing.persistence import ApplicationRecorder, Notification, Subscription

if TYPE_CHECKING:
    from resilibot.runtime.event_store.library.recorders import DynamoApplicationRecorder

PAGE = 200
POLL_S = 0.1


class PollingSubscription(Subscription[ApplicationRecorder]):
    """Waits at the end of the log for what comes next; `stop` may be called from another thread."""

    def __init__(
        self, recorder: "DynamoApplicationRecorder", gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._log = recorder
        self._read: deque[Notification] = deque()
        self._after = gt or 0
        self._stopped = Event()

    def stop(self) -> None:
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        while not self._stopped.is_set():
            if not self._read:
                self._read.extend(self._log.notifications_after(self._after, PAGE))
            if not self._read:
                self._stopped.wait(POLL_S)
                continue
            notification = self._read.popleft()
            self._after = notification.id
            if not self._topics or notification.topic in self._topics:
                return notification
        raise StopIteration
