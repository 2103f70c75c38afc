"""intake: what comes to the door, read by its source, grouped by what it is about, one commit per group and batch."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.envelope import Actor, RecordedEvent, stream_id
from resilibot.contracts.signal import RawRef, Signal
from resilibot.ingest.admit import Door
from resilibot.ingest.arrival import unpack
from resilibot.ingest.attach import Related, decide_signals
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.homes import home_of, relate
from resilibot.ingest.kept import Kept
from resilibot.ingest.ports import Ports
from resilibot.ingest.rate import Rates
from resilibot.ingest.redacted import NAMES, redacted
from resilibot.ingest.remembered import group_folds, signal_folds
from resilibot.ingest.silences import SILENCES, Silence, fold_silences
from resilibot.ingest.sources import Ignored, MalformedSignal, Refused
from resilibot.ingest.sources.fields import moment
from resilibot.ingest.sources.registry import QUEUE
from resilibot.runtime.bus.batch import Batch, Response, handle_grouped, held_back
from resilibot.runtime.event_store.port import Stream, VersionConflict
from resilibot.runtime.folds import Folds, case_folds
from resilibot.runtime.service import On
from resilibot.runtime.writer import Decide, Origin, Writer

log = logging.getLogger(__name__)
NOT_KEPT = frozenset({"http", "slack", "sns"})  # ignored, and may hold what lets one in: a token, a cookie, a header
AT_ONCE = 25  # signals in one commit: an item of the store holds some hundred kilobytes


@dataclass(frozen=True)
class Arrived:
    """One signal, or one thing to ignore, and where in its batch the message stood that told it."""

    item: Signal | Ignored
    kept: Kept
    index: int | None  # None: the message is not kept

    @property
    def raw(self) -> RawRef | None:
        return None if self.index is None else self.kept.ref(self.index)


@dataclass(frozen=True)
class Receipt:
    """What became of one message: the events written, and why any of its records was refused."""

    recorded: tuple[RecordedEvent, ...]
    refused: tuple[str, ...]


class Intake:
    """The door for signals. `ports.writer` writes; whatever cannot be read is left to the queue's dead letters."""

    def __init__(self, ports: Ports, writer: Writer) -> None:
        self._ports = ports
        self._writer = writer
        self._forget()

    def _forget(self) -> None:
        """Nothing is remembered: the store is asked."""
        self._signals = signal_folds(self._writer.store)
        self._cases = case_folds(self._writer.store)
        self._groups = group_folds(self._writer.store)

    @cached_property
    def _rates(self) -> Rates:
        return Rates(self._ports.settings.signal_rate_per_s, self._ports.settings.signal_burst)

    def handle(self, batch: Batch) -> Response:
        """An SQS batch as Lambda delivers it. Returns the partial-batch response; a source over its rate waits."""
        kept = Kept(self._ports.blobs)
        waits_s: dict[str, float] = {}
        over: dict[str, float] = {}

        def read(record: Mapping[str, Any]) -> Iterator[tuple[str, Arrived]]:
            raw, items = self._hear(record)
            sender = _sender(items)
            if wait_s := self._rates.wait_s(sender, record["messageId"], self._ports.clock.now()):
                waits_s[record["messageId"]] = over[sender] = wait_s
                return
            yield from _keyed(items, kept, raw)
            if refused := _refused(items):
                raise MalformedSignal("; ".join(refused)[:2000])

        answered = handle_grouped(batch, read, self._take)
        for sender, wait_s in over.items():
            extra = {"code": "source_over_rate", "source": sender, "held_back": len(waits_s), "for_s": wait_s}
            log.warning("a source is over its rate", extra=extra)
        return held_back(answered, waits_s)

    def _hear(self, record: Mapping[str, Any]) -> tuple[bytes | str, list[Signal | Ignored | Refused]]:
        """The sender's own message, and what it says. Raises MalformedSignal."""
        now = self._ports.clock.now()
        sent_at = moment(record.get("attributes", {}).get("SentTimestamp"), now)  # the same at each redelivery
        arrival = unpack(record["body"])
        raw, hint = (arrival.body, arrival.sender) if arrival else (record["body"], QUEUE)
        message_id = arrival.id if arrival else record["messageId"]
        items = self._ports.read(raw, hint, received_at=sent_at, message_id=message_id)
        return raw, _through(arrival.door, items) if arrival and arrival.door else items

    def receive(self, raw: bytes | str, hint: str | None = None, *, message_id: str = "") -> Receipt:
        """One message by another door than the queue, recorded before this returns.

        hint: the sender, where the door knows it. Raises MalformedSignal (nothing in it can be read), BlobError and
        StoreError (nothing, or a part, was recorded: the sender may send it again).
        """
        received_at: datetime = self._ports.clock.now()
        items = self._ports.read(raw, hint, received_at=received_at, message_id=message_id)
        groups: dict[str, list[Arrived]] = {}
        for key, arrived in _keyed(items, Kept(self._ports.blobs), raw):
            groups.setdefault(key, []).append(arrived)
        recorded = [event for key, group in groups.items() for event in self._take(key, group)]
        return Receipt(tuple(recorded), tuple(_refused(items)))

    def _take(self, key: str, arrived: Sequence[Arrived]) -> list[RecordedEvent]:
        """Record what came in under one key: signals of one fingerprint, or what is ignored of one source and hour."""
        recorded: list[RecordedEvent] = []
        for start in range(0, len(arrived), AT_ONCE):
            part = [(a.item, a.raw) for a in arrived[start : start + AT_ONCE]]
            signals = [item.model_copy(update={"raw": raw}) for item, raw in part if isinstance(item, Signal)]
            ignored = [(_readable(item), raw) for item, raw in part if isinstance(item, Ignored)]
            if signals:
                recorded += self.accept(key, signals, Actor(kind="system", id=signals[0].source))
            if ignored:
                recorded += self._note(key, ignored)
        return recorded

    def accept(
        self, key: str, signals: Sequence[Signal], actor: Actor, command_id: str | None = None
    ) -> list[RecordedEvent]:
        """Record signals of one fingerprint and what follows from them, atomically. Raises StoreError."""
        redactor = self._ports.redactor(key)
        signals = [redacted(signal, redactor) for signal in signals]
        name = stream_id("signal", key)
        new_incident_id = self._writer.ids(self._ports.clock.now())

        def decide(current: Mapping[str, Stream]) -> Sequence[On]:
            told = self._signals.fold(current[name])
            came_to = told.history.incident_id
            home = home_of(key, came_to, current, self._cases) if came_to else None
            now = self._ports.clock.now()
            return decide_signals(
                told.history,
                home,
                signals,
                fingerprint=key,
                new_incident_id=new_incident_id,
                now=now,
                quiet_period_s=self._ports.settings.quiet_period_s,
                door=Door(told.doorstep, self._ports.policy, self._silences, now=now),
                relate=lambda signal: self._relate(signal, now, current),
            )

        return self._write(name, decide, Origin(actor, command_id=command_id))

    def _note(self, key: str, ignored: Sequence[tuple[Ignored, RawRef | None]]) -> list[RecordedEvent]:
        """Record what nothing is done about, each source id once. Raises StoreError."""
        name, source = stream_id("signal", key), ignored[0][0].source

        def decide(current: Mapping[str, Stream]) -> Sequence[On]:
            seen = self._signals.fold(current[name]).history.seen
            new = {item.source_id: (item, raw) for item, raw in ignored if item.source_id not in seen}
            return [
                On(name, e.SignalIgnoredV1(source=source, kind=i.kind, reason=i.reason, source_id=i.source_id, raw=raw))
                for i, raw in new.values()
            ]

        return self._write(name, decide, Origin(Actor(kind="system", id=source)))

    def _write(self, name: str, decide: Decide, origin: Origin) -> list[RecordedEvent]:
        """Upon signal stream `name` as it was seen last, and again upon what is new if others were first."""
        loaded = {name: self._signals.last_end(name)}
        try:
            written = self._writer.write([name], decide, origin, loaded=loaded, load=self._load)
        except VersionConflict:
            self._forget()  # else who remembers what the store does not hold any more would never write again
            raise
        if own := tuple(event for event in written if event.stream == name):
            self._signals.fold(Stream.of(name, own))
        return written

    def _load(self, name: str) -> Stream:
        """Of what is remembered its end alone, else the whole stream. Raises StoreError."""
        remembered: dict[str, Folds[Any]] = {"signal": self._signals, "incident": self._cases, "group": self._groups}
        folds = remembered.get(name.partition("#")[0])
        return folds.end(name) if folds else self._writer.store.load(name)

    def _relate(self, signal: Signal, now: datetime, current: Mapping[str, Stream]) -> Related | None:
        return relate(signal, now, current, self._ports.topology, self._cases, self._groups)

    def _silences(self) -> dict[str, Silence]:
        """Read anew with each attempt, and only when a signal would open something.

        Not joined: a silence that ends at the same time closes the list to which this fingerprint is added.
        """
        return fold_silences(self._writer.store.load(SILENCES).events)


def _keyed(
    items: Sequence[Signal | Ignored | Refused], kept: Kept, message: bytes | str
) -> Iterator[tuple[str, Arrived]]:
    told = [item for item in items if not isinstance(item, Refused)]
    is_kept = bool(told) and all(item.source not in NOT_KEPT for item in told)  # it is kept whole or not at all
    index = kept.add(message) if is_kept else None
    for item in told:
        if isinstance(item, Signal):
            yield fingerprint(item), Arrived(item, kept, index)
        else:
            yield f"ignored-{item.source}-{item.received_at:%Y%m%d%H}", Arrived(item, kept, index)


def _readable(item: Ignored) -> Ignored:
    return replace(item, kind=NAMES.text(item.kind), reason=NAMES.text(item.reason))


def _through(door: str, items: Sequence[Signal | Ignored | Refused]) -> list[Signal | Ignored | Refused]:
    return [item.model_copy(update={"door": door}) if isinstance(item, Signal) else item for item in items]


def _refused(items: Sequence[Signal | Ignored | Refused]) -> list[str]:
    return [item.reason for item in items if isinstance(item, Refused)]


def _sender(items: Sequence[Signal | Ignored | Refused]) -> str:
    """Whose rate a message counts for: the kind of source, and the account where it tells one."""
    first = next(item for item in items if not isinstance(item, Refused))
    return f"{first.source}/{first.resource.account}" if isinstance(first, Signal) else first.source
