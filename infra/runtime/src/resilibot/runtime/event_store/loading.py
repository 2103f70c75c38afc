"""loading: streams, loaded when they are asked for."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from resilibot.runtime.event_store.port import Stream


class Loading(dict[str, Stream]):
    """Streams as they were when they were first asked for."""

    def __init__(self, load: Callable[[str], Stream], loaded: Mapping[str, Stream] = MappingProxyType({})) -> None:
        super().__init__(loaded)
        self._load = load

    def __missing__(self, stream: str) -> Stream:
        self[stream] = self._load(stream)
        return self[stream]
