"""P2: every read model rebuilt from the store equals the live one, to the byte."""

from collections.abc import Iterator

from resilibot.contracts.canonical import canonical
from resilibot.projections.rebuild import rebuilt
from resilibot.projections.views import empty_view
from tests.simulation.run import Run


def live_equals_rebuilt(run: Run) -> Iterator[str]:
    for head in run.store.heads():
        if empty_view(head.stream) is None:
            continue  # nothing is shown of this category
        version, states = run.read_models.get(head.stream, (0, {}))
        if version != head.version:
            yield f"{head.stream}: the read models stand at {version}, the stream at {head.version}"
            continue
        anew = rebuilt(run.store, head.stream)
        for model, state in anew.items():
            if canonical(state) != canonical(states.get(model)):
                yield f"{head.stream}: the live {model} is not what a rebuild gives"
