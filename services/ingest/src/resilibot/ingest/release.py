"""release: an incident's end frees its signal streams, and the quiet period closes what stayed resolved. Pure."""

from typing import Any, Literal

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, Status
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.ingest.attach import fold_signals
from resilibot.runtime.service import After, Decision, On, Trigger

MOST = 45  # a transaction holds 100 items, two for each stream


def signal_streams(case: IncidentCase, trigger: Trigger) -> list[str]:
    """Of all fingerprints that belong to the incident.

    debt: those beyond MOST stay unreleased. It costs nothing but a word in their log: whether an incident is open is
    asked of the incident itself.
    """
    return [stream_id("signal", fingerprint) for fingerprint in case.fingerprints[:MOST]]


def release_signals(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """Free the signal streams, if this very end is still the incident's last word and they are not freed yet."""
    ended_at = trigger.recorded.envelope.recorded_at
    if ended_at not in (case.resolved_at, case.closed_at):
        return []
    words: dict[type, Literal["closed", "merged"]] = {e.IncidentClosedV1: "closed", e.IncidentMergedV1: "merged"}
    released = e.SignalReleasedV1(
        incident_id=case.incident_id,
        why=words.get(type(trigger.event), "resolved"),
        released_at=ended_at,
    )
    histories = {name: fold_signals(events) for name, events in trigger.joined.items()}
    return [
        On(name, released)
        for name, history in histories.items()
        if history.incident_id == case.incident_id and not history.is_released
    ]


def quiet_timer(recorded: RecordedEvent, ports: Any) -> list[After]:
    return [After("quiet_period", ports.settings.quiet_period_s)]


def close_after_quiet(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """Close if it is still resolved by the very resolution that set the timer."""
    is_same = case.resolved_at == trigger.recorded.envelope.recorded_at
    return [e.IncidentClosedV1(why="quiet_period")] if case.status is Status.RESOLVED and is_same else []
