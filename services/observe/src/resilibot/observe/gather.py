"""gather: ask every source at once, each within its deadline; what fails becomes a gap, never silence."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.event import format_time
from resilibot.contracts.evidence import EvidenceGap, EvidenceItem, EvidenceKind, MetricContent, Window
from resilibot.contracts.signal import MetricRef, Signal
from resilibot.observe.baseline import calm, summarise, troubled
from resilibot.observe.baseline import onset as find_onset
from resilibot.observe.below import Below
from resilibot.observe.itemise import Found, itemise
from resilibot.observe.patterns import mine
from resilibot.observe.ports import Ports, Reason, Series, SourceFailed
from resilibot.observe.rounds import Look, metric_signal, next_look
from resilibot.observe.runbook_search import cited
from resilibot.runtime.personal import KeysUnavailable
from resilibot.runtime.service import Decision, Trigger

log = logging.getLogger(__name__)

POINTS = {True: 120, False: 30}  # points kept of the alarm's own metric, and of any other
LINE_CHARS = 20_000  # of a log line that are read; what is kept of it is far shorter
RUN_UP_S = 60  # log lines before the onset, to compare with


@dataclass(frozen=True)
class Gathered:
    """The facts of one round; None when no round is due."""

    look: Look
    onset: datetime
    window: Window
    baseline: Window | None
    items: list[EvidenceItem]
    gaps: list[EvidenceGap]


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> Gathered | None:
    """The slow half: reads the world. Which look is due is decided again in decide()."""
    look = next_look(case, trigger, ports.settings.max_rounds)
    signal = metric_signal(case)
    if look is None or signal is None:
        return None
    return _Round(case, look, signal, ports).run()


def decide(case: IncidentCase, trigger: Trigger, facts: Gathered | None) -> Decision:
    """Record the round, unless another one was recorded or an action began while we looked."""
    if facts is None or case.is_over or case.round != facts.look.round - 1:
        return []
    if facts.look.purpose == "verify" and any(a.state == "running" for a in case.actions.values()):
        return []
    return [
        e.EvidenceGatheredV1(
            round=facts.look.round,
            purpose=facts.look.purpose,
            onset=facts.onset,
            window=facts.window,
            baseline=facts.baseline,
            items=facts.items,
            gaps=facts.gaps,
        )
    ]


class _Round:
    """One look at the world."""

    def __init__(self, case: IncidentCase, look: Look, signal: Signal, ports: Ports) -> None:
        self._case = case
        self._look = look
        self._signal = signal
        self._ports = ports
        self._settings = ports.settings
        self._gaps: list[EvidenceGap] = []
        self._alarmed = _alarmed(case, signal, ports.settings.metric_period_s)
        self._neighbours = _neighbours(case)
        self._service = signal.resource.service or ""
        self._troubled: list[tuple[datetime, datetime]] = []
        self._below = Below(ports.topology, signal.resource)
        self._redactor = ports.redactor(case.fingerprint)

    def run(self) -> Gathered:
        self._deadline = time.monotonic() + self._settings.source_deadline_s  # one for all: they are asked at once
        pool = ThreadPoolExecutor(max_workers=8)
        try:  # metrics tell the onset; the rest need not wait for it
            metrics = pool.submit(self._metrics)
            asked = [(kind, source, pool.submit(ask)) for kind, source, ask in self._slow_sources()]
            series = self._result("metric", self._ports.metrics.name, metrics) or []
            onset = self._onset(series)
            asked.append(("log", self._ports.logs.name, pool.submit(self._logs, onset)))
            found = [self._metric_evidence(series, onset), *self._below.evidence()]
            found += [f for kind, source, future in asked if (f := self._result(kind, source, future)) is not None]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # a source past its deadline is not waited for
        start = self._look.since or onset
        for gap in self._below.gaps:
            self._gap(*gap)
        items, gaps = itemise(found, self._gaps, self._look.round, self._ports.blobs, self._redactor)
        return Gathered(
            look=self._look,
            onset=onset,
            window=Window(start=min(start, self._look.now), end=self._look.now),
            baseline=self._baseline_window(onset),
            items=items,
            gaps=gaps,
        )

    def _slow_sources(self) -> list[tuple[EvidenceKind, str, Callable[[], Found]]]:
        ports = self._ports
        sources: list[tuple[EvidenceKind, str, Callable[[], Found]]] = [("status", ports.hosts.name, self._status)]
        if self._look.purpose == "diagnose":  # changes and runbooks do not tell whether it works again
            for source in ports.changes:
                sources.append(("change", source.name, lambda source=source: self._changes(source)))  # type: ignore[misc]
            sources.append(("runbook", ports.runbooks.name, self._runbook))
        return sources

    def _result(self, kind: EvidenceKind, source: str, future: "Future[Any]") -> Any:
        try:
            return future.result(max(0, self._deadline - time.monotonic()))
        except SourceFailed as failed:
            self._gap(kind, source, failed.reason, failed.detail)
        except FutureTimeout:
            self._gap(kind, source, "timeout", f"no answer within {self._settings.source_deadline_s:g} s")
        return None

    def _gap(self, kind: EvidenceKind, source: str, reason: Reason, detail: str) -> None:
        self._gaps.append(EvidenceGap(kind=kind, source=source, reason=reason, detail=detail[:1000]))

    def _metrics(self) -> list[Series]:
        alarmed = self._alarmed
        if not alarmed and not self._service:
            raise SourceFailed("not_configured", f"signal {self._signal.name} names neither a metric nor a service")
        namespace = alarmed[0].namespace if alarmed else None
        dimensions = alarmed[0].dimensions if alarmed else {self._settings.service_dimension: self._service}
        related = self._ports.metrics.related(namespace, dimensions) if dimensions else []
        others = [ref for ref in related if not any(_same(ref, metric) for metric in alarmed)]
        most, period_s = self._settings.max_metrics, self._settings.metric_period_s
        if len(others) > most:
            detail = f"{len(others)} metrics have the dimensions {dimensions}; {most} of them are read"
            self._gap("metric", self._ports.metrics.name, "not_supported", detail)
        asked = [*alarmed, *(ref.model_copy(update={"period_s": period_s}) for ref in others[:most])]
        asked += self._below_metrics()
        if not asked:
            raise SourceFailed("no_data", f"no metric has the dimensions {dimensions}")
        start = self._signal.fired_at - timedelta(seconds=self._settings.baseline_s)
        return self._ports.metrics.read(asked, start, self._look.now)

    def _below_metrics(self) -> list[MetricRef]:
        """What of the call graph is compared with the alarm's metric; notes whose it is."""
        alarmed, below = self._alarmed, self._below
        most = self._settings.max_neighbour_metrics
        found = below.metrics(alarmed[0] if alarmed else None, self._ports.metrics, most)
        found = [(node, ref) for node, ref in found if not any(_same(ref, metric) for metric in alarmed)]
        own = below.read.topology.alarm_node if below.read else None
        self._neighbours |= {_watched(ref): node for node, ref in found if node != own}
        return [ref for _, ref in found]

    def _onset(self, series: Sequence[Series]) -> datetime:
        """Known from an earlier round, or found in the alarm's own metric; notes earlier trouble on the way."""
        known, metric, fired_at = self._look.onset, self._signal.metric, self._signal.fired_at
        if metric is None:
            return known or fired_at
        guard = known or fired_at - timedelta(seconds=metric.period_s)
        alarmed = next((s for s in series if _same(s.metric, metric)), None)
        if alarmed is None:
            return guard
        before = [point for point in alarmed.points if point[0] < guard]
        self._troubled = troubled(before, metric.threshold, metric.comparison)
        return known or find_onset(alarmed.points, fired_at, guard, self._troubled)

    def _baseline_window(self, onset: datetime) -> Window | None:
        if self._look.baseline is not None:
            return self._look.baseline
        guard = timedelta(seconds=self._settings.metric_period_s)
        start = self._signal.fired_at - timedelta(seconds=self._settings.baseline_s)
        return Window(start=min(start, onset - guard), end=onset - guard)

    def _metric_evidence(self, series: Sequence[Series], onset: datetime) -> Found:
        baseline = self._baseline_window(onset)
        start = self._look.since or onset
        found = Found("metric", self._ports.metrics.name, window=Window(start=start, end=self._look.now))
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
                self._gap("metric", found.source, "no_data", detail)
                continue
            found.contents.append((content, one.query, _say_metric(content)))
        return found

    def _logs(self, onset: datetime) -> Found:
        if not self._service:
            raise SourceFailed("not_configured", "the signal names no service, so no log group")
        group = self._settings.log_group.format(service=self._service)
        fresh = self._look.since or onset
        start = fresh - timedelta(seconds=RUN_UP_S)
        read = self._ports.logs.read(group, start, self._look.now, self._settings.log_lines)
        lines = tuple(replace(line, message=self._redactor.text(line.message[:LINE_CHARS])) for line in read.lines)
        content = mine(replace(read, lines=lines), group, fresh, start, self._look.now)
        errors = sum(p.count for p in content.patterns if p.level == "ERROR")
        summary = (
            f"{group}: {content.lines} lines, {len(content.patterns)} new or surging patterns, {errors} errors in them"
        )
        return Found(
            "log", self._ports.logs.name, [(content, read.query, summary)], Window(start=start, end=self._look.now)
        )

    def _status(self) -> Found:
        if not self._service:
            raise SourceFailed("not_configured", "the signal names no service, so no host can be asked")
        unit = self._settings.unit.format(service=self._service)
        reads = self._ports.hosts.status(self._service, unit)
        found = Found("status", self._ports.hosts.name)
        for read in reads:
            word = {True: "answers", False: "does not answer", None: "gave no report"}[read.status.responds]
            if read.status.responds is None:
                self._gap("status", found.source, "no_data", f"{read.status.component}: {unit} gave no health report")
            found.contents.append(
                (read.status, read.query, f"{read.status.component} is {read.status.state} and {word}")
            )
        return found

    def _changes(self, source: Any) -> Found:
        if not self._service:
            raise SourceFailed("not_configured", "the signal names no service, so no change record")
        end = self._look.now
        start = self._signal.fired_at - timedelta(seconds=self._settings.change_window_s)
        found = Found("change", source.name, window=Window(start=start, end=end))
        reads = source.changes(self._service, start, end)
        makers = {name: self._identity(name) for name in {read.change.by for read in reads}}
        for read in reads:
            change = read.change.model_copy(update={"by": makers[read.change.by]})
            summary = f"{change.what}: {change.before} -> {change.after} at {format_time(change.at)} by {change.by}"
            found.contents.append((change, read.query, summary))
        return found

    def _identity(self, name: str | None) -> str | None:
        """Who made a change, sealed before it is hashed; left out if that fails: what changed matters more than who."""
        try:
            return self._ports.identity(name) if name else None
        except KeysUnavailable as error:
            log.warning("who made a change is left out: %s", error)
            return None

    def _runbook(self) -> Found:
        found = Found("runbook", self._ports.runbooks.name)
        query = f"{self._signal.name} {self._signal.title} {self._signal.reason} {self._service}"
        ranking = self._ports.library.rank(query, self._ports.runbooks.all())
        if ranking.words_alone and self._ports.library.has_encoder:
            self._gap("runbook", found.source, "not_configured", f"runbooks were searched {ranking.manner}")
        if ranking.unreadable:
            self._gap("runbook", found.source, "not_supported", "; ".join(ranking.unreadable))
        if ranking.best is None:
            raise SourceFailed("no_data", f"no runbook fits this signal, searched {ranking.manner}")
        content = cited(ranking.best, query)
        summary = f"runbook {content.title}, found {ranking.manner}"
        found.contents.append((content, ranking.best.runbook.query, summary))
        return found


def _alarmed(case: IncidentCase, signal: Signal, period_s: int) -> list[MetricRef]:
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


def _neighbours(case: IncidentCase) -> dict[str, str]:
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


def _say_metric(content: MetricContent) -> str:
    last = content.points[-1][1]
    base = f"healthy median {content.baseline.median:g}" if content.baseline else "no healthy baseline"
    return f"{content.name} of {content.component}: now {last:g}, {base}"
