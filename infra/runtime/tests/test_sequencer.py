"""The sequencer between a feed that gives each HEAD once and a log that may be busy or out of reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from resilibot.contracts.canonical import GENESIS
from resilibot.runtime.event_store.log_entries import Entry, LogState
from resilibot.runtime.event_store.port import Head, StoreUnavailable
from resilibot.runtime.sequencer import ATTEMPTS, Sequencer
from resilibot.runtime.testing import NOON


def head(stream: str, version: int, seconds: float = 0) -> Head:
    return Head(stream, version, GENESIS, 1, "incident", NOON + timedelta(seconds=seconds))


@dataclass
class Feed:
    reads: list[list[Head]]
    is_open: bool = True

    def open(self) -> None:
        self.is_open = True

    def read(self) -> list[Head]:
        return self.reads.pop(0) if self.reads else []


@dataclass
class Log:
    """Keeps entries. `busy`: how many appends come second; `down`: whether it can be reached."""

    busy: int = 0
    down: bool = False
    last: int = 0
    done: dict[str, int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    asked: int = 0

    def state(self, streams: Sequence[str]) -> LogState:
        self.asked += 1
        if self.down:
            raise StoreUnavailable("down")
        return LogState(self.last, dict(self.done))

    def append(self, entry: Entry, state: LogState) -> bool:
        if self.busy:
            self.busy -= 1
            self._somebody_else(entry)
            return False
        self._put(entry)
        return True

    def _somebody_else(self, entry: Entry) -> None:
        """Another sequencer takes the first ref."""
        self._put(Entry(self.last + 1, entry.refs[:1]))

    def _put(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.last = entry.last
        self.done.update({ref.stream: ref.hi for ref in entry.refs})


class Store:
    def __init__(self, *heads: Head) -> None:
        self._heads = heads

    def heads(self) -> Any:
        return iter(self._heads)


def sequencer(feed: Feed, log: Log, store: Store | None = None) -> Sequencer:
    return Sequencer(feed, store or Store(), log, pause=lambda _: None)  # type: ignore[arg-type]  # fakes of ours


def placed(log: Log) -> Mapping[int, tuple[str, int]]:
    return {position: (stream, version) for e in log.entries for position, stream, version in e.places()}


def test_what_the_feed_gave_is_kept_while_the_log_is_out_of_reach() -> None:
    log = Log(down=True)
    running = sequencer(Feed([[head("incident#a", 2)], [head("incident#b", 1, 1)]]), log)
    with pytest.raises(StoreUnavailable):
        running.poll()
    log.down = False
    assert running.poll() == 3
    assert placed(log) == {1: ("incident#a", 1), 2: ("incident#a", 2), 3: ("incident#b", 1)}
    assert running.poll() == 0


def test_a_feed_that_is_not_open_is_opened_and_all_heads_are_caught_up() -> None:
    feed, log = Feed([], is_open=False), Log()
    assert sequencer(feed, log, Store(head("incident#a", 2))).poll() == 2
    assert feed.is_open


def test_an_idle_round_asks_the_log_nothing() -> None:
    assert sequencer(Feed([]), Log(down=True)).poll() == 0


def test_what_somebody_else_placed_first_is_not_placed_again() -> None:
    log = Log(busy=1)
    assert sequencer(Feed([]), log).sequence([head("incident#a", 2), head("incident#b", 2, 1)]) == 2
    assert list(placed(log).values()) == [(f"incident#{name}", version) for name in "ab" for version in (1, 2)]
    assert log.entries[1].refs[0].stream == "incident#b"


def test_a_log_that_stays_busy_is_given_up_for_now() -> None:
    class Busy(Log):
        def append(self, entry: Entry, state: LogState) -> bool:
            self.busy += 1
            return False

    log = Busy()
    with pytest.raises(StoreUnavailable):
        sequencer(Feed([]), log).sequence([head("incident#a", 1)])
    assert log.busy == ATTEMPTS


def test_it_goes_on_from_where_it_left_the_log_without_reading_it() -> None:
    log = Log()
    running = sequencer(Feed([[head("incident#a", 2)], [head("incident#a", 3), head("incident#b", 1, 1)]]), log)
    assert [running.poll(), log.asked] == [2, 1]
    assert [running.poll(), log.asked] == [2, 1]
    assert list(placed(log).values()) == [("incident#a", 1), ("incident#a", 2), ("incident#a", 3), ("incident#b", 1)]


def test_a_refused_entry_is_built_anew_from_the_log_itself() -> None:
    log = Log()
    running = sequencer(Feed([[head("incident#a", 1)], [head("incident#a", 2), head("incident#b", 2, 1)]]), log)
    running.poll()
    log.busy = 1
    assert running.poll() == 2
    assert log.asked == 2
    assert sorted(placed(log).values()) == [(f"incident#{name}", version) for name in "ab" for version in (1, 2)]
