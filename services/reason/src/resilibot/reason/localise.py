"""localise: which node of a call graph causes what the alarm's node suffers: own contribution. Pure; constants here.

For the alarm's metric and statistic, per row (a point in time) and per node reachable from the alarm's node:

    excess  = value - healthy median, signed to the bad side; anomalous beyond DEVIATES scales
    scale   = max(1.4826 MAD, floor x median)
    impact  = max(0, excess) x calls            lost seconds, or failed calls
    own     = impact - sum of the impacts of the anomalous direct dependencies
    share   = own / impact of the alarm's node, then the median over the anomalous rows

Where the calls of the alarm's node were not counted, what hurts most below stands for what it suffers. Where another
node's were not, those of its least busy caller stand for them, and its impact is at most what its
nearest counted callers together suffer and their counted anomalous dependencies do not explain: who calls it waits at
least as long for it, and loses at least as many calls.

A row that a series lacks between two of its points is taken to lie on the line between them, unless it counts: of one
node's missed sample its caller would take the blame.

A dependency without telemetry is walked through to its own dependencies, and so is a mirror (`client`, `remote`: a
view of calls that another node serves). Order: anomalous first, mirrors last, the alarm's own node last among its kind,
then share, deviation, depth, calls and, when all of them are equal, name.

Source: "own contribution" was measured on PetShop (Hardt et al., arXiv 2311.04806); the traversal that it refines is
that paper's. Robust median and MAD after BARO (Pham et al., FSE 2024). The gate compares a suspect's second worst rows
with the same statistic over its own healthy windows, as split conformal prediction does (Vovk et al., 2005).
"""

import math
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median

from resilibot.contracts.evidence import Baseline, MetricContent, TopologyContent
from resilibot.contracts.quantity import AVAILABILITY_FLOOR, DEVIATES, MAD_TO_SIGMA, Quantity, quantity_of

FLOOR_RATIO = {
    Quantity.LATENCY: 0.03,
    Quantity.AVAILABILITY: AVAILABILITY_FLOOR,
    Quantity.ERRORS: 0.05,
    Quantity.SATURATION: 0.1,
}
MIRRORS = ("client", "remote")
COUNTED = ("Sum", "SampleCount")  # statistics that are already weighed by calls
LASTS = 0.4  # of the rows: the second worst of five decides
UNUSUAL = 1.45  # times what is unusual for the suspect while healthy: as likely right as wrong
STEEPNESS = 3.5  # of the confidence in the logarithm of that
ENOUGH_ROWS = 3  # fewer do not tell trouble from a moment
LEAST_SHARE = 0.2  # of what the alarm's node suffers: less explains nothing
WEAKER = 0.5  # what explains too little, has too few rows, is a mirror, or an alarm's node that nothing below explains
UNWEIGHED = 0.7  # without counts of calls
SHADOWED = 0.9  # calls something without telemetry, where the cause may be instead
RIVALRY = 0.25  # of the confidence is lost to an equal rival


@dataclass(frozen=True)
class Suspect:
    """`share` of what the alarm's node suffers, `deviation` in scales, `unusual` against its own healthy windows."""

    component: str
    share: float
    deviation: float
    unusual: float
    confidence: float  # that this one is the cause; of all suspects, only the first is meant to be believed
    metric: MetricContent
    kind: str  # of node, as the graph names it

    @property
    def is_anomalous(self) -> bool:
        return self.deviation > DEVIATES


@dataclass(frozen=True)
class Localised:
    """Suspects, best first; what could not be seen goes along."""

    alarm_node: str
    suspects: tuple[Suspect, ...]
    dark: tuple[str, ...]  # reachable nodes without the metric: the cause may be there
    is_weighed: bool  # False: the calls of the alarm's node were not counted, so shares are rough


def localise(topology: TopologyContent, metrics: Sequence[MetricContent]) -> Localised | None:
    """Rank the nodes that the alarm's node calls, directly or not, and itself.

    metrics: each names its node as `component`; a node's calls are its traffic metric.
    None when the alarm's metric is not among them with a baseline and points, or has no bad side (traffic).
    """
    alarm = _alarm(topology, metrics)
    if alarm is None or quantity_of(alarm.name) not in FLOOR_RATIO:
        return None
    window = _Window(topology, metrics, alarm)
    return Localised(
        alarm_node=topology.alarm_node,
        suspects=tuple(window.suspects()),
        dark=tuple(sorted(n for n in window.depth if n not in window.series and not window.is_mirror(n))),
        is_weighed=window.is_weighed,
    )


def _alarm(topology: TopologyContent, metrics: Sequence[MetricContent]) -> MetricContent | None:
    """The alarm's own metric; of several, the first by name."""
    others = {node.name for node in topology.nodes} - {topology.alarm_node}
    own = [m for m in metrics if m.is_alarm_metric and m.component not in others and m.baseline and m.points]
    return min(own, key=lambda m: (m.component != topology.alarm_node, m.name, m.statistic), default=None)


class _Series:
    """A node's metric against its baseline."""

    def __init__(self, metric: MetricContent, baseline: Baseline, rows: Iterable[datetime]) -> None:
        quantity = quantity_of(metric.name)
        self.metric = metric
        self._sign = -1 if quantity is Quantity.AVAILABILITY else 1
        self._baseline = baseline
        self._scale = max(MAD_TO_SIGMA * baseline.mad, FLOOR_RATIO[quantity] * abs(baseline.median), 1e-9)
        gaps = () if metric.statistic in COUNTED else rows  # nothing counted mostly means that there was nothing
        self._values = _filled(dict(metric.points), gaps)

    def excess(self, at: datetime) -> float | None:
        value = self._values.get(at)
        return None if value is None else self._sign * (value - self._baseline.median)

    def deviation(self, at: datetime) -> float | None:
        excess = self.excess(at)
        return None if excess is None else excess / self._scale

    def unusual(self) -> float:
        """What lasts, in multiples of what is unusual while healthy; 0 for a single point."""
        bad = sorted((self._sign * (v - self._baseline.median) for v in self._values.values()), reverse=True)
        rank = max(2, math.ceil(LASTS * len(bad)))
        base, is_low = self._baseline, self._sign < 0
        lasting = base.sustained_low if is_low else base.sustained_high
        edge = lasting if lasting is not None else (base.low if is_low else base.high)
        usual = max(DEVIATES * self._scale, self._sign * (edge - base.median))
        return max(bad[rank - 1], 0.0) / usual if len(bad) >= rank else 0.0


def _shared_times(metrics: Collection[MetricContent]) -> set[datetime]:
    """When half of them or more have a point."""
    counts = Counter(at for metric in metrics for at in dict(metric.points))
    return {at for at, count in counts.items() if 2 * count >= len(metrics)}


def _filled(values: Mapping[datetime, float], rows: Iterable[datetime]) -> dict[datetime, float]:
    """With a value for each row between the first point and the last: on the line between its neighbours."""
    filled, missed = dict(values), [at for at in rows if at not in values]
    times = sorted(values) if missed else []
    for at in missed:
        place = bisect(times, at)
        if 0 < place < len(times):
            before, after = times[place - 1], times[place]
            part = (at - before) / (after - before)
            filled[at] = values[before] + part * (values[after] - values[before])
    return filled


class _Window:
    """The incident window over the part of the graph that the alarm's node reaches."""

    def __init__(self, topology: TopologyContent, metrics: Sequence[MetricContent], alarm: MetricContent) -> None:
        self._alarm_node = topology.alarm_node
        self._alarm = alarm
        self._kinds = {node.name: node.kind for node in topology.nodes}
        self._callees: dict[str, set[str]] = {}
        for caller, callee in topology.edges:
            self._callees.setdefault(caller, set()).add(callee)
        self.depth = self._reach()
        self._callers: dict[str, list[str]] = {}
        for caller in sorted(self.depth):
            for callee in self._callees.get(caller, ()):
                self._callers.setdefault(callee, []).append(caller)
        same = self._same_metric(metrics)
        self._times = sorted({at for at, _ in alarm.points} | _shared_times(same.values()))
        self.series = {node: _Series(m, m.baseline, self._times) for node, m in same.items() if m.baseline}
        self._calls = self._traffic(metrics)
        self._is_by_calls = alarm.statistic not in COUNTED and any(node in self._calls for node in self.series)
        self.is_weighed = alarm.statistic in COUNTED or self._alarm_node in self._calls
        self._alarm_calls = {at: self._demand(at) for at in self._times}
        uncounted = sorted(self.series.keys() - self._calls.keys()) if self._is_by_calls else ()
        self._bounding = {node: self._counted_callers(node, self.series) for node in uncounted}
        self._below = {node: tuple(self._dependencies(node, self.series)) for node in self.series}

    def is_mirror(self, node: str) -> bool:
        return self._kinds.get(node, "") in MIRRORS

    def suspects(self) -> list[Suspect]:
        rows = self._rows()
        shares: dict[str, list[float]] = {}
        deviations: dict[str, list[float]] = {}
        for at in rows:
            for node, (share, deviation) in self._score(at).items():
                shares.setdefault(node, []).append(share)
                deviations.setdefault(node, []).append(deviation)
        found = [
            Suspect(
                component=node,
                share=median(shares[node]),
                deviation=median(deviations[node]),
                unusual=series.unusual(),
                confidence=0.0,
                metric=series.metric,
                kind=self._kinds.get(node, ""),
            )
            for node, series in self.series.items()
            if node in shares
        ]
        found.sort(key=self._order)
        rivals = sorted((s for s in found if self._is_rival(s)), key=lambda s: -s.share)[:2]
        return [self._believed(suspect, next((r for r in rivals if r is not suspect), None)) for suspect in found]

    def _order(self, suspect: Suspect) -> tuple[bool, bool, bool, float, float, int, float, str]:
        node = suspect.component
        place = (not suspect.is_anomalous, self.is_mirror(node), node == self._alarm_node)
        calls = -sum(self._calls[node][0].values()) if node in self._calls else 0.0
        return (*place, -round(suspect.share, 9), -round(suspect.deviation, 9), -self.depth[node], calls, node)

    def _is_rival(self, suspect: Suspect) -> bool:
        node = suspect.component
        return suspect.is_anomalous and suspect.unusual > 1 and node != self._alarm_node and not self.is_mirror(node)

    def _believed(self, suspect: Suspect, rival: Suspect | None) -> Suspect:
        """With the probability that it is the cause: logistic in how unusual its own series is.

        `rival`: the strongest other.
        """
        odds = math.log(max(suspect.unusual, 1e-6) / UNUSUAL) * STEEPNESS
        confidence = 1 / (1 + math.exp(-odds))
        explains = suspect.share >= LEAST_SHARE
        is_alone, is_view = suspect.component == self._alarm_node, self.is_mirror(suspect.component)
        for is_weak in (not explains, is_alone, is_view, len(suspect.metric.points) < ENOUGH_ROWS):
            confidence *= WEAKER if is_weak else 1
        if explains and rival is not None:
            confidence *= 1 - RIVALRY * min(max(rival.share, 0.0) / suspect.share, 1.0)
        confidence *= 1 if self.is_weighed else UNWEIGHED
        confidence *= SHADOWED if self._calls_the_dark(suspect.component) else 1
        return replace(suspect, confidence=confidence)

    def _calls_the_dark(self, node: str) -> bool:
        return any(c not in self.series and not self.is_mirror(c) for c in self._callees.get(node, ()))

    def _rows(self) -> list[datetime]:
        """Every anomalous row of the alarm's node: never the worst alone, which may hold an unrelated failure.

        When none is anomalous, the worst one, and those in which it was not seen.
        """
        alarm, seen = self.series[self._alarm_node], {at for at, _ in self._alarm.points}
        rows = {at: alarm.deviation(at) or 0.0 for at in self._times}
        worst = max(sorted(seen), key=lambda at: rows[at])
        return [at for at in rows if rows[at] > DEVIATES] or [at for at in rows if at == worst or at not in seen]

    def _score(self, at: datetime) -> dict[str, tuple[float, float]]:
        """Own contribution over the impact at the alarm's node, and deviation, of each node seen in that row."""
        seen = {node: s for node, s in self.series.items() if s.excess(at) is not None}
        impact = self._impacts(seen, at)
        deviation = {node: s.deviation(at) or 0.0 for node, s in seen.items()}
        whole = impact.get(self._alarm_node) or max(impact.values(), default=0.0) or 1.0
        called, bounding = self._below, self._bounding
        if len(seen) < len(self.series):
            called = {node: tuple(self._dependencies(node, seen)) for node in seen}
            bounding = {node: self._counted_callers(node, seen) for node in bounding if node in seen}
        below = {node: [c for c in callees if deviation[c] > DEVIATES] for node, callees in called.items()}
        self._bound(impact, below, bounding)
        explained = {node: sum(impact[callee] for callee in below[node]) for node in seen}
        return {node: ((impact[node] - explained[node]) / whole, deviation[node]) for node in seen}

    def _impacts(self, seen: Mapping[str, _Series], at: datetime) -> dict[str, float]:
        """What each node suffers in that row; the alarm's, if its calls are not counted, what hurts most below."""
        impact = {node: max(0.0, s.excess(at) or 0.0) * self._weight(node, at) for node, s in seen.items()}
        alarm_node = self._alarm_node
        if self._is_by_calls and alarm_node not in self._calls and alarm_node in seen:
            below = (i for node, i in impact.items() if node != alarm_node)
            impact[alarm_node] = max(below, default=impact[alarm_node])
        return impact

    def _bound(
        self, impact: dict[str, float], below: Mapping[str, Sequence[str]], bounding: Mapping[str, Sequence[str]]
    ) -> None:
        """Lower the impact of uncounted nodes to what their callers suffer and no counted dependency explains."""
        left: dict[str, float] = {}
        for caller in {caller for callers in bounding.values() for caller in callers}:
            explained = math.fsum(impact[callee] for callee in below[caller] if callee in self._calls)
            left[caller] = max(impact[caller] - explained, 0.0)
        for node, callers in bounding.items():
            if callers:
                impact[node] = min(impact[node], math.fsum(left[caller] for caller in callers))

    def _weight(self, node: str, at: datetime) -> float:
        """Calls of the node in that row; where they were not counted, what its least busy caller may have sent it."""
        if not self._is_by_calls:
            return 1.0
        counted = self._counted(node, at)
        if counted is None:
            callers = self._callers.get(node, ())
            counted = min((n for c in callers if (n := self._counted(c, at)) is not None), default=None)
        return self._alarm_calls[at] if counted is None else counted

    def _demand(self, at: datetime) -> float:
        """Calls of the alarm's node in that row; where they were not counted, those of a middling one below."""
        counted = self._counted(self._alarm_node, at)
        if counted is not None:
            return counted
        known = [n for node in self.series if (n := self._counted(node, at)) is not None]
        return median(known) if known else 0.0

    def _counted_callers(self, node: str, seen: Mapping[str, object]) -> list[str]:
        """The nearest callers that were seen and whose calls are counted; others are walked through. Circles end."""
        waiting, met, found = list(self._callers.get(node, ())), {node}, []
        while waiting:
            caller = waiting.pop()
            if caller in met:
                continue
            met.add(caller)
            if caller in seen and caller in self._calls:
                found.append(caller)
            else:
                waiting += self._callers.get(caller, ())
        return found

    def _counted(self, node: str, at: datetime) -> float | None:
        """Calls in that row, else as many as usual; None when the node's calls are not known at all."""
        if node not in self._calls:
            return None
        values, baseline = self._calls[node]
        return values.get(at, baseline.median if baseline else None)

    def _dependencies(self, node: str, seen: Mapping[str, object]) -> Iterator[str]:
        """What the node calls: the nearest real nodes that were seen; others are walked through. Circles end."""
        waiting, met = sorted(self._callees.get(node, ())), {node}
        while waiting:
            callee = waiting.pop()
            if callee in met:
                continue
            met.add(callee)
            if callee in seen and not self.is_mirror(callee):
                yield callee
            else:
                waiting += sorted(self._callees.get(callee, ()))

    def _reach(self) -> dict[str, int]:
        """Nodes reachable from the alarm's node, with the fewest calls to get there."""
        depth, level = {self._alarm_node: 0}, [self._alarm_node]
        while level:
            below = sorted({callee for node in level for callee in self._callees.get(node, ())} - depth.keys())
            depth.update(dict.fromkeys(below, depth[level[0]] + 1))
            level = below
        return depth

    def _same_metric(self, metrics: Iterable[MetricContent]) -> dict[str, MetricContent]:
        """Per node what measures the same as the alarm's metric; the same name and statistic are preferred."""
        quantity, best = quantity_of(self._alarm.name), {self._alarm_node: self._alarm}
        for metric in sorted(metrics, key=self._likeness):
            is_judged = bool(metric.baseline and metric.points and metric.component in self.depth)
            if is_judged and quantity_of(metric.name) is quantity:
                best.setdefault(metric.component, metric)
        return dict(sorted(best.items()))

    def _likeness(self, metric: MetricContent) -> tuple[bool, bool, str, str]:
        alarm = self._alarm
        return (metric.name != alarm.name, metric.statistic != alarm.statistic, metric.name, metric.statistic)

    def _traffic(self, metrics: Iterable[MetricContent]) -> dict[str, tuple[dict[datetime, float], Baseline | None]]:
        """Per node the calls it serves; a sum is preferred."""
        calls: dict[str, tuple[dict[datetime, float], Baseline | None]] = {}
        others = {node for node in self._kinds if node != self._alarm_node}
        for metric in sorted(metrics, key=lambda m: (m.statistic not in COUNTED, m.name, m.statistic)):
            if quantity_of(metric.name) is Quantity.TRAFFIC and (metric.points or metric.baseline):
                is_alarms = metric.component == self._alarm.component and metric.component not in others
                node = self._alarm_node if is_alarms else metric.component
                calls.setdefault(node, (dict(metric.points), metric.baseline))
        return calls
