"""properties: what must hold after every run, whatever the adversary did. Each is one function: run -> violations.

They judge by the stored events and the providers' own records, with code of their own, not with the services'.
"""

from collections.abc import Callable, Iterator

from tests.simulation.properties.p1_store import nothing_is_lost
from tests.simulation.properties.p2_projections import live_equals_rebuilt
from tests.simulation.properties.p3_effects import at_most_once_or_known
from tests.simulation.properties.p4_permission import nothing_without_permission
from tests.simulation.properties.p5_ends import everything_ends
from tests.simulation.properties.p6_citations import every_citation_resolves
from tests.simulation.properties.p7_tampering import tampering_is_found
from tests.simulation.properties.p8_same_decisions import same_inputs_same_decisions
from tests.simulation.run import Run

PROPERTIES: dict[str, Callable[[Run], Iterator[str]]] = {
    "P1": nothing_is_lost,
    "P2": live_equals_rebuilt,
    "P3": at_most_once_or_known,
    "P4": nothing_without_permission,
    "P5": everything_ends,
    "P6": every_citation_resolves,
    "P7": tampering_is_found,
    "P8": same_inputs_same_decisions,
}


def violations(run: Run) -> list[str]:
    """Every violation, as "P3: what is wrong, and where"."""
    return [f"{name}: {what}" for name, check in PROPERTIES.items() for what in check(run)]
