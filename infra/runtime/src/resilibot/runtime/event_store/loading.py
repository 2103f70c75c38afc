"""loading: streams, loaded when they are asked for."""

from collections.abc import Mapping
from types import MappingProxyType

from resilibot.runtime.event_store.port import EventStore, Stream


class Loading(dict[str, Stream]):
    """Streams as they were when they were first asked for."""

    def __init__(self, store: EventStore, loaded: Mapping[str, Stream] = MappingProxyType({})) -> None:
        super().__init__(loaded)
        self._store = store

    def __missing__(self, stream: str) -> Stream:
        self[stream] = self._store.load(stream)
        return self[stream]
