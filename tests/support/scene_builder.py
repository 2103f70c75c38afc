"""Builds evidence for the reasoner's tests: services with hosts, series with noise from a fixed seed, changes, logs."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.event import Value
from resilibot.contracts.evidence import (
    Baseline,
    ChangeContent,
    EvidenceGap,
    EvidenceItem,
    LogContent,
    LogPattern,
    MetricContent,
    StatusContent,
    Window,
)
from resilibot.runtime.testing import NOON

FRESH = 8  # points since the onset


def item(kind: str, number: int, content: Value, *, source: str = "test", round_number: int = 1) -> EvidenceItem:
    """The `number`th item of its kind in a round, intact."""
    plain = content.model_dump(mode="json")
    return EvidenceItem.model_validate(
        {
            "id": f"r{round_number}.{kind}.{number}",
            "kind": kind,
            "summary": kind,
            "source": source,
            "query": {},
            "content": plain,
            "content_hash": content_hash(plain),
        }
    )


@dataclass
class World:
    """A service of `hosts`; every value healthy until a test says otherwise. Values are (healthy, now) means."""

    hosts: Sequence[str] = ("i-00000000000000001", "i-00000000000000002")
    service: str = "orders"
    seed: int = 7
    errors: dict[str, float] = field(default_factory=dict)  # by component, percent now
    latency: dict[str, float] = field(default_factory=dict)  # by component, ms now
    traffic: float = 20.0
    silent: Sequence[str] = ()
    release_lead_s: float | None = None  # seconds from the release to the onset
    error_lines: Sequence[tuple[str, str | None]] = ()  # (template, component)
    has_metrics: bool = True
    has_status: bool = True
    has_changes: bool = True
    alarm: str = "errors"
    spiky: bool = False  # the alarm watches a queue that is spiky by nature

    def gathered(self, round_number: int = 1, purpose: str = "diagnose", fresh: int = FRESH) -> e.EvidenceGatheredV1:
        rng = random.Random(self.seed)
        items: list[EvidenceItem] = []
        gaps: list[EvidenceGap] = []

        def add(kind: str, content: Any, source: str) -> None:
            number = sum(one.kind == kind for one in items) + 1
            items.append(item(kind, number, content, source=source, round_number=round_number))

        if self.has_metrics:
            for metric in self._metrics(rng, fresh):
                add("metric", metric, "cloudwatch")
        else:
            gaps.append(_gap("metric", "no_data"))
        add("log", self._logs(), "logs")
        if self.has_status:
            for host in self.hosts:
                is_up = host not in self.silent
                state = "active" if is_up else "no_answer"
                add("status", StatusContent(component=host, kind="unit", state=state, responds=is_up, detail={}), "ssm")
        else:
            gaps.append(_gap("status", "timeout"))
        if self.has_changes and self.release_lead_s is not None:
            add("change", self._release(), "parameter-store")
        elif not self.has_changes:
            gaps.append(_gap("change", "no_permission"))
        return e.EvidenceGatheredV1.model_validate(
            {
                "round": round_number,
                "purpose": purpose,
                "onset": NOON,
                "window": Window(start=NOON, end=NOON + timedelta(seconds=fresh)),
                "baseline": Window(start=NOON - timedelta(seconds=120), end=NOON),
                "items": items,
                "gaps": gaps,
            }
        )

    def _metrics(self, rng: random.Random, fresh: int) -> list[MetricContent]:
        found = []
        for component in (self.service, *self.hosts):
            is_service = component == self.service
            share = 1.0 if is_service else 1 / len(self.hosts)
            prefix = "" if is_service else "Host"
            errors, latency = self.errors.get(component, 0.0), self.latency.get(component, 10.0)
            found += [
                self._metric(rng, f"{prefix}ErrorRate", component, 0.0, errors, 0.0, fresh),
                self._metric(rng, f"{prefix}LatencyMs", component, 10.0, latency, 1.0, fresh),
                self._metric(rng, f"{prefix}Requests", component, 20 * share, self.traffic * share, 0.5, fresh),
            ]
        if self.spiky:
            found.append(self._spiky(rng, fresh))
        return found

    def _metric(
        self, rng: random.Random, name: str, component: str, healthy: float, now: float, noise: float, fresh: int
    ) -> MetricContent:
        before = [max(0.0, rng.gauss(healthy, noise)) for _ in range(60)]
        after = [max(0.0, rng.gauss(now, noise)) for _ in range(fresh)]
        wanted = {"errors": "ErrorRate", "latency": "LatencyMs"}.get(self.alarm)
        return self._content(name, component, before, after, is_alarm=component == self.service and name == wanted)

    def _spiky(self, rng: random.Random, fresh: int) -> MetricContent:
        def value() -> float:
            return rng.choice([1.0, 1.0, 1.0, 2.0, 9.0])

        before = [value() for _ in range(60)]
        after = [value() for _ in range(fresh - 1)] + [9.0]
        return self._content("QueueDepth", self.service, before, after, is_alarm=self.alarm == "queue")

    def _content(
        self, name: str, component: str, before: list[float], after: list[float], is_alarm: bool
    ) -> MetricContent:
        ordered = sorted(before)
        middle = ordered[len(ordered) // 2]
        mad = sorted(abs(v - middle) for v in before)[len(before) // 2]
        return MetricContent(
            namespace="Web",
            name=name,
            statistic="Average",
            period_s=1,
            dimensions={"Service": self.service, **({} if component == self.service else {"Host": component})},
            is_alarm_metric=is_alarm,
            component=component,
            baseline=Baseline(median=middle, mad=mad, low=ordered[0], high=ordered[-1], count=len(before)),
            points=[(NOON + timedelta(seconds=i), v) for i, v in enumerate(after)],
            threshold=5.0 if is_alarm else None,
            comparison="GreaterThanThreshold" if is_alarm else None,
        )

    def _logs(self) -> LogContent:
        patterns = [
            LogPattern(
                template=template,
                level="ERROR",
                count=30,
                baseline_count=0,
                component=component,
                first_at=NOON,
                sample=template,
            )
            for template, component in self.error_lines
        ]
        return LogContent(group="/web", lines=40, baseline_lines=40, truncated=False, patterns=patterns)

    def _release(self) -> ChangeContent:
        at = NOON - timedelta(seconds=self.release_lead_s or 0)
        return ChangeContent(what=f"release of {self.service}", at=at, by="ci", before="7", after="8")


def _gap(kind: str, reason: str) -> EvidenceGap:
    return EvidenceGap.model_validate({"kind": kind, "source": kind, "reason": reason, "detail": "test"})
