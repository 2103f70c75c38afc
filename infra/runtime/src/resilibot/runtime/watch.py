"""watch: streams that got stuck: what is shown, or what was published, stays behind HEAD. Named, healed, counted.

A gap shows itself with the next message of a stream; a lost last message does not, however long one waits. So each
look compares a part of all HEADs with the versions that the read models stand at and with the relay's cursors, and
publishes again what a stream lacks. Each look is bounded: LOOKED_AT HEADs, of which the next look takes the
following ones, and HEALED streams of them. While many messages wait in the read models' queue, what was published and
is not shown most likely lies among them: publishing it again would make the queue longer still, so it gets PATIENT_S.

A stuck stream is logged as `stuck_stream` with its place and counted in the metric ResiliBot/StuckStreams: that is
the alarm. `resilibot status` shows the same comparison.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from resilibot.runtime.clock import Clock
from resilibot.runtime.event_store.head_pages import HeadPages
from resilibot.runtime.event_store.port import ChainBroken, Head, StoreCorrupt
from resilibot.runtime.event_store.recall import History

log = logging.getLogger(__name__)

LOOKED_AT = 300
HEALED = 50
MANY = 100  # messages that wait for the read models
PATIENT_S = 300.0
NAMESPACE = "ResiliBot"
METRIC = "StuckStreams"

Versions = Callable[[Sequence[str]], Mapping[str, int]]  # streams to versions; one that has none is left out


@dataclass(frozen=True)
class StuckStream:
    """`shown`: the read models' version, None where nothing is shown; `published`: the relay's cursor."""

    stream: str
    version: int
    shown: int | None
    published: int

    @property
    def lacks_after(self) -> int:
        """Events after this version did not arrive somewhere."""
        return self.published if self.shown is None else min(self.shown, self.published)


def behind(heads: Sequence[Head], shown: Mapping[str, int], published: Mapping[str, int]) -> list[StuckStream]:
    """The streams whose HEAD is beyond what is shown or published, for however short a time."""
    compared = [StuckStream(h.stream, h.version, shown.get(h.stream), published.get(h.stream, 0)) for h in heads]
    return [one for one in compared if one.lacks_after < one.version]


def is_stuck(one: StuckStream, history: History, before: datetime) -> bool:
    """The first event it lacks was recorded before `before`. Raises StoreError."""
    missing = history.load(one.stream, after=one.lacks_after, upto=one.lacks_after + 1).events
    if not missing:
        raise StoreCorrupt(f"{one.stream}: HEAD is at {one.version}, but there is no event {one.lacks_after + 1}")
    return missing[0].envelope.recorded_at < before


class Republisher(Protocol):
    """The relay, as the watch sees it."""

    def published(self, streams: Sequence[str]) -> Mapping[str, int]: ...

    def republish(self, after: Mapping[str, int], sweep: int) -> int: ...


class StreamWatch:
    """`shown` gives the read models' versions; `count(n)` takes the number of stuck streams found by one look.

    `backlog` gives the number of messages that wait for the read models. Raises BusUnavailable.
    """

    def __init__(
        self,
        heads: HeadPages,
        history: History,
        relay: Republisher,
        shown: Versions,
        count: Callable[[int], None],
        clock: Clock,
        backlog: Callable[[], int],
    ) -> None:
        self._heads = heads
        self._history = history
        self._relay = relay
        self._shown = shown
        self._count = count
        self._clock = clock
        self._backlog = backlog
        self._after: str | None = None
        self._was_stuck = False

    def look(self, older_than_s: float) -> list[StuckStream]:
        """One look at the next HEADs. Returns what was stuck and is published again.

        With a backlog, what lacks published events for less than PATIENT_S is not stuck.

        Raises StoreUnavailable, ReadModelError, BusUnavailable: then the next look begins at the same place.
        """
        now = self._clock.now()
        heads, after = self._heads.page(0, 1, self._after, LOOKED_AT)
        names = [head.stream for head in heads]
        suspects = behind(heads, self._shown(names), self._relay.published(names))
        waits_s = max(older_than_s, PATIENT_S) if suspects and self._backlog() > MANY else older_than_s
        found = [
            one
            for one in suspects[:HEALED]
            if self._heal(one, now, waits_s if one.lacks_after < one.published else older_than_s)
        ]
        self._after = after
        if found or self._was_stuck:  # zero is told once, so that an alarm ends
            self._count(len(found))
        self._was_stuck = bool(found)
        return found

    def _heal(self, one: StuckStream, now: datetime, older_than_s: float) -> bool:
        """Publish again what it lacks, if it is stuck. A stream that was tampered with is named, and left to an audit.

        The sweep's number is one that no sweep had before, also after a restart: the topic remembers deduplication ids
        for five minutes.
        """
        place = {"stream": one.stream, "version": one.version, "shown": one.shown, "published": one.published}
        try:
            if not is_stuck(one, self._history, now - timedelta(seconds=older_than_s)):
                return False
            log.error("stuck stream, publishing again", extra={"code": "stuck_stream", **place})
            self._relay.republish({one.stream: one.lacks_after}, sweep=int(now.timestamp() * 1000))
        except (ChainBroken, StoreCorrupt) as error:
            log.error("stuck stream that cannot be read: %s", error, extra={"code": error.code, **place})
        return True


def count_in_cloudwatch(client: Any, clock: Clock) -> Callable[[int], None]:
    """Puts the metric ResiliBot/StuckStreams. `client` is a boto3 CloudWatch client."""

    def count(number: int) -> None:
        datum = {"MetricName": METRIC, "Timestamp": clock.now(), "Value": float(number), "Unit": "Count"}
        client.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])

    return count
