"""told: logs, states and metrics as evidence of one round, and the verdict on it."""

from datetime import timedelta
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import (
    EvidenceItem,
    LogContent,
    LogPattern,
    MetricContent,
    StatusContent,
    Window,
)
from resilibot.contracts.signal import ResourceRef
from resilibot.reason.diagnose import diagnose
from resilibot.runtime.testing import NOON

SERVICE = "shop"


def log(*lines: tuple[str, str, str | None, float]) -> LogContent:
    """Lines of text, level, component, and minutes before the onset."""
    patterns = [
        LogPattern.model_validate(
            {
                "template": text,
                "level": level,
                "count": 1,
                "baseline_count": 0,
                "component": component,
                "first_at": NOON - timedelta(minutes=before),
                "sample": text,
            }
        )
        for text, level, component, before in lines
    ]
    return LogContent(group="events", lines=len(lines), baseline_lines=0, truncated=False, patterns=patterns)


def pod(name: str, *, ready: bool = True, leaving: bool = False, **state: Any) -> StatusContent:
    detail: dict[str, Any] = {
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containers": [{"name": "app", "ready": ready, "restart_count": 0, "state": state}],
    }
    detail |= {"deletion_timestamp": "2026-01-01T00:00:00Z"} if leaving else {}
    return StatusContent(component=name, kind="pod", state="Running", responds=None, detail=detail)


def database(statement: str, *waits: str, user: str = "app") -> StatusContent:
    events = [{"name": wait, "db_load_avg": 9 - n} for n, wait in enumerate(waits)]
    detail = {"top_sql": [{"statement": statement, "wait_events": events}], "top_users": [{"name": user}]}
    return StatusContent(component=SERVICE, kind="database-load", state="", responds=None, detail=detail)


def metric(name: str, first: float, last: float, component: str = SERVICE) -> MetricContent:
    values = [first, *[last] * 9]
    return MetricContent(
        namespace="db",
        name=name,
        statistic="Average",
        period_s=60,
        dimensions={},
        is_alarm_metric=False,
        component=component,
        baseline=None,
        points=[(NOON + timedelta(minutes=n), value) for n, value in enumerate(values)],
    )


def verdict(*contents: Any) -> e.DiagnosisReachedV1:
    kinds = {LogContent: "log", StatusContent: "status", MetricContent: "metric"}
    items = []
    for number, content in enumerate(contents, start=1):
        kind, plain = kinds[type(content)], content.model_dump(mode="json")
        told = {"id": f"r1.{kind}.{number}", "kind": kind, "summary": kind, "source": "test", "query": {}}
        items.append(EvidenceItem.model_validate({**told, "content": plain, "content_hash": content_hash(plain)}))
    gathered = e.EvidenceGatheredV1(
        round=1,
        purpose="diagnose",
        onset=NOON,
        window=Window(start=NOON, end=NOON + timedelta(minutes=9)),
        baseline=None,
        items=items,
        gaps=[],
    )
    resource = ResourceRef(account="1", region="eu-west-1", service=SERVICE, name=SERVICE)
    return diagnose(IncidentCase(incident_id="i1", version=1, resource=resource), gathered)


def leading(diagnosis: e.DiagnosisReachedV1) -> tuple[str, str | None]:
    return next(((h.cause, h.category) for h in diagnosis.hypotheses if h.verdict == "leading"), ("nobody", None))
