"""metric_evidence: the alarm's metrics, those beside them and below them, each against its healthy baseline."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from resilibot.contracts.case import IncidentCase
from resilibot.contracts.event import format_time
from resilibot.contracts.evidence import MetricContent, Window
from resilibot.contracts.signal import MetricRef, Signal
from resilibot.observe.baseline import calm, summarise, troubled
from resilibot.observe.baseline import onset as find_onset
from resilibot.observe.inquiry import Inquiry
from resilibot.observe.itemise import Found
from resilibot.observe.ports import Series, SourceFailed

POINTS = {True: 120, False: 30}  # points kept of the alarm's own metric, and of any other


class MetricEvidence:
    """The metrics of one round; they also tell when the trouble began."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry
        self._signal = inquiry.signal
        self._settings = inquiry.settings
        self._source = inquiry.ports.metrics
        self._alarmed = alarmed(inquiry.case, inquiry.signal, inquiry.settings.metric_period_s)
        self._neighbours = neighbours(inquiry.case)
        self._troubled: list[tuple[datetime, datetime]] = []

    def read(self) -> list[Series]:
        alarmed, service = self._alarmed, self._inquiry.service
        if not alarmed and not service:
            raise SourceFailed("not_configured", f"signal {self._signal.name} names neither a metric nor a service")
        namespace = alarmed[0].namespace if alarmed else None
        dimensions = alarmed[0].dimensions if alarmed else {self._settings.service_dimension: service}
        related = self._source.related(namespace, dimensions) if dimensions else []
        others = [ref for ref in related if not any(_same(ref, metric) for metric in alarmed)]
        most, period_s = self._settings.max_metrics, self._settings.metric_period_s
        if len(others) > most:
            detail = f"{len(others)} metrics have the dimensions {dimensions}; {most} of them are read"
            self._inquiry.gap("metric", self._source.name, "not_supported", detail)
        asked = [*alarmed, *(ref.model_copy(update={"period_s": period_s}) for ref in others[:most])]
        asked += self._below_metrics()
        if not asked:
            raise SourceFailed("no_data", f"no metric has the dimensions {dimensions}")
        start = self._signal.fired_at - timedelta(seconds=self._settings.baseline_s)
        return self._source.read(asked, start, self._inquiry.look.now)

    def onset(self, series: Sequence[Series]) -> datetime:
        """Known from an earlier round, or found in the alarm's own metric; notes earlier trouble on the way."""
        known, metric, fired_at = self._inquiry.look.onset, self._signal.metric, self._signal.fired_at
        if metric is None:
            return known or fired_at
        guard = known or fired_at - timedelta(seconds=metric.period_s)
        alarmed = next((s for s in series if _same(s.metric, metric)), None)
        if alarmed is None:
            return guard
        before = [point for point in alarmed.points if point[0] < guard]
        self._troubled = troubled(before, metric.threshold, metric.comparison)
        return known or find_onset(alarmed.points, fired_at, guard, self._troubled)

    def baseline_window(self, onset: datetime) -> Window | None:
        if self._inquiry.look.baseline is not None:
            return self._inquiry.look.baseline
        guard = timedelta(seconds=self._settings.metric_period_s)
        start = self._signal.fired_at - timedelta(seconds=self._settings.baseline_s)
        return Window(start=min(start, onset - guard), end=onset - guard)

    def evidence(self, series: Sequence[Series], onset: datetime) -> Found:
        baseline = self.baseline_window(onset)
        start = self._inquiry.look.since or onset
        found = Found("metric", self._source.name, window=Window(start=start, end=self._inquiry.look.now))
        for one in series:
            before = [(at, v) for at, v in one.points if baseline and baseline.start <= at <= baseline.end]
            healthy = calm(before, self._troubled)
            fresh = [(at, v) for at, v in one.points if at >= start]
            is_alarm = one.metric in self._alarmed
            content = MetricContent(
                namespace=one.metric.namespace,
                name=one.metric.name,
                statistic=one.metric.statistic,
                period_s=one.metric.period_s,
                dimensions=one.metric.dimensions,
                is_alarm_metric=is_alarm,
                component=self._neighbours.get(_watched(one.metric)) or _component(one.metric, self._signal),
                baseline=summarise(healthy),
                points=fresh[-POINTS[is_alarm] :],
                threshold=one.metric.threshold if is_alarm else None,
                comparison=one.metric.comparison if is_alarm else None,
            )
            if not fresh:
                detail = f"{content.name} {content.dimensions} has no point since {format_time(start)}"
                self._inquiry.gap("metric", found.source, "no_data", detail)
                continue
            found.contents.append((content, one.query, _say(content)))
        return found

    def _below_metrics(self) -> list[MetricRef]:
        """What of the call graph is compared with the alarm's metric; notes whose it is."""
        alarmed, below = self._alarmed, self._inquiry.below
        found = below.metrics(alarmed[0] if alarmed else None, self._source, self._settings.max_neighbour_metrics)
        found = [(node, ref) for node, ref in found if not any(_same(ref, metric) for metric in alarmed)]
        read = below.read()
        own = read.topology.alarm_node if read else None
        self._neighbours |= {_watched(ref): node for node, ref in found if node != own}
        return [ref for _, ref in found]


def alarmed(case: IncidentCase, signal: Signal, period_s: int) -> list[MetricRef]:
    """Metrics of the round's own signal and of all that fire, each to be read at a period that its threshold fits.

    A sum depends on its period; any other statistic may be read finer than the alarm does, for more points.
    """
    firing = [s.signal.metric for s in case.signals.values() if s.is_firing]
    metrics = [metric for metric in (signal.metric, *firing) if metric is not None]
    scaled = [
        metric
        if metric.statistic in ("Sum", "SampleCount")
        else metric.model_copy(update={"period_s": min(period_s, metric.period_s)})
        for metric in metrics
    ]
    return [metric for number, metric in enumerate(scaled) if metric not in scaled[:number]]


def neighbours(case: IncidentCase) -> dict[str, str]:
    """Whose the metrics are that alarms of other services watch, which belong to this incident too."""
    own = case.own_signals
    others = [s.signal for s in case.signals.values() if s not in own]
    return {_watched(s.metric): s.resource.service or s.resource.name for s in others if s.metric is not None}


def _watched(metric: MetricRef) -> str:
    return f"{metric.namespace} {metric.name} {sorted(metric.dimensions.items())}"


def _same(one: MetricRef, other: MetricRef) -> bool:
    return (one.namespace, one.name, one.dimensions) == (other.namespace, other.name, other.dimensions)


def _component(metric: MetricRef, signal: Signal) -> str:
    """Who owns the metric: the dimension that it has beyond the alarm's own, else the service."""
    own = signal.metric.dimensions if signal.metric else {}
    extra = [value for key, value in sorted(metric.dimensions.items()) if key not in own]
    if signal.metric is None and signal.resource.service:
        extra = [value for value in extra if value != signal.resource.service]
    return extra[0] if extra else (signal.resource.service or signal.resource.name)


def _say(content: MetricContent) -> str:
    last = content.points[-1][1]
    base = f"healthy median {content.baseline.median:g}" if content.baseline else "no healthy baseline"
    return f"{content.name} of {content.component}: now {last:g}, {base}"
