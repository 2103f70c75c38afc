"""Random call graphs with one fault, from a seed: latency and availability add up along the calls, as in life."""

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from statistics import median

from resilibot.contracts.evidence import Baseline, MetricContent, TopologyContent, TopologyNode
from resilibot.runtime.testing import NOON

BEFORE = 60  # healthy points
ROWS = 5  # of the incident window
PERIOD_S = 300
ALARM_NODE = "n0"

Points = list[float]


@dataclass(frozen=True)
class CallGraph:
    """`culprit` None: a healthy window. Node n0 is the alarm's; every other is called by one or two earlier ones."""

    seed: int
    size: int = 12
    culprit: str | None = None
    metric: str = "latency"  # or availability
    severity: float = 4.0  # times its own healthy time is added; percent of its own calls that fail
    dark: frozenset[str] = frozenset()  # nodes without telemetry
    names: dict[str, str] = field(default_factory=dict)  # renamed nodes
    factor: float = 1.0  # all latencies are scaled by it
    extra: bool = False  # one more healthy node below the alarm's
    rows: int = ROWS  # of the incident window
    window: str = "window"  # chance of its own; "before" repeats what the baseline saw

    @property
    def nodes(self) -> list[str]:
        return [f"n{i}" for i in range(self.size)]

    def callers(self) -> dict[str, dict[str, int]]:
        """By callee, its callers and how often each calls it per request of its own."""
        rng = random.Random(f"{self.seed} edges")
        callers: dict[str, dict[str, int]] = {}
        for i in range(1, self.size):
            chosen = rng.sample(range(i), min(i, rng.choice([1, 1, 2])))
            callers[f"n{i}"] = {f"n{c}": rng.choice([1, 1, 2]) for c in chosen}
        return callers

    def suspects(self) -> list[str]:
        """Nodes that a fault can be put into: all but the alarm's."""
        return self.nodes[1:]

    def topology(self) -> TopologyContent:
        edges = [(caller, callee) for callee, callers in self.callers().items() for caller in callers]
        edges += [(ALARM_NODE, "extra")] if self.extra else []
        nodes = self.nodes + (["extra"] if self.extra else [])
        return TopologyContent(
            alarm_node=self._name(ALARM_NODE),
            nodes=[TopologyNode(name=self._name(node)) for node in nodes],
            edges=[(self._name(caller), self._name(callee)) for caller, callee in edges],
        )

    def metrics(self) -> list[MetricContent]:
        healthy = replace(self, culprit=None)._rows(BEFORE, "before")
        window = self._rows(self.rows, self.window)
        found = []
        for node in window:
            if node not in self.dark:
                for name in (self.metric, "requests"):
                    before, now = [row[name] for row in healthy[node]], [row[name] for row in window[node]]
                    found.append(self._content(node, name, before, now))
        return found

    def _rows(self, count: int, when: str) -> dict[str, list[dict[str, float]]]:
        rng = random.Random(f"{self.seed} {when}")
        steady = random.Random(f"{self.seed} steady")
        own_s = {node: steady.uniform(0.02, 0.2) * self.factor for node in self.nodes}
        rows: dict[str, list[dict[str, float]]] = {node: [] for node in self.nodes}
        for _ in range(count):
            calls, total, lost = self._row(rng, own_s)
            for node in self.nodes:
                row = {"latency": total[node], "availability": 100 * (1 - lost[node]), "requests": calls[node]}
                rows[node].append(row)
        if self.extra:  # a little slower in the window, as chance will have it
            latency = (0.1 if when == "before" else 0.102) * self.factor
            rows["extra"] = [{"latency": latency, "availability": 100.0, "requests": 500.0}] * count
        return rows

    def _row(
        self, rng: random.Random, own_s: dict[str, float]
    ) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
        callers = self.callers()
        calls = {ALARM_NODE: rng.gauss(1000, 30)}
        for node in self.nodes[1:]:
            calls[node] = sum(times * calls[caller] for caller, times in callers[node].items())
        total, lost = {}, {}
        for node in reversed(self.nodes):
            is_culprit = node == self.culprit
            own = own_s[node] * rng.gauss(1, 0.03) * (1 + (self.severity if is_culprit else 0))
            kept = 1 - (self.severity / 100 if is_culprit else 0.0)
            for callee, its_callers in callers.items():
                if node in its_callers:
                    own += its_callers[node] * total[callee]
                    kept *= (1 - lost[callee]) ** its_callers[node]
            total[node], lost[node] = own, 1 - kept
        return calls, total, lost

    def _content(self, node: str, name: str, before: Points, now: Points) -> MetricContent:
        middle, ranked = median(before), sorted(before)
        baseline = Baseline(
            median=middle,
            mad=median(abs(value - middle) for value in before),
            low=ranked[1],
            high=ranked[-2],
            count=len(before),
            sustained_low=ranked[2],
            sustained_high=ranked[-3],
        )
        return MetricContent(
            namespace="Graph",
            name=name,
            statistic="Sum" if name == "requests" else "Average",
            period_s=PERIOD_S,
            dimensions={"Service": self._name(node)},
            is_alarm_metric=node == ALARM_NODE and name == self.metric,
            component=self._name(node),
            baseline=baseline,
            points=[(NOON + timedelta(seconds=PERIOD_S * i), value) for i, value in enumerate(now)],
        )

    def _name(self, node: str) -> str:
        return self.names.get(node, node)
