"""P5: every accepted alarm belongs to an incident; every incident ends; nothing waits for ever."""

from collections import Counter
from collections.abc import Iterator

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, SignalSummary, Status, empty_case, evolve
from tests.simulation.run import Run

SURELY_S = 40  # neighbours are related when less lies between them, whichever way they call


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
    """After each commit, in the order in which they were written: nothing belongs to two live incidents at once.

    Neither a fingerprint, nor two related services whose alarms opened incidents by themselves.
    """
    cases: dict[str, IncidentCase] = {}
    for written in run.journal.written:
        opened = None
        for recorded in (event for append in written.appends for event in append.events):
            if recorded.stream.startswith("incident#"):
                before = cases.get(recorded.stream) or empty_case(recorded.stream.partition("#")[2])
                cases[recorded.stream] = evolve(before, recorded)
                opened = recorded.event if isinstance(recorded.event, e.IncidentOpenedV1) else opened
        live = [case for case in cases.values() if not case.is_over]
        holders = Counter(fingerprint for case in live for fingerprint in case.fingerprints)
        yield from (f"{fingerprint} belongs to {n} live incidents" for fingerprint, n in holders.items() if n > 1)
        if opened is not None and opened.split_from is None and run.scenario.is_linked and len(live) > 1:
            gaps = [_gap_s(opened, s) for case in live for s in case.signals.values()]
            if any(0 < abs(gap_s) < SURELY_S for gap_s in gaps):
                yield f"{opened.signal.name} opens an incident beside the one that it is related to"


def _gap_s(opened: e.IncidentOpenedV1, known: SignalSummary) -> float:
    return (opened.signal.fired_at - known.signal.fired_at).total_seconds()
