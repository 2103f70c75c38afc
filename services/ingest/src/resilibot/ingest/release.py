"""release: an incident's end frees its signal stream, and the quiet period closes what stayed resolved. Pure."""

from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, Status
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.ingest.attach import fold_signals
from resilibot.runtime.service import After, Decision, On, Trigger


def signal_stream(case: IncidentCase, trigger: Trigger) -> list[str]:
    return [stream_id("signal", case.fingerprint)]


def release_signal(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """Free the signal stream, if this very end is still the incident's last word and the stream still holds it."""
    name = stream_id("signal", case.fingerprint)
    history = fold_signals(trigger.joined.get(name, ()))
    ended_at = trigger.recorded.envelope.recorded_at
    if (
        history.is_released
        or history.incident_id != case.incident_id
        or ended_at not in (case.resolved_at, case.closed_at)
    ):
        return []
    why = "closed" if isinstance(trigger.event, e.IncidentClosedV1) else "resolved"
    released = e.SignalReleasedV1(
        incident_id=case.incident_id,
        why=why,
        released_at=ended_at,
    )
    return [On(name, released)]


def quiet_timer(recorded: RecordedEvent, ports: Any) -> list[After]:
    return [After("quiet_period", ports.settings.quiet_period_s)]


def close_after_quiet(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """Close if it is still resolved by the very resolution that set the timer."""
    is_same = case.resolved_at == trigger.recorded.envelope.recorded_at
    return [e.IncidentClosedV1(why="quiet_period")] if case.status is Status.RESOLVED and is_same else []
