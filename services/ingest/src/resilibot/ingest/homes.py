"""homes: the incident that a fingerprint belongs to, after all merges and splits, and the one for a new signal."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import stream_id
from resilibot.contracts.signal import Severity, Signal
from resilibot.ingest.attach import Related, fold_signals
from resilibot.ingest.correlate import correlate, group_streams, note_members
from resilibot.ingest.topology import Topology
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.folds import Folds

KEPT_GROUPS = 16  # streams: of accounts that are in trouble at the same time


def home_of(key: str, incident_id: str, current: Mapping[str, Stream], folds: Folds) -> IncidentCase:
    """The incident that a fingerprint belongs to, after all merges and splits since it came to `incident_id`.

    Each of them leads from the incident that has the fingerprint to another, and the last one there is leads nowhere,
    so the way has an end. `current` loads what it does not hold.
    """
    case = folds.fold(current[stream_id("incident", incident_id)])
    moved_to = case.home_of(key)
    return home_of(key, moved_to, current, folds) if moved_to else case


def home_in(key: str, current: Mapping[str, Stream], folds: Folds) -> IncidentCase | None:
    """The same, by what the fingerprint's own stream says that it came to last; None for one that nothing came of."""
    came_to = fold_signals(current[stream_id("signal", key)].events).incident_id
    return home_of(key, came_to, current, folds) if came_to else None


class Groups:
    """The members of group streams, folded on from where each stream was last: a stream only ever grows.

    What is kept stands at the hash that it was folded to, which covers every event before it. One thread at a time.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, str, dict[str, e.SignalGroupedV1]]] = OrderedDict()

    def members(self, streams: Sequence[Stream]) -> Iterable[e.SignalGroupedV1]:
        """Where each fingerprint of these streams belongs: its last word counts."""
        found = [self._of(stream) for stream in streams]
        return (found[0] if len(found) == 1 else {key: one for of in found for key, one in of.items()}).values()

    def _of(self, stream: Stream) -> dict[str, e.SignalGroupedV1]:
        version, hash_, last = self._known.pop(stream.id, (0, "", {}))
        if version > len(stream.events) or (version and stream.events[version - 1].hash != hash_):
            version, last = 0, {}
        note_members(stream.events[version:], last)
        self._known[stream.id] = (stream.version, stream.hash, last)
        while len(self._known) > KEPT_GROUPS:
            self._known.popitem(last=False)
        return last


def relate(
    signal: Signal,
    now: datetime,
    current: Mapping[str, Stream],
    topology: Topology,
    folds: Folds,
    groups: Groups | None = None,
) -> Related | None:
    """The open incident that the signal belongs to: that of the strongest relation whose incident is open still."""
    among = (groups or Groups()).members([current[name] for name in group_streams(signal, now)])
    for match in correlate(signal, among, topology):
        case = home_of(match.member.fingerprint, match.member.incident_id, current, folds)
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
