"""Relay: from HEAD's change feed to the topic. The only outbox: commit and HEAD are one atomic write.

HEAD's feed says which stream moved to which version, and carries the commit unless that is large; what it does not
carry is read from the commits. Cursors
(`relay#<stream>`: last version published) are written lazily, because they are only a lower bound: what is published
twice does nothing twice. At start, and whenever the feed lost its place, everything above the cursors is published
again from the tables; the watch (`watch.py`) does the same later for what a queue lost.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.bus.publisher import Publisher
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.items import commit_events, linked
from resilibot.runtime.event_store.port import ChainBroken, Head, StoreCorrupt
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.event_store.verify import Commit
from resilibot.runtime.head_feed import HeadFeed

log = logging.getLogger(__name__)

CURSOR_FLUSH_S = 10.0  # what a crash in between publishes again is dropped as known
BATCH_GET = 100
BATCH_WRITE = 25
REPUBLISHED = 100  # of one stream and sweep: a reader loads what is before from the store, a later sweep goes on


class Relay:
    """One relay; a second one may run beside it (what both publish is deduplicated by the topic or the consumers).

    streams: boto3 DynamoDB Streams client; dynamodb: boto3 DynamoDB client. hints: wire types (Topology.hints) that
    need no message of their own where a later event of their stream is published with them: a storm's signals are
    shown, not reacted to.
    """

    def __init__(
        self, streams: Any, dynamodb: Any, tables: Tables, publisher: Publisher, hints: frozenset[str] = frozenset()
    ) -> None:
        self._feed = HeadFeed(streams, dynamodb, tables)
        self._dynamodb = dynamodb
        self._tables = tables
        self._publisher = publisher
        self._hints = hints
        self._store = DynamoEventStore(dynamodb, tables)
        self._published: dict[str, int] = {}  # by stream, this process's own knowledge
        self._unsaved: set[str] = set()
        self._pending: dict[str, Head] = {}  # read from the feed, not yet published
        self._carried: dict[str, dict[int, Commit]] = {}  # what came along with them, by stream and first version
        self._saved_at = time.monotonic()

    def poll(self) -> int:
        """One round over the feed. Returns the number of events published. Raises BusUnavailable, ClientError."""
        if not self._feed.is_open:
            self._feed.open()  # at its end first, then everything that the cursors lack: nothing falls in between
            self._publish_behind(list(self._store.heads()))
        heads, commits = self._feed.read_commits()
        for head in heads:
            self._pending[head.stream] = head
        for commit in commits:
            self._carried.setdefault(commit.stream, {})[commit.version] = commit
        published = self._publish_heads(list(self._pending.values())) if self._pending else 0
        self._pending.clear()  # not reached when the topic did not take them: then they come again
        self._carried.clear()
        if self._unsaved and time.monotonic() - self._saved_at > CURSOR_FLUSH_S:
            self._save_cursors()
        return published

    def published(self, streams: Sequence[str]) -> dict[str, int]:
        """Last version published of each stream, by the stored cursors; a stream without one is left out."""
        self._save_cursors()
        return self._cursors(streams)

    def republish(self, after: Mapping[str, int], sweep: int) -> int:
        """Publish the events after these versions again, under deduplication ids of their own; at most 100 a stream.

        `sweep` must be another number each time. Returns the number of events. Raises BusUnavailable, StoreError.
        """
        events = {stream: self._load(stream, version, version + REPUBLISHED) for stream, version in after.items()}
        return self._publish(events, sweep)

    def _publish_heads(self, heads: Sequence[Head]) -> int:
        """Heads just read from the feed: nothing is read for what they carry, one BatchGetItem for two new commits."""
        new = [head for head in heads if head.version > self._published.get(head.stream, 0)]
        events = {head.stream: came for head in new if (came := self._came_along(head))}
        rest = [head for head in new if head.stream not in events]
        events |= self._new_commits(rest) if rest else {}
        for head in new:
            if head.stream not in events:
                events[head.stream] = self._load(head.stream, self._have(head.stream))
        return self._publish(events)

    def _load(self, stream: str, after: int, upto: int | None = None) -> list[RecordedEvent]:
        """What the store holds after a version; nothing, said aloud, of a stream that is damaged: others go on."""
        try:
            return list(self._store.load(stream, after=after, upto=upto).events)
        except (ChainBroken, StoreCorrupt) as error:
            log.error("a damaged stream is not published: %s", error, extra={"code": error.code, "stream": stream})
            return []

    def _have(self, stream: str) -> int:
        """Last version published, from memory or from the cursor."""
        if stream not in self._published:
            self._published.update(self._cursors([stream]))
        return self._published.get(stream, 0)

    def _came_along(self, head: Head) -> list[RecordedEvent]:
        """Everything new up to this HEAD, if the feed carried all of it and its hashes lead to HEAD's; else nothing."""
        commits: list[Commit] = []
        at = self._published.get(head.stream, 0)
        while at < head.version:
            commit = self._carried.get(head.stream, {}).get(at + 1)
            if commit is None or commit.last <= at:
                return []
            commits.append(commit)
            at = commit.last
        if at != head.version or commits[-1].hash != head.hash:
            return []
        try:
            return linked(commits)
        except ChainBroken:
            return []  # the store's own commits decide

    def _new_commits(self, heads: Sequence[Head]) -> dict[str, list[RecordedEvent]]:
        """Events by stream where the commit after the last published one and HEAD's own commit are all that is new.

        The others (more commits at once, a commit so large that it is several items) are left to be loaded.
        """
        events: dict[str, list[RecordedEvent]] = {}
        for part in _parts(heads, BATCH_GET // 2):
            wanted = {(head.stream, at) for head in part for at in (self._published.get(head.stream, 0) + 1, head.lo)}
            keys = [{"stream": {"S": stream}, "version": {"N": str(at)}} for stream, at in sorted(wanted)]
            request = {self._tables.events: {"Keys": keys, "ConsistentRead": True}}
            items = self._dynamodb.batch_get_item(RequestItems=request)["Responses"].get(self._tables.events, [])
            for head in part:
                own = sorted((i for i in items if i["stream"]["S"] == head.stream), key=_first_version)
                try:
                    found = [event for item in own for event in commit_events(item)]
                except ChainBroken:
                    continue  # named where it is loaded
                first = self._published.get(head.stream, 0) + 1
                if [event.version for event in found] == list(range(first, head.version + 1)):
                    events[head.stream] = found
        return events

    def _publish_behind(self, heads: Sequence[Head]) -> int:
        cursors = self._cursors([head.stream for head in heads])
        behind = [head for head in heads if head.version > cursors.get(head.stream, 0)]
        events = {head.stream: self._load(head.stream, cursors.get(head.stream, 0)) for head in behind}
        for head in heads:
            if head.stream in cursors:
                self._published[head.stream] = max(self._published.get(head.stream, 0), cursors[head.stream])
        return self._publish(events)

    def _publish(self, by_stream: dict[str, list[RecordedEvent]], sweep: int | None = None) -> int:
        events = [event for stream in by_stream.values() for event in stream]
        told = [e for stream in by_stream.values() for e in stream if e is stream[-1] or e.type not in self._hints]
        if told:
            self._publisher.publish(told, sweep=sweep)
        for stream, published in by_stream.items():
            if published:
                self._published[stream] = max(published[-1].version, self._published.get(stream, 0))
                self._unsaved.add(stream)
        return len(events)

    def _cursors(self, streams: Sequence[str]) -> dict[str, int]:
        return stored_cursors(self._dynamodb, self._tables, streams)

    def _save_cursors(self) -> None:
        saving = sorted(self._unsaved)
        for part in _parts(saving, BATCH_WRITE):
            puts = [
                {"PutRequest": {"Item": {"name": {"S": f"relay#{s}"}, "version": {"N": str(self._published[s])}}}}
                for s in part
            ]
            self._dynamodb.batch_write_item(RequestItems={self._tables.cursors: puts})
        self._unsaved.difference_update(saving)
        self._saved_at = time.monotonic()


def stored_cursors(dynamodb: Any, tables: Tables, streams: Sequence[str]) -> dict[str, int]:
    """Last version published of each stream; one that was never published is left out."""
    cursors: dict[str, int] = {}
    for part in _parts(streams, BATCH_GET):
        keys = [{"name": {"S": f"relay#{stream}"}} for stream in part]
        answer = dynamodb.batch_get_item(RequestItems={tables.cursors: {"Keys": keys, "ConsistentRead": True}})
        for item in answer["Responses"].get(tables.cursors, []):
            cursors[item["name"]["S"].removeprefix("relay#")] = int(item["version"]["N"])
    return cursors


def _first_version(item: dict[str, Any]) -> int:
    return int(item["version"]["N"])


def _parts(items: Sequence[Any], size: int) -> list[list[Any]]:
    return [list(items[i : i + size]) for i in range(0, len(items), size)]
