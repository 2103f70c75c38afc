"""Several sources of a call graph: the first that knows the resource wins, so that what is declared comes first."""

from dataclasses import replace

from resilibot.contracts.signal import ResourceRef
from resilibot.observe.ports import SourceFailed, TopologyRead, TopologySource


class FirstTopology:
    def __init__(self, *sources: TopologySource) -> None:
        """At least one source, the one that wins first."""
        self._sources = sources
        self.name = ", ".join(source.name for source in sources)

    def below(self, resource: ResourceRef) -> TopologyRead:
        """Raises the reason of the last source, with what each of them said."""
        failed: list[tuple[str, SourceFailed]] = []
        for source in self._sources:
            try:
                return replace(source.below(resource), source=source.name)
            except SourceFailed as error:
                failed.append((source.name, error))
        told = "; ".join(f"{name}: {error.detail}" for name, error in failed)
        raise SourceFailed(failed[-1][1].reason, told)
