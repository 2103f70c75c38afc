"""What the act tests need: an incident with evidence, and a fake provider that counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from resilibot.act.catalogue import Arguments, HostFact
from resilibot.act.policy import DEFAULT, Policy
from resilibot.act.ports import DispatchRefused, DispatchUndecided, Execution, Ports
from resilibot.act.settings import ActSettings
from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.evidence import ChangeContent, Citation, EvidenceItem, StatusContent, Window
from resilibot.contracts.signal import MetricRef, ResourceRef, Severity, Signal
from resilibot.runtime.testing import NOON

KEY = b"only act reads this"
A, B = "i-00000000000000001", "i-00000000000000002"
UNIT = "orders.service"
RESOURCE = ResourceRef(account="1", region="eu-west-1", service="orders", name="Web Service=orders")


def opened() -> e.IncidentOpenedV1:
    signal = Signal(
        source="cloudwatch",
        source_id="m1",
        name="orders-failures",
        state="ALARM",
        title="orders-failures is in ALARM",
        resource=RESOURCE,
        metric=MetricRef(
            namespace="Web", name="Failures", statistic="Average", period_s=60, dimensions={"Service": "orders"}
        ),
        fired_at=NOON,
        severity=Severity.HIGH,
        severity_rule="test",
    )
    return e.IncidentOpenedV1(
        title=signal.title,
        severity=Severity.HIGH,
        severity_rule="test",
        source="cloudwatch",
        resource=RESOURCE,
        fingerprint="f1",
        signal=signal,
    )


def status(host: str, responds: bool, number: int) -> EvidenceItem:
    content = StatusContent(component=host, kind="unit", state="active", responds=responds, detail={}).model_dump(
        mode="json"
    )
    return EvidenceItem(
        id=f"r1.status.{number}",
        kind="status",
        summary=host,
        source="ssm",
        query={},
        content=content,
        content_hash=content_hash(content),
    )


def change(before: str, after: str) -> EvidenceItem:
    content = ChangeContent(what="release of orders", at=NOON, by="ci", before=before, after=after).model_dump(
        mode="json"
    )
    return EvidenceItem(
        id="r1.change.1",
        kind="change",
        summary="release",
        source="parameter-store",
        query={},
        content=content,
        content_hash=content_hash(content),
    )


def gathered(**responds: bool) -> e.EvidenceGatheredV1:
    """Evidence of hosts A and B, and of release 8 after 7; `a`, `b`: whether they answer (A does not, B does)."""
    items = [status(A, responds.get("a", False), 1), status(B, responds.get("b", True), 2), change("7", "8")]
    return e.EvidenceGatheredV1(
        round=1,
        purpose="diagnose",
        onset=NOON,
        window=Window(start=NOON, end=NOON + timedelta(seconds=10)),
        baseline=None,
        items=items,
        gaps=[],
    )


def cite(evidence: e.EvidenceGatheredV1) -> list[Citation]:
    return [Citation(evidence_id=i.id, content_hash=i.content_hash) for i in evidence.items]


def restart(**changes: object) -> e.PlanStep:
    step = e.PlanStep(
        id="s1",
        action="ssm.restart_service",
        target=f"host/{A}",
        arguments={"instance_ids": [A], "unit": UNIT},
        expected_effect="it answers again",
        verification="health check",
        rollback="none",
        hypothesis_id="h1",
        citations=cite(gathered()),
    )
    return step.model_copy(update=changes)


def rollback(**changes: object) -> e.PlanStep:
    base: dict[str, object] = {
        "action": "ssm.rollback_release",
        "target": "service/orders",
        "arguments": {"instance_ids": [A, B], "unit": UNIT, "release": "7"},
    }
    return restart(**(base | changes))


def plan(step: e.PlanStep, confidence: float = 0.9) -> e.PlanProposedV1:
    return e.PlanProposedV1(round=1, steps=[step], confidence=confidence)


@dataclass
class FakeAutomation:
    """Starts once per token. `answers` scripts start(): ok, refused, lost (it ran, the answer was lost), down."""

    answers: list[str] = field(default_factory=lambda: ["ok"])
    states: list[str] = field(default_factory=lambda: ["running", "succeeded"])
    name: str = "ssm"
    started: dict[str, Arguments] = field(default_factory=dict)
    calls: int = 0
    not_after: datetime | None = None

    def start(self, document: str, version: str, arguments: Arguments, client_token: str, not_after: datetime) -> str:
        self.calls += 1
        self.not_after = not_after
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "refused":
            raise DispatchRefused("no such document")
        if answer == "down":
            raise DispatchUndecided("no answer")
        self.started.setdefault(client_token, arguments)
        if answer == "lost":
            raise DispatchUndecided("the answer was lost")
        return f"exec-{client_token[:8]}"

    def read(self, provider_id: str) -> Execution:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return Execution(provider_id, state, f"now {state}")  # type: ignore[arg-type]


@dataclass
class FakeHosts:
    online: Sequence[str] = (A, B)
    is_down: bool = False

    def of_service(self, service: str) -> Sequence[HostFact]:
        if self.is_down:
            raise DispatchUndecided("throttled")
        return [HostFact(host, host in self.online, None) for host in (A, B)]


def ports(
    automation: FakeAutomation | None = None,
    hosts: FakeHosts | None = None,
    policy: Policy = DEFAULT,
    units: tuple[str, ...] = (UNIT,),
) -> Ports:
    settings = ActSettings(allowed_units=units)
    return Ports(settings, policy, lambda: KEY, automation or FakeAutomation(), hosts or FakeHosts(), lambda s: None)
