"""folds: the case of a stream, folded on from where it was last: a stream only ever grows."""

from collections import OrderedDict

from resilibot.contracts.case import IncidentCase, empty_case, evolve
from resilibot.runtime.event_store.port import Stream

KEEP = 256


class Folds:
    """Remembers the last case of each stream, with the hash that it stands at.

    The hash covers every event before it, so the same hash at the same version proves the same history. Two threads
    that fold one stream at the same time do the same work twice, and no harm.
    """

    def __init__(self) -> None:
        self._cases: OrderedDict[str, tuple[int, str, IncidentCase]] = OrderedDict()

    def fold(self, stream: Stream) -> IncidentCase:
        """The case after all events of a stream loaded from its beginning; an empty one for other categories."""
        category, _, key = stream.id.partition("#")
        if category != "incident":
            return empty_case(key)
        version, hash_, case = self._cases.get(stream.id, (0, "", empty_case(key)))
        if version > len(stream.events) or (version and stream.events[version - 1].hash != hash_):
            version, case = 0, empty_case(key)
        for recorded in stream.events[version:]:
            case = evolve(case, recorded)
        self._cases[stream.id] = (stream.version, stream.hash, case)
        if len(self._cases) > KEEP:
            self._cases.popitem(last=False)
        return case
