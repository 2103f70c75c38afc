"""remembered: where the streams stand that intake decides on: a storm must not load one once per signal.

What is decided upon memory is appended only if the stream still ends there. So a stale memory costs a refused append
and a load of what is new, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from resilibot.contracts.envelope import RecordedEvent
from resilibot.ingest.admit import Doorstep, fold_doorstep
from resilibot.ingest.attach import SignalHistory, fold_signals
from resilibot.ingest.correlate import Members
from resilibot.runtime.event_store.recall import History
from resilibot.runtime.folds import Folds

KEPT_IDS = 100_000  # source ids over all signal streams, some 15 MB
STREAM_IDS = 50  # a stream counts as so many more: of 2,000 with few ids, some 13 KB each, the oldest is let go
KEPT_GROUPS = 16  # streams: of accounts that are in trouble at the same time


@dataclass(frozen=True, slots=True)
class Told:
    """What a signal stream tells: its history, and what the door knows by it."""

    history: SignalHistory = field(default_factory=SignalHistory)
    doorstep: Doorstep = field(default_factory=Doorstep)

    def further(self, events: Sequence[RecordedEvent]) -> "Told":
        return Told(fold_signals(events, self.history), fold_doorstep(events, self.doorstep))


def signal_folds(store: History) -> Folds[Told]:
    """Of signal streams, those of ignored things too: their source ids of all time are part of the fold."""
    return Folds(
        lambda key: Told(), Told.further, KEPT_IDS, store, size=lambda told: STREAM_IDS + len(told.history.seen)
    )


def group_folds(store: History | None = None) -> Folds[Members]:
    return Folds(lambda key: Members(), Members.further, KEPT_GROUPS, store)
