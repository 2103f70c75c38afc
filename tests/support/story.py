"""One complete incident as a log, every event type at least once: for examples and golden tests."""

from datetime import UTC, datetime, timedelta

from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.envelope import Actor, Envelope, Producer, RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.evidence import Citation, EvidenceGap, EvidenceItem, Finding, Window
from resilibot.contracts.matching import SilenceMatcher
from resilibot.contracts.signal import MetricRef, RawRef, ResourceRef, Severity, Signal

INCIDENT = "01JD9Z3K6Q8V7W2X4Y5Z6A7B8C"
FINGERPRINT = "5b1d7c0a9e3f4a26"
SILENCE = "01JD9Z3K6Q8V7W2X4Y5Z6A7B9S"
NEIGHBOUR = "0c8e5f3d2b1a4f67"
OTHER = "01JD9Z3K6Q8V7W2X4Y5Z6A7B8D"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


RESOURCE = ResourceRef(account="000000000000", region="us-east-1", service="orders", name="Web Service=orders")
METRIC = MetricRef(
    namespace="Web",
    name="Failures",
    statistic="Average",
    period_s=60,
    dimensions={"Service": "orders"},
    threshold=10,
    comparison="GreaterThanOrEqualToThreshold",
)


def signal(name: str = "orders-failures", state: str = "ALARM", seconds: float = 0, source_id: str = "m-1") -> Signal:
    return Signal.model_validate(
        {
            "source": "cloudwatch",
            "source_id": source_id,
            "name": name,
            "state": state,
            "title": f"{name} is in {state}",
            "reason": "Threshold crossed: 1 datapoint (48.0) was greater than the threshold (10.0)",
            "resource": RESOURCE,
            "metric": METRIC,
            "fired_at": at(seconds),
            "severity": Severity.HIGH,
            "severity_rule": "cloudwatch-default",
        }
    )


CONTENT = {"what": "release of orders", "at": "2026-11-24T11:59:30.000000Z", "by": "ci", "before": "7", "after": "8"}
ITEM = EvidenceItem(
    id="r1.change.1",
    kind="change",
    summary="orders went from 7 to 8, 30 s before the onset",
    source="parameter-store",
    query={"operation": "GetParameterHistory", "Name": "/releases/orders"},
    window=Window(start=at(-3600), end=at(0)),
    content=CONTENT,
    content_hash=content_hash(CONTENT),
)
FRESH = ITEM.model_copy(update={"id": "r2.change.1"})
GAP = EvidenceGap(kind="log", source="logs", reason="timeout", detail="FilterLogEvents did not answer within 5 s")
CITED = Citation(evidence_id=ITEM.id, content_hash=ITEM.content_hash)
FINDING = Finding(text="a release came 30 s before the onset", citations=[CITED])
STEP = e.PlanStep(
    id="s1",
    action="ssm.rollback_release",
    target="service/orders",
    arguments={"instance_ids": ["i-1"], "unit": "orders.service"},
    expected_effect="orders runs release 7 again",
    verification="failures back within the healthy baseline",
    rollback="roll forward to release 8",
    hypothesis_id="h1",
    citations=[CITED],
)
ARGUMENTS_HASH = content_hash(STEP.arguments)
REASONER = e.Reasoner(name="deterministic", version="1")


def _diagnosis(round_number: int) -> e.DiagnosisReachedV1:
    hypothesis = e.Hypothesis(
        id="h1",
        cause="bad_release",
        component="orders",
        statement="release 8 broke orders",
        confidence=0.9,
        support=[FINDING],
        refutation=[],
        verdict="leading",
    )
    return e.DiagnosisReachedV1(
        round=round_number,
        outcome="conclusive",
        summary="release 8 broke orders",
        confidence=0.9,
        hypotheses=[hypothesis],
        findings=[FINDING],
        gaps=[GAP],
        reasoner=REASONER,
    )


def _requested(grant: str) -> e.ApprovalRequestedV1:
    return e.ApprovalRequestedV1(
        grant_id=grant,
        round=1,
        step=STEP,
        action_class="risky",
        arguments_hash=ARGUMENTS_HASH,
        policy_version="p1",
        evidence_revision=4,
        requested_by="act",
        expires_at=at(900),
    )


def _started(action: str, grant: str | None) -> e.ActionStartedV1:
    return e.ActionStartedV1(
        action_id=action,
        round=1,
        step_id=STEP.id,
        action=STEP.action,
        target=STEP.target,
        arguments=STEP.arguments,
        arguments_hash=ARGUMENTS_HASH,
        basis="grant" if grant else "policy",
        grant_id=grant,
        policy_version="p1",
        client_token="0d0c5a1e-5f5e-5b0e-8f6e-1c2d3e4f5a6b",
        not_after=at(600),
        lease_s=60,
    )


def _told(notification: str, about: str, attempt: int = 1) -> e.NotificationStartedV1:
    return e.NotificationStartedV1(
        notification_id=notification, channel="webhook", kind="opened", about=about, attempt=attempt, lease_s=30
    )


INCIDENT_EVENTS: list[DomainEvent] = [
    e.IncidentOpenedV1(
        title="orders-failures is in ALARM",
        severity=Severity.HIGH,
        severity_rule="cloudwatch-default",
        source="cloudwatch",
        resource=RESOURCE,
        fingerprint=FINGERPRINT,
        signal=signal(),
    ),
    _told("n1", "01JD9Z3K6QE000000000000001"),
    e.NotificationSentV1(notification_id="n1", remote_id="msg-1", status=202),
    e.EvidenceGatheredV1(
        round=1,
        purpose="diagnose",
        onset=at(-20),
        window=Window(start=at(-20), end=at(1)),
        baseline=Window(start=at(-3620), end=at(-50)),
        items=[ITEM],
        gaps=[GAP],
    ),
    e.SignalAttachedV1(signal=signal("orders-latency", source_id="m-2"), why="new_kind", occurrences=2),
    _diagnosis(1),
    e.PlanProposedV1(round=1, steps=[STEP], confidence=0.9),
    e.PlanGatedV1(
        round=1,
        policy_version="p1",
        gates=[
            e.StepGate(
                step_id="s1",
                decision="approval",
                action_class="risky",
                policy_ids=["risky-needs-a-person"],
                reasons=["the action is risky"],
            )
        ],
    ),
    _requested("g0"),
    e.ApprovalExpiredV1(grant_id="g0"),
    e.IncidentEscalatedV1(reason="approval_expired", detail="nobody answered within 15 minutes"),
    _told("n2", "01JD9Z3K6QE000000000000011"),
    e.NotificationFailedV1(notification_id="n2", reason="HTTP 503", is_final=False),
    _requested("g1"),
    e.ApprovalDeniedV1(grant_id="g1", arguments_hash=ARGUMENTS_HASH, approver="li@example.org", comment="not now"),
    _requested("g2"),
    e.ApprovalGrantedV1(grant_id="g2", arguments_hash=ARGUMENTS_HASH, approver="kim@example.org", mac="00" * 32),
    _started("a1", "g2"),
    e.ActionDispatchedV1(action_id="a1", provider="ssm", provider_id="exec-1"),
    e.ActionFailedV1(action_id="a1", reason="step 1 exited with 1", provider_id="exec-1"),
    _started("a2", None),
    e.ActionOutcomeUnknownV1(action_id="a2", reason="the token is older than 600 s"),
    _started("a3", None),
    e.ActionSucceededV1(action_id="a3", provider_id="exec-3", output="rolled back 8 -> 7"),
    e.SignalClearedV1(signal_name="orders-failures", cleared_at=at(80), reason="1 datapoint (0.0)"),
    e.NoRemedyFoundV1(round=2, reason="already_tried", detail="ssm.rollback_release was tried in round 1"),
    e.IncidentResolvedV1(
        round=2,
        summary="failures are back within the healthy baseline",
        findings=[
            Finding(text="0 failures", citations=[Citation(evidence_id=FRESH.id, content_hash=FRESH.content_hash)])
        ],
    ),
    e.PostmortemWrittenV1(
        ref=f"s3://resilibot-blobs/sha256/{'ab' * 32}", content_hash="ab" * 32, size_bytes=2048, covers_version=27
    ),
    e.IncidentReopenedV1(signal=signal(seconds=120, source_id="m-3"), quiet_for_s=30.0),
    e.IncidentClosedV1(why="person", comment="known issue, handled by hand"),
    e.ApprovalRevokedV1(grant_id="g0", reason="the policy changed since the approval was asked for"),
    e.FlappingDetectedV1(
        fingerprint=FINGERPRINT, signal_name="orders-failures", changes=6, within_s=600, policy_version="d1"
    ),
    e.FlappingEndedV1(fingerprint=FINGERPRINT, signal_name="orders-failures"),
    e.InvestigationQueuedV1(reason="5 investigations run at once", ahead=2),
    e.InvestigationStartedV1(basis="budget", waited_s=42.5),
    e.NotificationDeferredV1(
        about="01JD9Z3K6QE000000000000001",
        channel="webhook",
        summary="control#openings-20261124T120",
        leads=True,
        in_s=55.0,
    ),
    e.SignalAttachedV1(
        signal=signal("payments-latency", source_id="m-4"),
        fingerprint=NEIGHBOUR,
        why="correlated",
        occurrences=1,
        reason="neighbour: orders calls payments; 42 s before orders-failures",
    ),
    e.SignalDetachedV1(fingerprint=NEIGHBOUR, to=OTHER, why="split", comment="another trouble"),
    e.IncidentMergedV1(into=OTHER, comment="the same trouble"),
    e.IncidentUnmergedV1(out_of=OTHER, comment="it was not"),
    e.IncidentClosedV1(why="quiet_period"),
    e.RootCauseConfirmedV1(
        component="orders",
        cause="bad_release",
        fault_class="error-deploy",
        fault_category="code_defect",
        comment="release 8 dropped a column that invoices read",
    ),
]
SIGNAL_EVENTS: list[DomainEvent] = [
    e.SignalReceivedV1(signal=signal(), disposition="opened", incident_id=INCIDENT, occurrence=1),
    e.SignalReleasedV1(incident_id=INCIDENT, why="resolved", released_at=at(90)),
    e.SignalReceivedV1(
        signal=signal(seconds=95, source_id="m-4"),
        disposition="silenced",
        incident_id=None,
        occurrence=1,
        reason="silence 01JD9Z3K6Q8V7W2X4Y5Z6A7B9S until 2026-11-24T13:00:00.000000Z",
        held_by="silence",
        silence_id=SILENCE,
    ),
    e.SignalUnsilencedV1(silence_id=SILENCE),
    e.SignalReconsideredV1(
        why="silence_over",
        disposition="opened",
        incident_id=INCIDENT,
        reason=f"silence {SILENCE} is over",
        let_in=["orders-errors"],
    ),
]
IGNORED_EVENTS: list[DomainEvent] = [
    e.SignalIgnoredV1(
        source="ec2",
        kind="aws.ec2: EC2 Instance State-change Notification",
        reason="state running is no failure",
        source_id="m-9",
        raw=RawRef(ref=f"s3://resilibot-blobs/sha256/{'cd' * 32}", index=0, sha256="ef" * 32, size_bytes=310),
    ),
]
TARGET_EVENTS: list[DomainEvent] = [
    e.TargetClaimedV1(incident_id=INCIDENT, action_id="a1", action=STEP.action),
    e.TargetReleasedV1(
        incident_id=INCIDENT, action_id="a1", action=STEP.action, outcome="failed", cooldown_until=at(400)
    ),
]
GROUP_EVENTS: list[DomainEvent] = [
    e.SignalGroupedV1(
        incident_id=INCIDENT,
        fingerprint=NEIGHBOUR,
        signal_name="payments-latency",
        resource=RESOURCE,
        labels={"release": "8"},
        fired_at=at(-42),
        basis="neighbour",
        reason="neighbour: orders calls payments; 42 s before orders-failures",
    ),
]
CONTROL_EVENTS: list[DomainEvent] = [e.SubjectForgottenV1(subject="5f" * 16)]
REFUSED_EVENTS: list[DomainEvent] = [
    e.RequestRefusedV1(
        reason="bad_signature", route="POST /webhooks/{source}", status=401, count=3, first_at=at(1), last_at=at(50)
    )
]
SILENCE_EVENTS: list[DomainEvent] = [
    e.SilenceStartedV1(
        silence_id=SILENCE,
        matcher=SilenceMatcher(service="orders", labels={"team": "shop-*"}),
        starts_at=at(0),
        ends_at=at(3600),
        comment="the database moves house",
    ),
    e.SilenceEndedV1(silence_id=SILENCE, why="person"),
]
SILENCED_EVENTS: list[DomainEvent] = [
    e.SilenceAppliedV1(silence_id=SILENCE, fingerprint=FINGERPRINT),
    e.SilenceEndedV1(silence_id=SILENCE, why="person"),
    e.SilenceLiftedV1(silence_id=SILENCE, fingerprints=[FINGERPRINT]),
]
POLICY_EVENTS: list[DomainEvent] = [
    e.PolicyActivatedV1(version="d1", origin="built-in", policy={"rules": []}),
    e.GatePolicyActivatedV1(version="p1", origin="policy.json", policy={"rules": []}),
]
WATCHED = e.Watched(
    watch_id="orders-disk",
    kind="exhaustion",
    metric=MetricRef(
        namespace="CWAgent",
        name="disk_used_percent",
        statistic="Average",
        period_s=300,
        dimensions={"InstanceId": "i-0a1b2c3d"},
    ),
    service="orders",
    account="000000000000",
    region="us-east-1",
)
WATCHES_EVENTS: list[DomainEvent] = [
    e.WatchesActivatedV1(version="w1", origin="watches.toml", watches={"orders-disk": {"kind": "exhaustion"}})
]
_TREND = e.Forecast(
    limit=90,
    level=81,
    rate_per_hour=1.5,
    rate_low_per_hour=1.4,
    rate_high_per_hour=1.6,
    spread=0.1,
    count=72,
    eta=at(6 * 3600),
    earliest=at(5.5 * 3600),
    latest=at(6.5 * 3600),
)
_FOUND = {"points": [(at(-300), 80.9), (at(0), 81.0)], "usual": None, "forecast": _TREND}
_FINDING = e.FindingRaisedV1.model_validate(
    {
        "watched": WATCHED,
        "side": "above",
        "summary": "disk_used_percent of orders is 81 and reaches 90 in about 6 h (between 5.5 and 6.5 h)",
        "value": 81.0,
        "bound": 90,
        "found": 2,
        "of": 2,
        "window": Window(start=at(-6 * 3600), end=at(0)),
        "query": {"operation": "GetMetricData", "MetricName": "disk_used_percent"},
        "content_hash": "0" * 64,
        **_FOUND,
    }
)
FINDING = _FINDING.model_copy(update={"content_hash": content_hash(_FINDING.content())})
BUDGET_EVENTS: list[DomainEvent] = [
    e.SlotRequestedV1(incident_id=INCIDENT, severity=Severity.HIGH, opened_at=at(1)),
    e.SlotGrantedV1(incident_id=INCIDENT, lease_s=900),
    e.SlotReleasedV1(incident_id=INCIDENT, why="verdict", cost_usd="0.0123"),
]
OPENINGS_EVENTS: list[DomainEvent] = [
    e.OpeningCountedV1(
        incident_id=INCIDENT, severity=Severity.HIGH, title="orders-failures is in ALARM", is_summarised=True
    ),
    e.SummaryClosedV1(incident_id=INCIDENT, incidents=1),
]
WATCH_EVENTS: list[DomainEvent] = [
    FINDING,
    e.FindingEndedV1(
        watched=WATCHED,
        why="back",
        summary="disk_used_percent of orders is 61, and no longer on its way to 90",
        points=[(at(3300), 62.0), (at(3600), 61.0)],
    ),
]
STREAMS: dict[str, list[DomainEvent]] = {
    f"incident#{INCIDENT}": INCIDENT_EVENTS,
    f"signal#{FINGERPRINT}": SIGNAL_EVENTS,
    "signal#ignored-ec2-20261124": IGNORED_EVENTS,
    "target#service/orders": TARGET_EVENTS,
    "group#000000000000:20261124T12": GROUP_EVENTS,
    "control#erasure": CONTROL_EVENTS,
    "control#refused-2026112412": REFUSED_EVENTS,
    "control#silences": SILENCE_EVENTS,
    f"control#silenced-{SILENCE}": SILENCED_EVENTS,
    "control#policy": POLICY_EVENTS,
    "control#budget": BUDGET_EVENTS,
    "control#openings-20261124T120": OPENINGS_EVENTS,
    "control#watches": WATCHES_EVENTS,
    "watch#orders-disk": WATCH_EVENTS,
}
HIDDEN = ("group#", "watch#")  # nothing is shown of these
SHOWN = {stream: events for stream, events in STREAMS.items() if not stream.startswith(HIDDEN)}


def recorded(stream: str, events: list[DomainEvent]) -> list[RecordedEvent]:
    """The events as a chained stream with fixed ids and times, one second apart."""
    log: list[RecordedEvent] = []
    for version, event in enumerate(events, start=1):
        envelope = Envelope(
            id=f"01JD9Z3K6QE{version:015d}",
            type=event.wire_type,
            schema_version=event.schema_version,
            stream=stream,
            version=version,
            occurred_at=at(version),
            recorded_at=at(version),
            correlation_id=INCIDENT,
            causation_id=log[-1].id if log else None,
            actor=Actor(kind="service", id=event.emitter),
            producer=Producer(service=event.emitter, build="example"),
            data=event.payload(),
        )
        log.append(RecordedEvent.after(log[-1].hash if log else "0" * 64, envelope))
    return log
