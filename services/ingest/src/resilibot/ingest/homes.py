"""homes: the incident that a fingerprint belongs to, after all merges and splits, and the one for a new signal."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import stream_id
from resilibot.contracts.signal import Severity, Signal
from resilibot.ingest.attach import Related, fold_signals
from resilibot.ingest.correlate import correlate, group_streams, note_members
from resilibot.ingest.topology import Topology
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.event_store.recall import History
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


@dataclass(frozen=True)
class _Folded:
    """A group stream: its last event, and the last word about each fingerprint; no other event is kept."""

    end: Stream
    members: dict[str, e.SignalGroupedV1]  # grows


class Groups:
    """The members of group streams, folded on from where each stream was last: a stream only ever grows.

    What is kept stands at the hash that it was folded to, which covers every event before it. One thread at a time.
    """

    def __init__(self, store: History) -> None:
        self._store = store
        self._known: OrderedDict[str, _Folded] = OrderedDict()

    def end(self, name: str) -> Stream:
        """The stream as it is now, as far as a writer needs it: its last event, to append after. Raises StoreError."""
        known = self._known.get(name)
        return self._folded(self._store.load(name, after=known.end.version if known else 0)).end

    def members(self, streams: Sequence[Stream]) -> Iterable[e.SignalGroupedV1]:
        """Where each fingerprint of these streams belongs: its last word counts. Streams are whole, or ends."""
        found = [self._folded(stream).members for stream in streams]
        return (found[0] if len(found) == 1 else {key: one for of in found for key, one in of.items()}).values()

    def _folded(self, stream: Stream) -> _Folded:
        known = self._known.pop(stream.id, None) or _Folded(Stream(stream.id), {})
        further = tuple(event for event in stream.events if event.version > known.end.version)
        joint = further[0].prev_hash if further else stream.hash
        if stream.events and joint != known.end.hash:  # another history, or an end whose beginning is not kept any more
            known, further = _Folded(Stream(stream.id), {}), self._store.load(stream.id).events
        if further:
            note_members(further, known.members)
            known = _Folded(Stream(stream.id, further[-1:], further[-1].version, further[-1].hash), known.members)
        self._known[stream.id] = known
        while len(self._known) > KEPT_GROUPS:
            self._known.popitem(last=False)
        return known


def relate(
    signal: Signal,
    now: datetime,
    current: Mapping[str, Stream],
    topology: Topology,
    folds: Folds,
    groups: Groups | None = None,
) -> Related | None:
    """The open incident that the signal belongs to: that of the strongest relation whose incident is open still.

    Without `groups`, the group streams in `current` are whole.
    """
    streams = [current[name] for name in group_streams(signal, now)]
    among = groups.members(streams) if groups else _members(streams)
    for match in correlate(signal, among, topology):
        case = home_of(match.member.fingerprint, match.member.incident_id, current, folds)
        if case.exists and not case.is_over and not _would_be_hidden(signal, case, match.relation):
            return Related(case.incident_id, match.relation, match.reason)
    return None


def _members(streams: Iterable[Stream]) -> Iterable[e.SignalGroupedV1]:
    last: dict[str, e.SignalGroupedV1] = {}
    for stream in streams:
        note_members(stream.events, last)
    return last.values()


def _would_be_hidden(signal: Signal, case: IncidentCase, relation: str) -> bool:
    """Nobody looks, and nobody is told, when a signal joins: so what is graver, or what joins an incident in which
    nothing was found, has one of its own, unless it is about the very same thing.
    """
    if relation in ("resource", "service"):
        return False
    nothing_found = case.diagnosis is not None and case.diagnosis.outcome == "no_fault"
    order = list(Severity)
    return nothing_found or order.index(signal.severity) > order.index(case.severity)
