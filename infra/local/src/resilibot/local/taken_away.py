"""taken_away: recorded telemetry that an evaluation leaves out, to see what the reasoner makes of a house half seen.

Drawn among the nodes other than the alarm's, whole nodes or single series, anew for each incident and the same for the
same seed. Only of cases with a call graph: without one nothing says who is another node. What is drawn is never read:
the case then has a gap for it, as observe tells one of a metric without points.
"""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SeriesKey = tuple[str, str, str]  # service, metric, statistic


class By(StrEnum):
    """`NODE`: a node that is drawn is dark. `SERIES`: each metric and statistic of a node is drawn by itself."""

    NODE = "node"
    SERIES = "series"


@dataclass(frozen=True)
class TakenAway:
    """`share` of what can be drawn, rounded up. `spared`: by incident, one more node that keeps its telemetry."""

    share: float
    seed: int
    by: By = By.NODE
    spared: Mapping[str, str] = field(default_factory=dict)

    def of(self, incident: str, alarm_node: str, recorded: Iterable[SeriesKey]) -> frozenset[SeriesKey]:
        """What is left out of one incident's series. Its order in the file decides nothing."""
        kept = {alarm_node, self.spared.get(incident, alarm_node)}
        others = sorted(key for key in recorded if key[0] not in kept)
        chance = random.Random(f"{self.seed} {incident}")
        if self.by is By.SERIES:
            return frozenset(chance.sample(others, self._count(len(others))))
        nodes = sorted({service for service, _, _ in others})
        dark = set(chance.sample(nodes, self._count(len(nodes))))
        return frozenset(key for key in others if key[0] in dark)

    def _count(self, among: int) -> int:
        return math.ceil(round(self.share * among, 9))  # 0.07 x 100 is a little more than 7 in binary
