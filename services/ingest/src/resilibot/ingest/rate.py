"""rate: how fast one source and account may come in. What is above is held back in its queue, never dropped. Pure.

A token bucket that reserves: each message over the rate gets the moment at which its token will be there, stays
invisible until then, and is taken when it comes back. So it is received about twice however long it waits, and the
other sources do not wait behind it.
Source: "generic cell rate algorithm", ITU-T I.371: one moment per source instead of a counter and a clock.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LONGEST_S = 3600.0  # SQS hides a message for 12 hours at most; a reservation further off comes back and waits again
KEPT_SOURCES = 1000
KEPT_SLOTS = 120_000  # as many messages as SQS lets be invisible at once; one that is let go gets a later turn


@dataclass
class Rates:
    """`rate_per_s` signals of a source over time, and `burst` of them at once."""

    rate_per_s: float
    burst: int
    _full_at: OrderedDict[str, datetime] = field(default_factory=OrderedDict)  # by source: when its bucket is full
    _slots: OrderedDict[str, datetime] = field(default_factory=OrderedDict)  # by message held back: its moment

    def wait_s(self, source: str, message_id: str, now: datetime) -> float:
        """Seconds until this message may be taken; 0: now. Asking takes a token, or reserves one to come."""
        slot = self._slots.pop(message_id, None)
        if slot is None:
            slot = self._reserve(source, now)
        wait_s = (slot - now).total_seconds()
        if wait_s <= 0:
            return 0.0
        self._slots[message_id] = slot
        if len(self._slots) > KEPT_SLOTS:
            self._slots.popitem(last=False)
        return min(wait_s, LONGEST_S)

    def _reserve(self, source: str, now: datetime) -> datetime:
        token = timedelta(seconds=1 / self.rate_per_s)
        full_at = max(now, self._full_at.get(source, now)) + token
        self._full_at[source] = full_at
        self._full_at.move_to_end(source)
        if len(self._full_at) > KEPT_SOURCES:
            self._full_at.popitem(last=False)
        return full_at - token * self.burst
