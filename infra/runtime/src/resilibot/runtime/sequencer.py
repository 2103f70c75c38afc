"""Sequencer: gives every event its one position in the global log. Not on the write path; several may compete.

It follows HEAD's feed. A HEAD is only a hint that its stream moved: what is new is what the log's own cursors lack,
so late, lost, repeated and shuffled HEADs do no harm. At start, and whenever the feed lost its place, it catches up
from all HEADs. It builds upon where it left the log, and reads that only when the log refused: the append's conditions
compare all of it.
"""

import random
import time
from collections.abc import Callable, Iterable

from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.global_log import ENTRY_STREAMS, GlobalLog
from resilibot.runtime.event_store.log_entries import LogState, next_entry
from resilibot.runtime.event_store.port import Head, StoreUnavailable
from resilibot.runtime.head_feed import HeadFeed

KEPT_CURSORS = 2_000  # streams whose place is remembered; another one costs a refused append and a read
ATTEMPTS = 20  # of one entry; each failed one means that somebody else's succeeded, or that the table is busy


class Sequencer:
    """`poll` for a process of its own; `sequence` alone where something else brings the HEADs, as on AWS a mapping."""

    def __init__(
        self,
        feed: HeadFeed,
        store: DynamoEventStore,
        log: GlobalLog,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._feed = feed
        self._store = store
        self._log = log
        self._pause = pause
        self._waiting: dict[str, Head] = {}  # read from the feed, which gives them once, and not sequenced yet
        self._left = LogState(0, {})  # where this process left the log
        self._is_caught_up = False  # then a stream that it has not placed yet is a new one

    def poll(self) -> int:
        """One round over the feed; idle, it costs one GetRecords per shard. Returns the number of events sequenced.

        Raises StoreUnavailable, ClientError, BotoCoreError; what was read is kept for the next round.
        """
        if not self._feed.is_open:
            self._is_caught_up = False
            self._feed.open()  # at its end first, then everything that the log lacks: nothing falls in between
            self._wait_for(self._store.heads())
        self._wait_for(self._feed.read())
        done = self.sequence(self._waiting.values()) if self._waiting else 0
        self._waiting.clear()
        self._is_caught_up = True
        return done

    def sequence(self, heads: Iterable[Head]) -> int:
        """Give positions to all events up to these HEADs that have none. Returns how many.

        Streams that moved first come first. Raises StoreUnavailable.
        """
        versions = versions_of(heads)
        streams = list(versions)
        parts = [streams[i : i + ENTRY_STREAMS] for i in range(0, len(streams), ENTRY_STREAMS)]
        return sum(self._sequence({stream: versions[stream] for stream in part}) for part in parts)

    def _wait_for(self, heads: Iterable[Head]) -> None:
        for head in heads:
            known = self._waiting.get(head.stream)
            if known is None or head.version > known.version:
                self._waiting[head.stream] = head

    def _sequence(self, versions: dict[str, int]) -> int:
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(random.uniform(0, 0.005 * 2 ** min(attempt, 6)))
            is_known = self._is_caught_up and not attempt
            state = self._left if is_known else self._log.state(list(versions))
            entry = next_entry(state, versions)
            if entry is None:
                return 0
            if self._log.append(entry, state):
                self._remember(LogState(entry.last, {ref.stream: ref.hi for ref in entry.refs}))
                return entry.last - state.last
        raise StoreUnavailable(f"{len(versions)} stream(s) could not be sequenced in {ATTEMPTS} attempts")

    def _remember(self, state: LogState) -> None:
        older = [(stream, at) for stream, at in self._left.done.items() if stream not in state.done]
        self._left = LogState(state.last, dict([*older, *state.done.items()][-KEPT_CURSORS:]))


def versions_of(heads: Iterable[Head]) -> dict[str, int]:
    """The newest version of each stream, in the order in which the streams moved."""
    versions: dict[str, int] = {}
    for head in sorted(heads, key=lambda head: (head.updated_at, head.stream)):
        versions[head.stream] = max(head.version, versions.get(head.stream, 0))
    return versions
