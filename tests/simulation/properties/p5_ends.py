"""P5: every accepted alarm belongs to an incident; every incident ends; nothing waits for ever."""

from collections import Counter
from collections.abc import Iterator

from resilibot.contracts import events as e
from resilibot.contracts.case import Status
from tests.simulation.run import Run


def everything_ends(run: Run) -> Iterator[str]:
    if not run.is_at_rest:
        waiting = {name: len(q.messages) + len(q.dead) for name, q in run.bus.queues.items() if q.messages or q.dead}
        yield f"it does not come to rest: after {run.steps} steps messages wait in {waiting}"
        return
    yield from _alarms(run)
    for stream in run.incidents():
        case = run.case(stream)
        is_known = case.status in (Status.RESOLVED, Status.CLOSED, Status.DENIED) or case.escalated
        if not is_known:
            yield f"{stream} is {case.status} for ever, and nobody knows"
        for action in case.actions.values():
            if action.state == "running":
                yield f"{stream}: action {action.started.action_id} runs for ever"
        for approval in case.current_approvals.values():
            if approval.state == "pending" and not case.is_over:
                yield f"{stream}: approval {approval.request.grant_id} waits for ever"
        for notification in case.notifications.values():
            if notification.state == "running":
                yield f"{stream}: notification {notification.started.notification_id} is under way for ever"


def _alarms(run: Run) -> Iterator[str]:
    """Each source id is recorded once; an ALARM names an incident that exists; a fingerprint has one open incident."""
    received: Counter[str] = Counter()
    for recorded in run.all_events():
        event = recorded.event
        if isinstance(event, e.SignalReceivedV1):
            received[event.signal.source_id] += 1
            if event.signal.state == "ALARM" and f"incident#{event.incident_id}" not in run.incidents():
                yield f"alarm {event.signal.source_id} belongs to no incident"
    for workload in run.scenario.workloads:
        for source_id in {alarm.source_id for alarm in workload.alarms}:
            if received[source_id] != 1:
                yield f"alarm {source_id} is recorded {received[source_id]} times"
    yield from _two_at_once(run)


def _two_at_once(run: Run) -> Iterator[str]:
    """In the order in which it was all written: a fingerprint never has two open incidents."""
    fingerprints: dict[str, str] = {}
    live: set[str] = set()
    for recorded in (event for written in run.journal.written for a in written.appends for event in a.events):
        event = recorded.event
        if isinstance(event, e.IncidentOpenedV1):
            others = [stream for stream in live if fingerprints[stream] == event.fingerprint]
            if others:
                yield f"{recorded.stream} is opened while {others[0]} is open for the same fingerprint"
            fingerprints[recorded.stream] = event.fingerprint
        if isinstance(event, e.IncidentOpenedV1 | e.IncidentReopenedV1):
            live.add(recorded.stream)
        elif isinstance(event, e.IncidentResolvedV1 | e.IncidentClosedV1):
            live.discard(recorded.stream)
