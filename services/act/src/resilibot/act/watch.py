"""watch: an incident in which nothing happens any more is told to a person: nothing waits for ever. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from resilibot.act.ports import Ports
from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, Status
from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.service import After, Decision, Trigger

STALLED = "stalled"


@dataclass(frozen=True)
class WatchFacts:
    stall_s: float


def watch_timer(recorded: RecordedEvent, ports: Ports) -> list[After]:
    return [After(STALLED, ports.settings.stall_s)]


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> WatchFacts:
    return WatchFacts(ports.settings.stall_s)


def escalate_if_stalled(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
    """Escalate when nothing was recorded for stall_s; look again later while there is progress, or a person's turn.

    Whoever denied the remedy knows of the incident; it may recover by itself.
    """
    if case.is_over or case.escalated or case.status is Status.DENIED or case.updated_at is None:
        return []
    if any(approval.state == "pending" for approval in case.current_approvals.values()):
        return [After(STALLED, facts.stall_s)]  # its own expiry ends that
    idle = trigger.now - case.updated_at
    left = timedelta(seconds=facts.stall_s) - idle
    if left > timedelta(0):
        return [After(STALLED, max(left.total_seconds(), 1.0))]
    waits = "; its investigation waits for room in the budget" if case.queued else ""
    detail = f"nothing has happened for {idle.total_seconds():.0f} s; the incident is {case.status}{waits}"
    return [e.IncidentEscalatedV1(reason="stalled", detail=detail)]
