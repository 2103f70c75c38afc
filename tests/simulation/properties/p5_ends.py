"""P5: every accepted alarm belongs to an incident; every incident ends; nothing waits for ever."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, Status, empty_case, evolve, signal_key
from tests.simulation.run import Run
from tests.simulation.scenario import THRESHOLD_S

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
            belongs = f"incident#{event.incident_id}" in run.incidents()
            if event.signal.state == "ALARM" and not belongs and event.held_by is None:
                yield f"alarm {event.signal.source_id} belongs to no incident"
    for workload in run.scenario.workloads:
        for source_id in {alarm.source_id for alarm in workload.alarms}:
            if received[source_id] != 1:
                yield f"alarm {source_id} is recorded {received[source_id]} times"
    yield from _two_at_once(run)
    for head in run.store.heads():
        if head.category == "signal":
            yield from _held_back(run, head.stream)
    yield from _budget(run)
    yield from _tellings(run)


def _tellings(run: Run) -> Iterator[str]:
    """Each opening is told by itself or in a summary, never both, and each summary is claimed."""
    open_counts: dict[str, list[str]] = {}
    summaries: set[str] = set()
    for recorded in run.all_events():
        event = recorded.event
        if isinstance(event, e.OpeningCountedV1) and event.is_summarised:
            open_counts.setdefault(recorded.stream, []).append(event.incident_id)
        elif isinstance(event, e.SummaryClosedV1):
            summaries.update(open_counts.pop(recorded.stream, []))
    for stream, incidents in open_counts.items():
        yield f"{stream}: the summary of {incidents} was never claimed"
    for stream in run.incidents():
        opening = run.events(stream)[0]
        told = [n for n in run.case(stream).notifications.values() if n.started.about == opening.id]
        deferred = stream.partition("#")[2] in summaries
        if bool(told) == deferred:
            yield f"{stream}: its opening was told {len(told)} times by itself, and in a summary: {deferred}"


def _held_back(run: Run, stream: str) -> Iterator[str]:
    """An alarm is silenced only in a silence, and held only below a threshold or while flapping.

    What still fires when that is over has an incident: it is held back by nothing in the end but a threshold.
    """
    last: dict[str, e.SignalReceivedV1] = {}
    counted: dict[str, list[datetime]] = {}
    flapping: set[str] = set()
    looked_at_in: str | None = None  # the incident that was open when it was looked at again
    for recorded in run.events(stream):
        event, at = recorded.event, recorded.envelope.recorded_at
        if isinstance(event, e.SignalReconsideredV1):
            looked_at_in = event.incident_id or looked_at_in
            if event.disposition in ("opened", "reopened"):
                counted.clear()
            last = {name: one for name, one in last.items() if name not in event.let_in}
            if event.signal_name and not event.is_flapping:
                flapping.discard(event.signal_name)
        if not isinstance(event, e.SignalReceivedV1) or event.signal.state == "INSUFFICIENT_DATA":
            continue
        name = event.signal.name
        if event.is_flapping:
            flapping.add(name)
        if event.held_by == "silence" and not _is_silenced(run, event, at):
            yield f"{stream}: {event.signal.source_id} was silenced by {event.silence_id}, which does not cover it"
        if event.held_by == "flapping" and name not in flapping:
            yield f"{stream}: {event.signal.source_id} was held as flapping, and does not"
        if event.disposition in ("opened", "reopened"):
            counted.clear()
        elif event.held_by in ("silence", "threshold") and event.signal.state == "ALARM":
            counted.setdefault(name, []).append(at)
            within = [one for one in counted[name] if one > at - timedelta(seconds=THRESHOLD_S)]
            if event.held_by == "threshold" and len(within) >= 2:
                yield f"{stream}: {event.signal.source_id} was held, and is the {len(within)}th of 2"
        last[name] = event
    for name, event in last.items():
        if event.signal.state == "ALARM" and event.held_by in ("silence", "flapping"):
            home = event.incident_id or looked_at_in
            known = run.case(f"incident#{home}").signals if home else {}
            told = known.get(signal_key(stream.partition("#")[2], name))
            if told is None or not told.is_firing:
                yield f"{stream}: {name} fires, was held back by {event.held_by}, and is forgotten"


def _is_silenced(run: Run, event: e.SignalReceivedV1, at: datetime) -> bool:
    """Whether the silence covered it at some moment between its firing and its recording.

    A process may stand still between the two; when such a silence ends, what waits behind it is looked at again.
    """
    for recorded in run.events("control#silences"):
        started = recorded.event
        if isinstance(started, e.SilenceStartedV1) and started.silence_id == event.silence_id:
            is_meant = fnmatchcase(event.signal.name, started.matcher.name or "")
            return is_meant and started.starts_at <= at and event.signal.fired_at < started.ends_at
    return False


def _budget(run: Run) -> Iterator[str]:
    """Never more places than there are; nobody waits in the end."""
    budget = run.scenario.policy.budget
    held: dict[str, datetime] = {}
    waiting: set[str] = set()
    for recorded in run.events("control#budget"):
        event, at = recorded.event, recorded.envelope.recorded_at
        if isinstance(event, e.SlotRequestedV1):
            waiting.add(event.incident_id)
        elif isinstance(event, e.SlotReleasedV1):
            held.pop(event.incident_id, None)
        elif isinstance(event, e.SlotGrantedV1):
            waiting.discard(event.incident_id)
            held[event.incident_id] = at + timedelta(seconds=event.lease_s)
            running = sum(ends_at > at for ends_at in held.values())
            if budget and budget.max_concurrent and running > budget.max_concurrent:
                yield f"control#budget:{recorded.version}: {running} investigations run at once"
    for incident_id in sorted(waiting):
        yield f"incident#{incident_id} waits for room for ever"


def _two_at_once(run: Run) -> Iterator[str]:
    """After each commit, in the order in which they were written: nothing belongs to two live incidents at once.

    Neither a fingerprint, nor two related services whose alarms opened incidents by themselves.
    """
    cases: dict[str, IncidentCase] = {}
    joined: dict[str, datetime] = {}  # by fingerprint: when what it joined an incident with had fired
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
            # where nothing was found nobody looks any more: what joins there would go unseen
            suspects = [c for c in live if c.diagnosis is None or c.diagnosis.outcome != "no_fault"]
            known = [joined[one] for case in suspects for one in case.fingerprints if one in joined]
            gaps_s = [abs((opened.signal.fired_at - fired_at).total_seconds()) for fired_at in known]
            if any(0 < gap_s < SURELY_S for gap_s in gaps_s):
                yield f"{opened.signal.name} opens an incident beside the one that it is related to"
        for recorded in (event for append in written.appends for event in append.events):
            event = recorded.event
            is_first = isinstance(event, e.IncidentOpenedV1 | e.IncidentReopenedV1)
            if is_first or (isinstance(event, e.SignalAttachedV1) and event.why == "correlated"):
                fingerprint = event.fingerprint or cases[recorded.stream].fingerprint
                joined[fingerprint] = event.signal.fired_at
