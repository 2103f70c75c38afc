"""intake: raw signals from the intake queue, parsed, grouped by fingerprint, one commit per group and batch."""

from collections.abc import Mapping, Sequence

from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import Actor, RecordedEvent, stream_id
from resilibot.contracts.signal import Signal
from resilibot.ingest.admit import Door, fold_doorstep
from resilibot.ingest.attach import SignalHistory, decide_signals, fold_signals
from resilibot.ingest.cloudwatch import fingerprint, parse
from resilibot.ingest.ports import Ports
from resilibot.ingest.silences import SILENCES, Silence, fold_silences
from resilibot.runtime.bus.batch import Batch, Response, handle_by_key
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer


class Intake:
    """The door for signals. `ports.writer` writes; whatever cannot be read is left to the queue's dead letters."""

    def __init__(self, ports: Ports, writer: Writer) -> None:
        self._ports = ports
        self._writer = writer

    def handle(self, batch: Batch) -> Response:
        """An SQS batch as Lambda delivers it. Returns the partial-batch response."""
        return handle_by_key(batch, _read, self._take)

    def _take(self, key: str, signals: Sequence[Signal]) -> None:
        self.accept(key, signals, Actor(kind="system", id=signals[0].source))

    def accept(
        self, key: str, signals: Sequence[Signal], actor: Actor, command_id: str | None = None
    ) -> list[RecordedEvent]:
        """Record signals of one fingerprint and what follows from them, atomically. Raises StoreError."""
        signal_stream = stream_id("signal", key)
        new_incident_id = self._writer.ids(self._ports.clock.now())
        stored = self._writer.store.load(signal_stream)
        loaded = {signal_stream: stored}
        known = fold_signals(stored.events).incident_id
        streams = [signal_stream, *([stream_id("incident", known)] if known else [])]

        def decide(current: Mapping[str, Stream]) -> Sequence[On]:
            history = fold_signals(current[signal_stream].events)
            now = self._ports.clock.now()
            doorstep = fold_doorstep(current[signal_stream].events)
            return decide_signals(
                history,
                self._case(history, current),
                signals,
                fingerprint=key,
                new_incident_id=new_incident_id,
                now=now,
                quiet_period_s=self._ports.settings.quiet_period_s,
                door=Door(doorstep, self._ports.policy, self._silences, now=now),
            )

        return self._writer.write(streams, decide, Origin(actor, command_id=command_id), loaded=loaded)

    def _silences(self) -> dict[str, Silence]:
        """Read anew with each attempt, and only when a signal would open something.

        Not joined: a silence that ends at the same time closes the list to which this fingerprint is added.
        """
        return fold_silences(self._writer.store.load(SILENCES).events)

    def _case(self, history: SignalHistory, current: Mapping[str, Stream]) -> IncidentCase | None:
        """The incident the history names; loaded on the spot when another writer opened it in between."""
        if history.incident_id is None:
            return None
        name = stream_id("incident", history.incident_id)
        stream = current.get(name) or self._writer.store.load(name)
        return fold(history.incident_id, stream.events)


def _read(body: str) -> tuple[str, Signal]:
    signal = parse(body)
    return fingerprint(signal), signal
