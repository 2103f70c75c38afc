"""views: read models as pure folds. Thrown away and rebuilt, they come out equal to the byte.

`apply(events)` takes the next events of the stream, in order; in one call or in many, the result is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, empty_case, evolve
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import format_time
from resilibot.contracts.narrate import narrate_recorded
from resilibot.contracts.similar import remembered
from resilibot.projections.controls import ControlView


@dataclass(frozen=True)
class IncidentView:
    """The case and its timeline at one version of the stream."""

    case: IncidentCase
    timeline: tuple[dict[str, Any], ...] = ()

    @property
    def version(self) -> int:
        return self.case.version

    def apply(self, events: Sequence[RecordedEvent]) -> "IncidentView":
        case = self.case
        for recorded in events:
            case = evolve(case, recorded)
        return IncidentView(case, (*self.timeline, *map(entry, events)))

    def states(self) -> dict[str, Any]:
        return {"incidents": row(self.case), "cases": case_state(self.case), "timelines": list(self.timeline)}


@dataclass(frozen=True)
class SignalView:
    """One fingerprint: how often it was received and what became of it."""

    version: int = 0
    received: int = 0
    dispositions: dict[str, int] = field(default_factory=dict)
    incidents: tuple[str, ...] = ()
    last: dict[str, Any] | None = None

    def apply(self, events: Sequence[RecordedEvent]) -> "SignalView":
        view = self
        for recorded in events:
            view = view._after(recorded)
        return view

    def _after(self, recorded: RecordedEvent) -> "SignalView":
        seen = replace(self, version=recorded.version)
        event = _event(recorded)
        if isinstance(event, e.SignalIgnoredV1):
            return replace(
                seen,
                received=self.received + 1,
                dispositions={"ignored": self.dispositions.get("ignored", 0) + 1},
                last={"name": event.kind, "state": "ignored", "at": format_time(recorded.envelope.recorded_at)},
            )
        if isinstance(event, e.SignalReconsideredV1) and event.incident_id:
            return replace(seen, incidents=tuple(dict.fromkeys((*self.incidents, event.incident_id))))
        if not isinstance(event, e.SignalReceivedV1):
            return seen
        counted = {**self.dispositions, event.disposition: self.dispositions.get(event.disposition, 0) + 1}
        incidents = self.incidents
        if event.incident_id and event.incident_id not in incidents:
            incidents = (*incidents, event.incident_id)
        last = {
            "name": event.signal.name,
            "state": event.signal.state,
            "at": format_time(event.signal.fired_at),
            "disposition": event.disposition,
            "reason": event.reason,
        }
        return replace(
            seen,
            received=self.received + 1,
            dispositions=dict(sorted(counted.items())),
            incidents=incidents,
            last=last,
        )

    def states(self) -> dict[str, Any]:
        state = {
            "version": self.version,
            "received": self.received,
            "dispositions": self.dispositions,
            "incidents": list(self.incidents),
            "last": self.last,
        }
        return {"signals": state}


@dataclass(frozen=True)
class TargetView:
    """One target: which action is open on it, and those before."""

    version: int = 0
    open_action: str | None = None
    history: tuple[dict[str, Any], ...] = ()

    def apply(self, events: Sequence[RecordedEvent]) -> "TargetView":
        view = self
        for recorded in events:
            view = view._after(recorded)
        return view

    def _after(self, recorded: RecordedEvent) -> "TargetView":
        event = _event(recorded)
        seen = replace(self, version=recorded.version)
        if isinstance(event, e.TargetClaimedV1):
            return replace(seen, open_action=event.action_id)
        if isinstance(event, e.TargetReleasedV1):
            done = {
                "incident_id": event.incident_id,
                "action_id": event.action_id,
                "action": event.action,
                "outcome": event.outcome,
                "cooldown_until": format_time(event.cooldown_until),
            }
            return replace(seen, open_action=None, history=(*self.history, done)[-50:])
        return seen

    def states(self) -> dict[str, Any]:
        state = {"version": self.version, "open_action": self.open_action, "history": list(self.history)}
        return {"targets": state}


View = IncidentView | SignalView | TargetView | ControlView


def empty_view(stream: str) -> View | None:
    """The view of a stream before its first event; None for a category that nothing is shown of."""
    category, _, key = stream.partition("#")
    if category == "incident":
        return IncidentView(empty_case(key))
    if category == "signal":
        return SignalView()
    if category == "control":
        return ControlView()
    return TargetView() if category == "target" else None


def entry(recorded: RecordedEvent) -> dict[str, Any]:
    """One line of a timeline."""
    envelope = recorded.envelope
    return {
        "version": envelope.version,
        "id": envelope.id,
        "at": format_time(envelope.recorded_at),
        "type": envelope.type,
        "service": envelope.producer.service,
        "actor": {"kind": envelope.actor.kind, "id": envelope.actor.id},
        "causation_id": envelope.causation_id,
        "sentence": narrate_recorded(recorded),
    }


def row(case: IncidentCase) -> dict[str, Any]:
    """The incident in a list, and what later incidents may know of it (`remembered`, which no list shows)."""
    return {
        "incident_id": case.incident_id,
        "version": case.version,
        "title": case.title,
        "status": case.status.value,
        "escalated": case.escalated,
        "severity": case.severity.value,
        "source": case.source,
        "service": case.resource.service if case.resource else None,
        "investigation": case.investigation_state,
        "flapping": list(case.flapping),
        "outcome": case.diagnosis.outcome if case.diagnosis else None,
        "diagnosis": case.diagnosis.summary if case.diagnosis else None,
        "root_cause": _root_cause(case),
        "fingerprint": case.fingerprint,
        "merged_into": case.merged_into,
        "children": case.children,
        "opened_at": format_time(case.opened_at) if case.opened_at else None,
        "updated_at": format_time(case.updated_at) if case.updated_at else None,
        "resolved_at": format_time(case.resolved_at) if case.resolved_at else None,
        "duration_s": duration_s(case),
        "remembered": remembered(case).model_dump(mode="json"),
    }


def case_state(case: IncidentCase) -> dict[str, Any]:
    """The whole case with what is derived from it. Evidence is told without its content: an item holds 400 KB."""
    told = case.model_dump(mode="json", exclude={"rounds": {"__all__": {"items": {"__all__": {"content"}}}}})
    derived = {
        "status": case.status.value,
        "escalated": case.escalated,
        "duration_s": duration_s(case),
        "children": case.children,
        "investigation_state": case.investigation_state,
    }
    return {**told, **derived}


def _root_cause(case: IncidentCase) -> str | None:
    """What a person said last that it was."""
    verdict = case.root_cause
    return f"{verdict.confirmed.cause} at {verdict.confirmed.component}" if verdict else None


def duration_s(case: IncidentCase) -> float | None:
    """Seconds from the opening to the last resolution; None while it is open."""
    if case.opened_at is None or case.resolved_at is None:
        return None
    return round((case.resolved_at - case.opened_at).total_seconds(), 6)


def _event(recorded: RecordedEvent) -> Any:
    return recorded.readable
