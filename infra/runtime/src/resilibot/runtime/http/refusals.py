"""refusals: whom the door turned away, told to the log without letting a flood through.

The first refusal of a kind in a minute is told at once, like ones are counted and told together when the minute is
over. Kinds are bounded per minute; what is beyond goes on one count for each reason. So a flood of any size is at most
FIRST + KINDS + one event per reason a minute and process. A count not told yet is lost with its process: it is at most
a minute old.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from resilibot.contracts.envelope import Actor
from resilibot.contracts.events.controlled import RefusalReason
from resilibot.runtime.clock import Clock
from resilibot.runtime.event_store.port import StoreError
from resilibot.runtime.personal import KeysUnavailable

log = logging.getLogger(__name__)

WINDOW = timedelta(seconds=60)
FIRST = 10  # told at once, in a minute
KINDS = 20  # counted apart, in a minute
STRANGER = Actor(kind="system", id="anonymous")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Refusal:
    """Like requests that were turned away. `route` is one of ours as declared, never the path that was asked for."""

    reason: RefusalReason
    route: str
    status: int
    caller: Actor
    first_at: datetime
    last_at: datetime
    count: int = 1


Kind = tuple[str, str, int, str, str]


class Refusals:
    """`tell(refusals)` writes them. What it cannot write is logged, and the request is answered all the same."""

    def __init__(self, tell: Callable[[Sequence[Refusal]], None], clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._window_ends: datetime | None = None
        self._told = 0
        self._counted: dict[Kind, Refusal | None] = {}  # None: told, and nothing since

    def note(self, reason: RefusalReason, route: str, status: int, caller: Actor = STRANGER) -> None:
        now = self._clock.now()
        one = Refusal(reason, route, status, caller, now, now)
        with self._lock:
            due = self._due(now)
            if self._add(one):
                due.append(one)
        self._write(due)

    def flush(self) -> None:
        """Tell what was counted in minutes that are over. To be called now and then, also when nobody is refused."""
        with self._lock:
            due = self._due(self._clock.now())
        self._write(due)

    def close(self) -> None:
        """Tell all that was counted."""
        with self._lock:
            due = self._waiting()
            self._counted.clear()
        self._write(due)

    def _due(self, now: datetime) -> list[Refusal]:
        if self._window_ends is not None and now < self._window_ends:
            return []
        due = self._waiting()
        self._counted, self._told, self._window_ends = {}, 0, now + WINDOW
        return due

    def _waiting(self) -> list[Refusal]:
        return [refusal for refusal in self._counted.values() if refusal is not None]

    def _add(self, one: Refusal) -> bool:
        """Count it; True: tell it now."""
        kind = _kind(one)
        if kind not in self._counted and len(self._counted) >= KINDS:
            one = replace(one, route=UNKNOWN, status=400, caller=STRANGER)  # one kind for each reason
            kind = _kind(one)
        elif kind not in self._counted and self._told < FIRST:
            self._told += 1
            self._counted[kind] = None
            return True
        known = self._counted.get(kind)
        self._counted[kind] = replace(known, count=known.count + 1, last_at=one.last_at) if known else one
        return False

    def _write(self, refusals: Sequence[Refusal]) -> None:
        if not refusals:
            return
        try:
            self._tell(refusals)
        except (StoreError, KeysUnavailable) as error:
            log.error("refused requests could not be recorded: %s", error, extra={"refused": len(refusals)})


def _kind(refusal: Refusal) -> Kind:
    caller = refusal.caller
    return (refusal.reason, refusal.route, refusal.status, caller.kind, caller.id)
