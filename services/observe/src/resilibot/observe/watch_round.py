"""watch_round: one round of all declared watches: one request for their metrics, then what each of them decides.

A round is called by a schedule (ADR 25) and keeps nothing: what is open stands on the streams of the watches. Called
twice at once, or again after it was killed, it raises nothing twice: the second append conflicts and decides anew.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from resilibot.contracts import events as e
from resilibot.contracts.envelope import Actor, RecordedEvent, stream_id
from resilibot.contracts.evidence import Window
from resilibot.observe import watching
from resilibot.observe.ports import MetricSource, Series, SourceFailed
from resilibot.observe.watches import Watch, Watches
from resilibot.runtime.event_store.port import StoreError, Stream
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer

log = logging.getLogger(__name__)

WATCHES = stream_id("control", "watches")
ORIGIN = Origin(Actor(kind="timer", id="watch_round"))
AT_ONCE = 45  # streams in one commit: a transaction holds 100 items, two for each stream


@dataclass
class WatchRound:
    """`file` names where the watches come from; they do not change while a process lives."""

    watches: Watches
    file: str
    metrics: MetricSource
    writer: Writer
    _is_active: bool = False

    def run(self) -> list[RecordedEvent]:
        """Look at every watch once. Returns what was written. Raises StoreError; the next round looks again.

        A watch whose stream cannot be read or written keeps none of the others from being looked at.
        A source that does not answer is logged: nothing is found and nothing ends.
        """
        written = self._activate()
        if not self.watches.watches:
            return written
        now = self.writer.clock.now()
        longest = max(watch.period_s for watch in self.watches.watches)
        start = now - self.watches.lookback
        start -= timedelta(seconds=start.timestamp() % longest)  # whole periods: CloudWatch would widen it anyway
        try:
            series = self.metrics.read([watch.ref for watch in self.watches.watches], start, now)
        except SourceFailed as error:
            log.warning("the watches could not be read", extra={"code": error.code, "reason": error.reason})
            return written
        window = Window(start=start, end=now)
        failed: StoreError | None = None
        for watch, read in zip(self.watches.watches, series, strict=True):
            seen = watching.look(watch, read.points, now)
            if seen is None:
                continue
            try:
                written += self._say(watch, seen, read, window)
            except StoreError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return written

    def _say(self, watch: Watch, seen: watching.Look, read: Series, window: Window) -> list[RecordedEvent]:
        stream = stream_id("watch", watch.id)
        watched = self.watches.watched(watch)

        def decide(streams: Mapping[str, Stream]) -> Sequence[On]:
            known = watching.open_finding(streams[stream].events)
            return [On(stream, event) for event in watching.decide(watch, watched, seen, known, read.query, window)]

        return self.writer.write([stream], decide, ORIGIN)

    def _activate(self) -> list[RecordedEvent]:
        """Tell the log which watches are in force, once per process and change; end what nobody watches any more."""
        if self._is_active:
            return []
        activated = e.WatchesActivatedV1(
            version=self.watches.version, origin=self.file, watches=self.watches.declared()
        )
        written: list[RecordedEvent] = []
        stream = self.writer.store.load(WATCHES)
        before = _in_force(stream)
        gone = sorted(set(before.watches) - set(activated.watches)) if before else []
        streams = [stream_id("watch", name) for name in gone]
        for first in range(0, len(streams), AT_ONCE):  # before the list is replaced: a crash in between loses none
            written += self.writer.write(streams[first : first + AT_ONCE], _withdraw, ORIGIN)

        def decide(current: Mapping[str, Stream]) -> Sequence[On]:
            known = _in_force(current[WATCHES])
            return [] if known and known.version == activated.version else [On(WATCHES, activated)]

        written += self.writer.write([WATCHES], decide, ORIGIN, loaded={WATCHES: stream})
        self._is_active = True
        return written


def _in_force(stream: Stream) -> e.WatchesActivatedV1 | None:
    return next((r.readable for r in reversed(stream.events) if isinstance(r.readable, e.WatchesActivatedV1)), None)


def _withdraw(streams: Mapping[str, Stream]) -> Sequence[On]:
    known = {name: watching.open_finding(stream.events) for name, stream in streams.items()}
    return [On(name, watching.withdrawn(finding)) for name, finding in known.items() if finding]
