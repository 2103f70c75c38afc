"""homes: the incident that a fingerprint belongs to, after all merges and splits, and the one for a new signal."""

from collections.abc import Mapping
from datetime import datetime

from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import stream_id
from resilibot.contracts.signal import Severity, Signal
from resilibot.ingest.attach import Related, fold_signals
from resilibot.ingest.correlate import Members, correlate, group_streams
from resilibot.ingest.remembered import group_folds
from resilibot.ingest.topology import Topology
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.folds import Folds

Cases = Folds[IncidentCase]


def home_of(key: str, incident_id: str, current: Mapping[str, Stream], cases: Cases) -> IncidentCase:
    """The incident that a fingerprint belongs to, after all merges and splits since it came to `incident_id`.

    Each of them leads from the incident that has the fingerprint to another, and the last one there is leads nowhere,
    so the way has an end. `current` loads what it does not hold.
    """
    case = cases.fold(current[stream_id("incident", incident_id)])
    moved_to = case.home_of(key)
    return home_of(key, moved_to, current, cases) if moved_to else case


def home_in(key: str, current: Mapping[str, Stream], cases: Cases) -> IncidentCase | None:
    """The same, by what the fingerprint's own stream says that it came to last; None for one that nothing came of."""
    came_to = fold_signals(current[stream_id("signal", key)].events).incident_id
    return home_of(key, came_to, current, cases) if came_to else None


def relate(
    signal: Signal,
    now: datetime,
    current: Mapping[str, Stream],
    topology: Topology,
    cases: Cases,
    groups: Folds[Members] | None = None,
) -> Related | None:
    """The open incident that the signal belongs to: that of the strongest relation whose incident is open still.

    Without `groups`, the group streams in `current` are whole.
    """
    groups = groups or group_folds()
    among = [groups.fold(current[name]) for name in group_streams(signal, now)]
    for match in correlate(signal, among, topology):
        case = home_of(match.member.fingerprint, match.member.incident_id, current, cases)
        if case.exists and not case.is_over and not _would_be_hidden(signal, case, match.relation):
            return Related(case.incident_id, match.relation, match.reason)
    return None


def _would_be_hidden(signal: Signal, case: IncidentCase, relation: str) -> bool:
    """Nobody looks, and nobody is told, when a signal joins: so what is graver, or what joins an incident in which
    nothing was found, has one of its own, unless it is about the very same thing.
    """
    if relation in ("resource", "service"):
        return False
    nothing_found = case.diagnosis is not None and case.diagnosis.outcome == "no_fault"
    order = list(Severity)
    return nothing_found or order.index(signal.severity) > order.index(case.severity)
