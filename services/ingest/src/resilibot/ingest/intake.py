"""intake: raw signals from the intake queue, parsed, grouped by fingerprint, one commit per group and batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import Actor, RecordedEvent, stream_id
from resilibot.contracts.signal import Signal
from resilibot.ingest.attach import Related, decide_signals, fold_signals
from resilibot.ingest.cloudwatch import fingerprint, parse
from resilibot.ingest.correlate import correlate, group_streams, members
from resilibot.ingest.ports import Ports
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
            return decide_signals(
                history,
                home_of(key, history.incident_id, current) if history.incident_id else None,
                signals,
                fingerprint=key,
                new_incident_id=new_incident_id,
                now=now,
                quiet_period_s=self._ports.settings.quiet_period_s,
                relate=lambda signal: self._relate(signal, now, current),
            )

        return self._writer.write(streams, decide, Origin(actor, command_id=command_id), loaded=loaded)

    def _relate(self, signal: Signal, now: datetime, current: Mapping[str, Stream]) -> Related | None:
        """The open incident that the signal belongs to: that of the strongest relation whose incident is open still."""
        groups = [current[name].events for name in group_streams(signal, now)]
        for match in correlate(signal, members(groups), self._ports.topology):
            case = home_of(match.member.fingerprint, match.member.incident_id, current)
            if case.exists and not case.is_over:
                return Related(case.incident_id, match.relation, match.reason)
        return None


def home_of(key: str, incident_id: str, current: Mapping[str, Stream]) -> IncidentCase:
    """The incident that a fingerprint belongs to, after all merges and splits since it came to `incident_id`.

    Each of them leads from the incident that has the fingerprint to another, and the last one there is leads nowhere,
    so the way has an end.
    """
    case = fold(incident_id, current[stream_id("incident", incident_id)].events)
    moved_to = case.home_of(key)
    return home_of(key, moved_to, current) if moved_to else case


def _read(body: str) -> tuple[str, Signal]:
    signal = parse(body)
    return fingerprint(signal), signal
