"""ingest_eval: what the intake makes of one message, told from the events it records.

The path is production's: `Intake.receive`, which reads by the same `sources.read` and records by the same commits as
`Intake.handle` does for the queue, over the in-memory event store and blobs, new for each message. The outcome is read
from the recorded events alone:

    IncidentOpened, IncidentReopened   opened        SignalCleared               cleared
    SignalAttached, or counted         attached      nothing but ignored ones    ignored
    MalformedSignal raised             rejected

An OK clears what is open, and in a fresh store nothing is. So whoever says OK first has its alarm opened: the very
signal is recorded in state ALARM, through `Intake.accept`, before the message itself is received. Nothing else is told
to the intake, and only events of the message itself count.
"""

from datetime import UTC, datetime
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.envelope import Actor, RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.signal import Signal
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.sources import MalformedSignal, read
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import SystemClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.writer import Writer

INDEX_FILES = ("expected.jsonl", "INDEX.json", "README.md")
BEFORE = Actor(kind="system", id="eval")


def judge(raw: bytes) -> dict[str, Any]:
    """{"outcome", "reason", "signals": [{"source", "resource", "title", "severity", "state"}]} of one message."""
    ports = Ports(IngestSettings(), SystemClock(), InMemoryBlobStore())
    intake = Intake(ports, Writer(InMemoryEventStore(), SERVICE, ports.clock, "eval", ports))
    try:
        _open_what_it_clears(intake, raw)
        receipt = intake.receive(raw)
    except MalformedSignal as error:
        return {"outcome": "rejected", "reason": str(error), "signals": []}
    received = [event for recorded in receipt.recorded if isinstance(event := recorded.event, e.SignalReceivedV1)]
    reasons = [*(_reason(recorded) for recorded in receipt.recorded), *receipt.refused]
    return {
        "outcome": _outcome([recorded.event for recorded in receipt.recorded]),
        "reason": "; ".join(dict.fromkeys(filter(None, reasons)))[:1000],
        "signals": [_shown(event.signal) for event in received],
    }


def _open_what_it_clears(intake: Intake, raw: bytes) -> None:
    now = datetime.now(UTC)
    for signal in read(raw, received_at=now):
        if isinstance(signal, Signal) and signal.state == "OK":
            firing = signal.model_copy(update={"state": "ALARM", "source_id": f"before {signal.source_id}"})
            intake.accept(fingerprint(firing), [firing], BEFORE)


def _outcome(events: list[DomainEvent]) -> str:
    """The strongest thing that was done: opened, attached, cleared, ignored."""
    done = {event.disposition for event in events if isinstance(event, e.SignalReceivedV1)}
    if done & {"opened", "reopened"}:
        return "opened"
    if done & {"attached", "counted"}:
        return "attached"
    return "cleared" if "cleared" in done else "ignored"


def _reason(recorded: RecordedEvent) -> str:
    event = recorded.event
    if isinstance(event, e.SignalIgnoredV1):
        return f"{event.kind}: {event.reason}"
    return event.reason or event.disposition if isinstance(event, e.SignalReceivedV1) else ""


def _shown(signal: Signal) -> dict[str, str]:
    return {
        "source": signal.source,
        "resource": signal.resource.arn or signal.resource.name,
        "title": signal.title,
        "severity": signal.severity.value,
        "state": signal.state,
    }
