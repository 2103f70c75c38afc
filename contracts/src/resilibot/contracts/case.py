"""IncidentCase: the fold of an incident's stream. Status is derived here and nowhere else."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import singledispatch
from typing import Literal

from pydantic import Field

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent, UtcTime, Value
from resilibot.contracts.evidence import EvidenceItem
from resilibot.contracts.signal import ResourceRef, Severity, Signal


class Status(StrEnum):
    OPEN = "OPEN"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    DENIED = "DENIED"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


OVER = (Status.RESOLVED, Status.CLOSED)


class SignalSummary(Value):
    """One alarm of this incident: its last known state and when that came."""

    signal: Signal
    is_firing: bool
    occurrences: int
    fingerprint: str = ""
    reason: str = ""  # why it was correlated with this incident; empty for the incident's own
    merged_from: str | None = None  # the incident that it came with


class Approval(Value):
    request: e.ApprovalRequestedV1
    state: Literal["pending", "granted", "denied", "expired", "revoked"] = "pending"
    answered_by: str | None = None
    answered_at: UtcTime | None = None
    comment: str = ""
    mac: str | None = None
    used_by: str | None = None  # action id, or "investigation"


class Action(Value):
    """One claimed action. `event_id` is its ActionStarted."""

    started: e.ActionStartedV1
    event_id: str
    started_at: UtcTime
    state: Literal["running", "succeeded", "failed", "unknown"] = "running"
    provider_id: str | None = None
    ended_at: UtcTime | None = None
    detail: str = ""


class Notification(Value):
    started: e.NotificationStartedV1
    event_id: str
    state: Literal["running", "sent", "failed"] = "running"
    remote_id: str | None = None
    is_final: bool = True
    reason: str = ""


class Escalation(Value):
    reason: str
    detail: str
    at: UtcTime


class ConfirmedCause(Value):
    """What a person said that it really was, and when. `diagnosed_at`: of the diagnosis that stood by then."""

    confirmed: e.RootCauseConfirmedV1
    by: str
    at: UtcTime
    diagnosed_at: UtcTime | None = None


class IncidentCase(Value):
    """All that is known of one incident. Times are UTC; `version` is that of the last event folded."""

    incident_id: str
    version: int = 0
    title: str = ""
    severity: Severity = Severity.MEDIUM
    severity_rule: str = ""
    source: str = ""
    resource: ResourceRef | None = None
    fingerprint: str = ""
    investigation: e.Investigation = "auto"
    queued: e.InvestigationQueuedV1 | None = None  # the budget had no room; None again once it started
    investigation_started: e.InvestigationStartedV1 | None = None  # of this episode
    episode_at: UtcTime | None = None  # when it was opened, or reopened last
    policy_version: str = ""  # of the door's policy that admitted it
    policy_rules: list[str] = Field(default_factory=list)
    admission: str = ""
    auto_approve: bool = False
    flapping: list[str] = Field(default_factory=list)  # names of alarms that change too often to be told each time
    opened_at: UtcTime | None = None
    updated_at: UtcTime | None = None
    resolved_at: UtcTime | None = None
    closed_at: UtcTime | None = None
    reopened: int = 0
    episode_round: int = 0  # the last round before the incident was reopened: what belongs to it is over
    signals: dict[str, SignalSummary] = Field(default_factory=dict)  # by signal_key()
    split_from: str | None = None
    merged_into: str | None = None
    moved: dict[str, str] = Field(default_factory=dict)  # fingerprints that people took out, and to which incident
    rounds: list[e.EvidenceGatheredV1] = Field(default_factory=list)
    evidence_version: int = 0  # stream version of the last EvidenceGathered
    diagnoses: list[e.DiagnosisReachedV1] = Field(default_factory=list)
    diagnosed_at: UtcTime | None = None  # when the last of them was reached
    confirmed_causes: list[ConfirmedCause] = Field(default_factory=list)  # what people said it was, oldest first
    resolution: e.IncidentResolvedV1 | None = None
    plan: e.PlanProposedV1 | None = None
    gate: e.PlanGatedV1 | None = None
    no_remedy: e.NoRemedyFoundV1 | None = None
    approvals: dict[str, Approval] = Field(default_factory=dict)  # by grant id, in order
    actions: dict[str, Action] = Field(default_factory=dict)  # by action id, in order
    escalations: list[Escalation] = Field(default_factory=list)
    notifications: dict[str, Notification] = Field(default_factory=dict)
    postmortem: e.PostmortemWrittenV1 | None = None
    unknown_events: list[str] = Field(default_factory=list)  # wire types of events that could not be read here

    @property
    def exists(self) -> bool:
        return self.version > 0

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def escalated(self) -> bool:
        return bool(self.escalations)

    @property
    def may_look(self) -> bool:
        """Whether evidence may be gathered: a person's agreement, or the budget's, has come where it is needed."""
        return self.investigation == "auto" or self.investigation_started is not None

    @property
    def investigation_state(self) -> Literal["free", "approval", "queued", "started"]:
        """What the investigation waits for: nothing (never had to), a person, room in the budget, or no longer."""
        if self.investigation == "auto":
            return "free"
        if self.investigation_started:
            return "started"
        return "queued" if self.queued or self.investigation == "queued" else "approval"

    @property
    def round(self) -> int:
        """The number of the last evidence round; 0 before the first."""
        return self.rounds[-1].round if self.rounds else 0

    @property
    def looks(self) -> int:
        """Evidence rounds since the incident was opened or reopened: what budgets are counted in."""
        return self.round - self.episode_round

    @property
    def current_actions(self) -> dict[str, Action]:
        """Actions since the incident was opened or reopened."""
        return {key: action for key, action in self.actions.items() if action.started.round > self.episode_round}

    @property
    def current_approvals(self) -> dict[str, Approval]:
        """Approvals asked for since the incident was opened or reopened; no earlier one permits anything."""
        return {key: a for key, a in self.approvals.items() if a.request.round > self.episode_round}

    @property
    def diagnosis(self) -> e.DiagnosisReachedV1 | None:
        return self.diagnoses[-1] if self.diagnoses else None

    @property
    def root_cause(self) -> ConfirmedCause | None:
        """The latest verdict of a person: the one that counts."""
        return self.confirmed_causes[-1] if self.confirmed_causes else None

    @property
    def status(self) -> Status:
        if self.closed_at:
            return Status.CLOSED
        if self.resolved_at:
            return Status.RESOLVED
        if any(a.state == "running" for a in self.actions.values()):
            return Status.IN_PROGRESS
        last = next(reversed(self.current_approvals.values()), None)
        if last and last.state == "pending":
            return Status.PENDING_APPROVAL
        if last and last.state == "granted" and last.used_by is None:
            return Status.APPROVED
        if last and last.state == "denied" and (self.plan is None or last.request.round >= self.plan.round):
            return Status.DENIED
        if self.current_actions and not self.escalated:
            return Status.IN_PROGRESS  # acted, looking again
        return Status.OPEN

    @property
    def fingerprints(self) -> list[str]:
        """Whose signals belong here, the incident's own first."""
        return list(dict.fromkeys([self.fingerprint, *(s.fingerprint for s in self.signals.values())]))

    @property
    def children(self) -> list[str]:
        """The incidents that were merged into this one."""
        return list(dict.fromkeys(s.merged_from for s in self.signals.values() if s.merged_from))

    @property
    def own_signals(self) -> list[SignalSummary]:
        """Of the service that this incident is about; correlation and merges bring those of its neighbours too."""
        service = self.resource.service if self.resource else None
        return [
            s
            for s in self.signals.values()
            if s.fingerprint == self.fingerprint or (service and s.signal.resource.service == service)
        ]

    def home_of(self, fingerprint: str) -> str | None:
        """The incident to which people moved the signals of a fingerprint that came here; None: they stayed."""
        return self.moved.get(fingerprint) or self.merged_into  # what was split off before a merge is not there

    def evidence(self) -> dict[str, EvidenceItem]:
        """All evidence of all rounds by id."""
        return {item.id: item for gathered in self.rounds for item in gathered.items}


def signal_key(fingerprint: str, name: str) -> str:
    """Two resources may have an alarm of the same name."""
    return f"{fingerprint}:{name}"


def empty_case(incident_id: str) -> IncidentCase:
    return IncidentCase(incident_id=incident_id)


def fold(incident_id: str, events: Iterable[RecordedEvent]) -> IncidentCase:
    """The case after `events` (of one incident stream, in order). Unknown types are named, not dropped."""
    case = empty_case(incident_id)
    for recorded in events:
        case = evolve(case, recorded)
    return case


def evolve(case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    """The case after one more event. One that cannot be read, or belongs on another stream, is named, no more."""
    event = recorded.readable
    if event is None or event.category != "incident":
        after = _with(case, unknown_events=[*case.unknown_events, recorded.type])
    else:
        after = _apply(event, case, recorded)
    if after is case:
        after = case.model_copy()
    # `after` is a copy that nobody has seen yet; copying it once more would cost a tenth of a replay
    after.__dict__.update(version=recorded.version, updated_at=recorded.envelope.recorded_at)
    return after


def _with(case: IncidentCase, **changes: object) -> IncidentCase:
    return case.model_copy(update=changes)


@singledispatch
def _apply(event: DomainEvent, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    raise TypeError(f"no fold for {type(event).__name__} on an incident stream")


@_apply.register
def _(event: e.IncidentOpenedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(
        case,
        title=event.title,
        severity=event.severity,
        severity_rule=event.severity_rule,
        source=event.source,
        resource=event.resource,
        fingerprint=event.fingerprint,
        investigation=event.investigation,
        policy_version=event.policy_version,
        policy_rules=event.policy_rules,
        admission=event.admission,
        auto_approve=event.auto_approve,
        episode_at=recorded.envelope.recorded_at,
        opened_at=recorded.envelope.recorded_at,
        split_from=event.split_from,
        signals=_signals(case, event.fingerprint, event.signal, 1),
    )


@_apply.register
def _(event: e.SignalAttachedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    fingerprint = event.fingerprint or case.fingerprint
    signals = _signals(case, fingerprint, event.signal, event.occurrences, event.reason, event.merged_from)
    return _with(case, signals=signals, moved=_without(case.moved, fingerprint))


@_apply.register
def _(event: e.SignalDetachedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    left = {key: s for key, s in case.signals.items() if s.fingerprint != event.fingerprint}
    return _with(case, signals=left, moved={**case.moved, event.fingerprint: event.to})


@_apply.register
def _(event: e.SignalClearedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    key = signal_key(event.fingerprint or case.fingerprint, event.signal_name)
    known = case.signals.get(key)
    if known is None:
        return case
    cleared = known.model_copy(update={"is_firing": False})
    return _with(case, signals={**case.signals, key: cleared})


@_apply.register
def _(event: e.IncidentReopenedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    signals = _signals(case, event.fingerprint or case.fingerprint, event.signal, 1)
    return _with(
        _fresh_episode(case, recorded),
        reopened=case.reopened + 1,
        investigation=event.investigation,
        investigation_started=None,
        signals=signals,
    )


@_apply.register
def _(event: e.IncidentMergedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, closed_at=recorded.envelope.recorded_at, merged_into=event.into)


@_apply.register
def _(event: e.IncidentUnmergedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(_fresh_episode(case, recorded), merged_into=None, investigation_started=None)


@_apply.register
def _(event: e.FlappingDetectedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, flapping=[*(name for name in case.flapping if name != event.signal_name), event.signal_name])


@_apply.register
def _(event: e.FlappingEndedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, flapping=[name for name in case.flapping if name != event.signal_name])


@_apply.register
def _(event: e.InvestigationQueuedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, queued=event)


@_apply.register
def _(event: e.InvestigationStartedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, queued=None, investigation_started=event, approvals=_used(case, event.grant_id, "investigation"))


@_apply.register
def _(event: e.NotificationDeferredV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return case


@_apply.register
def _(event: e.IncidentClosedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, closed_at=recorded.envelope.recorded_at)


@_apply.register
def _(event: e.RootCauseConfirmedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    """It changes no status: a closed incident stays closed."""
    envelope = recorded.envelope
    verdict = ConfirmedCause(
        confirmed=event, by=envelope.actor.id, at=envelope.recorded_at, diagnosed_at=case.diagnosed_at
    )
    return _with(case, confirmed_causes=[*case.confirmed_causes, verdict])


@_apply.register
def _(event: e.EvidenceGatheredV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, rounds=[*case.rounds, event], evidence_version=recorded.version)


@_apply.register
def _(event: e.DiagnosisReachedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, diagnoses=[*case.diagnoses, event], diagnosed_at=recorded.envelope.recorded_at)


@_apply.register
def _(event: e.IncidentResolvedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, resolved_at=recorded.envelope.recorded_at, resolution=event)


@_apply.register
def _(event: e.PlanProposedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, plan=event, gate=None, no_remedy=None)


@_apply.register
def _(event: e.NoRemedyFoundV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, no_remedy=event)


@_apply.register
def _(event: e.PlanGatedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, gate=event)


@_apply.register
def _(event: e.ApprovalRequestedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, approvals={**case.approvals, event.grant_id: Approval(request=event)})


@_apply.register
def _(event: e.ApprovalGrantedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _answered(case, event.grant_id, recorded, "granted", event.approver, event.comment, event.mac)


@_apply.register
def _(event: e.ApprovalDeniedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _answered(case, event.grant_id, recorded, "denied", event.approver, event.comment)


@_apply.register
def _(event: e.ApprovalExpiredV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _answered(case, event.grant_id, recorded, "expired", None, "")


@_apply.register
def _(event: e.ApprovalRevokedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _answered(case, event.grant_id, recorded, "revoked", None, event.reason)


@_apply.register
def _(event: e.ActionStartedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    action = Action(started=event, event_id=recorded.id, started_at=recorded.envelope.recorded_at)
    approvals = _used(case, event.grant_id, event.action_id)
    return _with(case, actions={**case.actions, event.action_id: action}, approvals=approvals)


@_apply.register
def _(event: e.ActionDispatchedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _action(case, event.action_id, provider_id=event.provider_id)


@_apply.register
def _(event: e.ActionSucceededV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _ended(case, event.action_id, recorded, "succeeded", event.output)


@_apply.register
def _(event: e.ActionFailedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _ended(case, event.action_id, recorded, "failed", event.reason)


@_apply.register
def _(event: e.ActionOutcomeUnknownV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _ended(case, event.action_id, recorded, "unknown", event.reason)


@_apply.register
def _(event: e.IncidentEscalatedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    escalation = Escalation(reason=event.reason, detail=event.detail, at=recorded.envelope.recorded_at)
    return _with(case, escalations=[*case.escalations, escalation])


@_apply.register
def _(event: e.NotificationStartedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    notification = Notification(started=event, event_id=recorded.id)
    return _with(case, notifications={**case.notifications, event.notification_id: notification})


@_apply.register
def _(event: e.NotificationSentV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _notification(case, event.notification_id, state="sent", remote_id=event.remote_id)


@_apply.register
def _(event: e.NotificationFailedV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _notification(case, event.notification_id, state="failed", is_final=event.is_final, reason=event.reason)


@_apply.register
def _(event: e.PostmortemWrittenV1, case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    return _with(case, postmortem=event)


def _used(case: IncidentCase, grant_id: str | None, by: str) -> dict[str, Approval]:
    approval = case.approvals.get(grant_id) if grant_id else None
    if approval is None or grant_id is None:
        return case.approvals
    return {**case.approvals, grant_id: approval.model_copy(update={"used_by": by})}


def _fresh_episode(case: IncidentCase, recorded: RecordedEvent) -> IncidentCase:
    """Alive again: what was found, planned and permitted before counts no more."""
    return _with(
        case,
        resolved_at=None,
        resolution=None,
        closed_at=None,
        episode_round=case.round,
        plan=None,
        gate=None,
        no_remedy=None,
        escalations=[],
        queued=None,
        episode_at=recorded.envelope.recorded_at,
    )


def _signals(
    case: IncidentCase,
    fingerprint: str,
    signal: Signal,
    occurrences: int,
    reason: str = "",
    merged_from: str | None = None,
) -> dict[str, SignalSummary]:
    """Why a signal belongs here is kept from when it came."""
    key = signal_key(fingerprint, signal.name)
    known = case.signals.get(key)
    summary = SignalSummary(
        signal=signal,
        is_firing=signal.state == "ALARM",
        occurrences=occurrences,
        fingerprint=fingerprint,
        reason=reason or (known.reason if known else ""),
        merged_from=merged_from or (known.merged_from if known else None),
    )
    return {**case.signals, key: summary}


def _without(moved: dict[str, str], fingerprint: str) -> dict[str, str]:
    return {key: to for key, to in moved.items() if key != fingerprint} if fingerprint in moved else moved


def _answered(
    case: IncidentCase,
    grant_id: str,
    recorded: RecordedEvent,
    state: str,
    by: str | None,
    comment: str,
    mac: str | None = None,
) -> IncidentCase:
    approval = case.approvals.get(grant_id)
    if approval is None:
        return case
    at: datetime = recorded.envelope.recorded_at
    changes = {"state": state, "answered_by": by, "answered_at": at, "comment": comment, "mac": mac}
    return _with(case, approvals={**case.approvals, grant_id: approval.model_copy(update=changes)})


def _action(case: IncidentCase, action_id: str, **changes: object) -> IncidentCase:
    action = case.actions.get(action_id)
    if action is None:
        return case
    return _with(case, actions={**case.actions, action_id: action.model_copy(update=changes)})


def _ended(case: IncidentCase, action_id: str, recorded: RecordedEvent, state: str, detail: str) -> IncidentCase:
    return _action(case, action_id, state=state, ended_at=recorded.envelope.recorded_at, detail=detail)


def _notification(case: IncidentCase, notification_id: str, **changes: object) -> IncidentCase:
    known = case.notifications.get(notification_id)
    if known is None:
        return case
    return _with(case, notifications={**case.notifications, notification_id: known.model_copy(update=changes)})
