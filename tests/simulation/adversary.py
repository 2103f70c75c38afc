"""adversary: decides, from a seed, what goes wrong where.

Each possible fault has a key: its kind, its place, and how often that place was passed before. Whether it strikes is
a hash of seed and key, so a fault that is suppressed (to shrink a story) does not move any other.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

BUDGET = 40  # faults in one run: a world that only fails never comes to rest
FREE = frozenset({"switch", "race"})  # who goes first does no harm by itself

RATES: Mapping[str, float] = {  # chance at each place, times the intensity of the run
    "crash": 0.03,  # the process ends here; what it held in memory is gone
    "race": 0.02,  # a second worker gets the same message right now
    "switch": 0.03,  # another worker gets in between
    "stall": 0.01,  # the process stands still for a while, then goes on
    "unavailable": 0.01,  # the store does not answer; nothing was written
    "lost_answer": 0.01,  # the store wrote, but the answer was lost
    "duplicate": 0.06,  # a queue delivers a message twice
    "delay": 0.06,  # a message comes late, others overtake it
    "reorder": 0.08,  # a worker takes another message than the oldest
    "lose": 0.03,  # a message never reaches its queue; a sweep repeats it
    "refused": 0.15,  # the automation says no
    "answer_lost": 0.2,  # the automation ran, but nobody heard
    "down": 0.1,  # the automation does not answer, and did nothing
    "endless": 0.02,  # an execution never ends
    "broken": 0.04,  # an execution ends in failure
    "offline": 0.03,  # the hosts cannot be listed, or are away
    "webhook_unclear": 0.08,  # delivered, but the connection broke before the answer
    "webhook_down": 0.05,
    "webhook_refused": 0.02,
    "gap": 0.05,  # a source of evidence fails
}


# between claim and effect, and at the end of an incident, things are most easily got wrong
FOCUS = ("ActionStarted", "NotificationStarted", "start ResiliBot", "ingest IncidentResolved")
FOCUSED = 4.0


@dataclass(frozen=True)
class Fault:
    kind: str
    key: str
    at: datetime
    detail: str = ""


@cache
def _focus(place: str) -> float:
    return FOCUSED if any(word in place for word in FOCUS) else 1.0


class Adversary:
    """`suppressed`: keys of faults that shall not strike; `only`: these strike, whatever the rates say, and no other.

    `quiet`: nothing strikes any more.
    """

    def __init__(
        self,
        seed: int,
        intensity: float,
        now: Callable[[], datetime],
        suppressed: Collection[str] = (),
        only: Collection[str] | None = None,
    ) -> None:
        salt = seed.to_bytes(8, "big")
        self._keyed = hashlib.blake2b(digest_size=8, key=salt)
        self._intensity = intensity
        self._now = now
        self._suppressed = frozenset(suppressed)
        self._only = None if only is None else frozenset(only)
        self._passed: dict[tuple[str, str], int] = {}
        self._quietly: list[Fault] = []
        self._faults: list[Fault] = []
        self._picks = hashlib.blake2b(salt)
        self._spent = 0
        self.quiet = False

    @property
    def faults(self) -> list[Fault]:
        return sorted([*self._faults, *self._quietly], key=lambda fault: (fault.at, fault.key))

    @property
    def interleaving(self) -> str:
        """A hash of every choice made: two runs with the same one took the same way."""
        digest = self._picks.copy()
        digest.update("\n".join(fault.key for fault in self.faults).encode())
        return digest.hexdigest()[:32]

    def strikes(self, kind: str, place: str) -> bool:
        """Whether a fault of this kind happens at this place, this time."""
        key = self._next_key(kind, place)
        if not self._falls(kind, key, _focus(place)):
            return False
        if kind not in FREE:
            if self._spent >= BUDGET:
                return False
            self._spent += 1
        self._faults.append(Fault(kind, key, self._now()))
        return True

    def strikes_quietly(self, kind: str, place: str) -> bool:
        """The same for places that are passed in threads side by side: nothing depends on their order."""
        key = self._next_key(kind, place)
        if not self._falls(kind, key):
            return False
        self._quietly.append(Fault(kind, key, self._now()))
        return True

    def pick(self, what: str, options: int) -> int:
        """One of 0 .. options-1: the scheduler's choices, which are no faults."""
        if options <= 1:
            return 0
        key = self._next_key("pick", what)
        chosen = self._hash(key) % options
        self._picks.update(f"{key}={chosen}/{options};".encode())
        return chosen

    def _next_key(self, kind: str, place: str) -> str:
        passed = self._passed[kind, place] = self._passed.get((kind, place), 0) + 1
        return f"{kind} @ {place} #{passed}"

    def _falls(self, kind: str, key: str, focus: float = 1.0) -> bool:
        if self.quiet or key in self._suppressed:
            return False
        if self._only is not None:
            return key in self._only
        return self._hash(key) < RATES[kind] * self._intensity * focus * 2**64

    def _hash(self, key: str) -> int:
        keyed = self._keyed.copy()
        keyed.update(key.encode())
        return int.from_bytes(keyed.digest(), "big")
