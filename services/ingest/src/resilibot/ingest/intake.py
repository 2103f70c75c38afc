"""intake: raw signals from the intake queue, parsed, grouped by fingerprint, one commit per group and batch."""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import Actor, RecordedEvent, stream_id
from resilibot.contracts.signal import Signal
from resilibot.ingest.attach import SignalHistory, decide_signals, fold_signals
from resilibot.ingest.cloudwatch import SignalError, fingerprint, parse
from resilibot.ingest.ports import Ports
from resilibot.ingest.rate import Rates
from resilibot.ingest.remembered import SignalMemory
from resilibot.runtime.bus.batch import Batch, Response, handle_by_key, held_back
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.event_store.recall import Recall
from resilibot.runtime.folds import Folds
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer

log = logging.getLogger(__name__)


class Intake:
    """The door for signals. `ports.writer` writes; whatever cannot be read is left to the queue's dead letters."""

    def __init__(self, ports: Ports, writer: Writer) -> None:
        self._ports = ports
        self._writer = writer
        self._signals = SignalMemory(writer.store)
        self._incidents = Recall(writer.store)
        self._folds = Folds()

    @cached_property
    def _rates(self) -> Rates:
        return Rates(self._ports.settings.signal_rate_per_s, self._ports.settings.signal_burst)

    def handle(self, batch: Batch) -> Response:
        """An SQS batch as Lambda delivers it. Returns the partial-batch response."""
        taken, waits_s = self._admit(batch["Records"])
        return held_back(handle_by_key({"Records": taken}, _read, self._take), waits_s)

    def _admit(self, records: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], dict[str, float]]:
        """Records to take now, and by message id how long the others wait: those of a source over its rate."""
        waits_s: dict[str, float] = {}
        over: dict[str, int] = {}
        now = self._ports.clock.now()
        for record in records:
            source = _source(record["body"])
            wait_s = self._rates.wait_s(source, record["messageId"], now) if source else 0.0
            if source and wait_s:
                waits_s[record["messageId"]] = wait_s
                over[source] = over.get(source, 0) + 1
        for source, number in over.items():
            extra = {"code": "source_over_rate", "source": source, "held_back": number, "for_s": max(waits_s.values())}
            log.warning("a source is over its rate", extra=extra)
        return [record for record in records if record["messageId"] not in waits_s], waits_s

    def _take(self, key: str, signals: Sequence[Signal]) -> None:
        self.accept(key, signals, Actor(kind="system", id=signals[0].source))

    def accept(
        self, key: str, signals: Sequence[Signal], actor: Actor, command_id: str | None = None
    ) -> list[RecordedEvent]:
        """Record signals of one fingerprint and what follows from them, atomically. Raises StoreError."""
        signal_stream = stream_id("signal", key)
        new_incident_id = self._writer.ids(self._ports.clock.now())
        remembered = self._signals.recall(signal_stream)
        loaded = {signal_stream: remembered.stream(signal_stream)}
        if remembered.history.incident_id:
            incident = stream_id("incident", remembered.history.incident_id)
            loaded[incident] = self._incidents.load(incident)

        def decide(current: Mapping[str, Stream]) -> Sequence[On]:
            stream = current[signal_stream]  # after a conflict it is another, and whole
            is_first = stream is loaded[signal_stream]
            history = remembered.history if is_first else fold_signals(stream.events)
            return decide_signals(
                history,
                self._case(history, current),
                signals,
                fingerprint=key,
                new_incident_id=new_incident_id,
                now=self._ports.clock.now(),
                quiet_period_s=self._ports.settings.quiet_period_s,
            )

        written = self._writer.write(list(loaded), decide, Origin(actor, command_id=command_id), loaded=loaded)
        self._signals.went_on(signal_stream, [event for event in written if event.stream == signal_stream])
        return written

    def _case(self, history: SignalHistory, current: Mapping[str, Stream]) -> IncidentCase | None:
        """The incident the history names; loaded on the spot when another writer opened it in between."""
        if history.incident_id is None:
            return None
        name = stream_id("incident", history.incident_id)
        return self._folds.fold(current.get(name) or self._writer.store.load(name))


def _source(body: str) -> str | None:
    """Who sent it, by kind of source and account; None for what cannot be read: that fails where it is handled."""
    try:
        signal = parse(body)
    except SignalError:
        return None
    return f"{signal.source}/{signal.resource.account}"


def _read(body: str) -> tuple[str, Signal]:
    signal = parse(body)
    return fingerprint(signal), signal
