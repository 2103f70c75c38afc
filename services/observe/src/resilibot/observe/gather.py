"""gather: ask every source at once, each within its deadline; what fails becomes a gap, never silence."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import EvidenceGap, EvidenceItem, EvidenceKind, Window
from resilibot.observe.change_evidence import changes, resource_changes
from resilibot.observe.inquiry import Inquiry
from resilibot.observe.itemise import Found, itemise
from resilibot.observe.log_evidence import log_patterns
from resilibot.observe.metric_evidence import MetricEvidence
from resilibot.observe.odd import readable
from resilibot.observe.past import compared, read_past
from resilibot.observe.ports import Ports, SourceFailed
from resilibot.observe.rounds import Look, metric_signal, next_look
from resilibot.observe.runbook_evidence import runbook
from resilibot.observe.status_evidence import host_status, states
from resilibot.runtime.service import Decision, Trigger

Ask = tuple[EvidenceKind, str, Callable[[], Found]]  # kind, the source's name, and how to ask it


@dataclass(frozen=True)
class Gathered:
    """The facts of one round; None when no round is due."""

    look: Look
    onset: datetime
    window: Window
    baseline: Window | None
    items: list[EvidenceItem]
    gaps: list[EvidenceGap]
    answered: list[EvidenceKind]


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> Gathered | None:
    """The slow half: reads the world. Which look is due is decided again in decide()."""
    look = next_look(case, trigger, ports.settings.max_rounds)
    signal = metric_signal(case)
    if look is None or signal is None:
        return None
    return _Round(Inquiry(case, look, signal, ports)).run()


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
            answered=facts.answered,
        )
    ]


class _Round:
    """One look at the world: all sources at once, before one deadline."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry
        self._metrics = MetricEvidence(inquiry)
        self._deadline = time.monotonic() + inquiry.settings.source_deadline_s

    def run(self) -> Gathered:
        inquiry, ports = self._inquiry, self._inquiry.ports
        pool = ThreadPoolExecutor(max_workers=24)
        try:  # metrics tell the onset; the rest need not wait for it, and logs for half of the time only
            metrics = pool.submit(self._metrics.read)
            asked = [(kind, source, pool.submit(ask)) for kind, source, ask in _asks(inquiry)]
            logs = None
            if not wait([metrics], inquiry.settings.source_deadline_s / 2).done:
                logs = pool.submit(log_patterns, inquiry, self._metrics.onset([]))
            series = self._result("metric", ports.metrics.name, metrics) or []
            onset = self._metrics.onset(series)
            asked.append(("log", ports.logs.name, logs or pool.submit(log_patterns, inquiry, onset)))
            found = [self._metrics.evidence(series, onset)]
            found += [f for kind, source, future in asked if (f := self._result(kind, source, future)) is not None]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # a source past its deadline is not waited for
        found, unread = compared(found, inquiry.case)
        inquiry.gaps += unread
        for gap in inquiry.below.gaps:
            inquiry.gap(*gap)
        look = inquiry.look
        items, gaps = itemise([*found, *inquiry.beside], inquiry.gaps, look.round, ports.blobs, inquiry.redactor)
        return Gathered(
            look=look,
            onset=onset,
            window=Window(start=min(look.since or onset, look.now), end=look.now),
            baseline=self._metrics.baseline_window(onset),
            items=items,
            gaps=gaps,
            answered=sorted({one.kind for one in found if one.is_answer and one.kind != "metric"}),
        )

    def _result(self, kind: EvidenceKind, source: str, future: "Future[Any]") -> Any:
        try:
            with readable(source):
                return self._in_time(future)
        except SourceFailed as failed:
            self._inquiry.gap(kind, source, failed.reason, failed.detail)
        return None

    def _in_time(self, future: "Future[Any]") -> Any:
        try:
            return future.result(max(0, self._deadline - time.monotonic()))
        except FutureTimeout as late:
            detail = f"no answer within {self._inquiry.settings.source_deadline_s:g} s"
            raise SourceFailed("timeout", detail) from late


def _asks(inquiry: Inquiry) -> list[Ask]:
    """What is asked beside metrics and logs. Changes, runbooks and the past do not tell whether it works again."""
    ports = inquiry.ports
    asks: list[Ask] = [("status", ports.hosts.name, partial(host_status, inquiry))]
    asks += [("status", source.name, partial(states, inquiry, source)) for source in ports.states]
    if ports.topology is not None:
        asks.append(("topology", ports.topology.name, inquiry.below.evidence))
    if inquiry.look.purpose == "diagnose":
        asks += [("change", source.name, partial(changes, inquiry, source)) for source in ports.changes]
        asks += [("change", s.name, partial(resource_changes, inquiry, s)) for s in ports.resource_changes]
        asks.append(("runbook", ports.runbooks.name, partial(runbook, inquiry)))
        if ports.incidents is not None:
            asks.append(("similar_incident", ports.incidents.name, partial(read_past, ports.incidents, inquiry.case)))
    return asks
