"""narrate: one plain sentence for each event, for timelines, postmortems and the command line.

Text from outside (alarm names, comments) is quoted as it is: whoever shows it escapes it for the medium.
"""

from functools import singledispatch

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent


def narrate_recorded(recorded: RecordedEvent) -> str:
    """The sentence of a stored event; one of an unknown type, or that does not fit its type, is named."""
    event = recorded.readable
    return narrate(event) if event else f"An event that this build cannot read: {recorded.type}"


@singledispatch
def narrate(event: DomainEvent) -> str:
    """One sentence without a final full stop. Raises TypeError for a type without one."""
    raise TypeError(f"no sentence for {type(event).__name__}")


@narrate.register
def _(event: e.IncidentOpenedV1) -> str:
    why = f" ({event.admission})" if event.admission else ""
    opened = f"{event.severity} incident opened from {event.source}: {event.title}{why}"
    if event.split_from is None:
        return opened
    return f"{opened} (taken out of incident {event.split_from}{_because(event.comment)})"


@narrate.register
def _(event: e.SignalAttachedV1) -> str:
    if event.why == "count":
        return f"Signal {event.signal.name} was received for the {event.occurrences}th time"
    if event.why == "correlated":
        return f"Signal {event.signal.name} belongs to this incident: {event.reason}"
    if event.why == "merged":
        return f"Signal {event.signal.name} came with the merged incident {event.merged_from}"
    if event.why == "returned":
        return f"Signal {event.signal.name} came back and is {event.signal.state}"
    what = "A further signal" if event.why == "new_kind" else "A changed signal"
    return f"{what} was attached: {event.signal.name} is {event.signal.state}"


@narrate.register
def _(event: e.SignalDetachedV1) -> str:
    how = "were split off into" if event.why == "split" else "went back to"
    return f"The signals of {event.fingerprint} {how} incident {event.to}{_because(event.comment)}"


@narrate.register
def _(event: e.IncidentMergedV1) -> str:
    return f"Merged into incident {event.into} by a person{_because(event.comment)}"


@narrate.register
def _(event: e.IncidentUnmergedV1) -> str:
    return f"Taken out of incident {event.out_of} again by a person{_because(event.comment)}"


@narrate.register
def _(event: e.SignalGroupedV1) -> str:
    how = f" ({event.basis}: {event.reason})" if event.reason else f" ({event.basis})"
    return f"Signal {event.signal_name} belongs to incident {event.incident_id}{how}"


@narrate.register
def _(event: e.SignalClearedV1) -> str:
    return f"Signal {event.signal_name} cleared"


@narrate.register
def _(event: e.IncidentReopenedV1) -> str:
    return f"Reopened: {event.signal.name} fired again {event.quiet_for_s:.0f} s after the resolution"


@narrate.register
def _(event: e.FlappingDetectedV1) -> str:
    return f"Signal {event.signal_name} is flapping: {event.changes} changes of state within {event.within_s:g} s"


@narrate.register
def _(event: e.FlappingEndedV1) -> str:
    return f"Signal {event.signal_name} is steady again"


@narrate.register
def _(event: e.InvestigationQueuedV1) -> str:
    return f"The investigation waits for room in the budget ({event.reason}), {event.ahead} ahead of it"


@narrate.register
def _(event: e.InvestigationStartedV1) -> str:
    why = "a person agreed" if event.basis == "grant" else "the budget has room"
    return f"The investigation starts after {event.waited_s:.0f} s: {why}"


@narrate.register
def _(event: e.IncidentClosedV1) -> str:
    if event.why == "quiet_period":
        return "Closed after the quiet period"
    return f"Closed by a person: {event.comment}" if event.comment else "Closed by a person"


@narrate.register
def _(event: e.RootCauseConfirmedV1) -> str:
    told = ", ".join(filter(None, (event.fault_class, event.fault_category)))
    kind = f" ({told})" if told else ""
    return f"Root cause confirmed by a person: {event.cause} at {event.component}{kind}{_because(event.comment)}"


@narrate.register
def _(event: e.SignalReceivedV1) -> str:
    why = f": {event.reason}" if event.held_by else ""
    return f"Signal {event.signal.name} ({event.signal.state}) was received and {event.disposition}{why}"


@narrate.register
def _(event: e.SignalIgnoredV1) -> str:
    return f"Nothing was done about {event.kind} from {event.source}: {event.reason}"


@narrate.register
def _(event: e.SignalReleasedV1) -> str:
    return f"Signal released: its incident {event.incident_id} is {event.why}"


@narrate.register
def _(event: e.EvidenceGatheredV1) -> str:
    gaps = f", {len(event.gaps)} gaps" if event.gaps else ""
    return f"Round {event.round}: gathered {len(event.items)} pieces of evidence to {event.purpose}{gaps}"


@narrate.register
def _(event: e.DiagnosisReachedV1) -> str:
    told = f"Diagnosis ({event.outcome}, confidence {event.confidence:.2f}): {event.summary}"
    asked = event.reasoner
    return f"{told} (by rules alone, though {asked.wanted} was wanted: {asked.fell_back})" if asked.fell_back else told


@narrate.register
def _(event: e.IncidentResolvedV1) -> str:
    return f"Resolved from fresh evidence: {event.summary}"


@narrate.register
def _(event: e.PlanProposedV1) -> str:
    return "Plan proposed: " + ", then ".join(f"{step.action} on {step.target}" for step in event.steps)


@narrate.register
def _(event: e.NoRemedyFoundV1) -> str:
    return f"No remedy proposed ({event.reason}): {event.detail}"


@narrate.register
def _(event: e.PlanGatedV1) -> str:
    return "Policy decided: " + ", ".join(f"{g.step_id} is {g.action_class}, {g.decision}" for g in event.gates)


@narrate.register
def _(event: e.ApprovalRequestedV1) -> str:
    if event.step is None:
        return "Approval asked for the investigation itself"
    return f"Approval asked for {event.step.action} on {event.step.target} ({event.action_class})"


@narrate.register
def _(event: e.ApprovalGrantedV1) -> str:
    return f"Approved by {event.approver}" + (f": {event.comment}" if event.comment else "")


@narrate.register
def _(event: e.ApprovalDeniedV1) -> str:
    return f"Denied by {event.approver}" + (f": {event.comment}" if event.comment else "")


@narrate.register
def _(event: e.ApprovalExpiredV1) -> str:
    return "The approval expired without an answer"


@narrate.register
def _(event: e.ApprovalRevokedV1) -> str:
    return f"The approval permits nothing any more: {event.reason}"


@narrate.register
def _(event: e.ActionStartedV1) -> str:
    return f"Started {event.action} on {event.target} by {event.basis}"


@narrate.register
def _(event: e.ActionDispatchedV1) -> str:
    return f"{event.provider} accepted the action as {event.provider_id}"


@narrate.register
def _(event: e.ActionSucceededV1) -> str:
    return f"The provider reports success for {event.provider_id}"


@narrate.register
def _(event: e.ActionFailedV1) -> str:
    return f"The action failed: {event.reason}"


@narrate.register
def _(event: e.ActionOutcomeUnknownV1) -> str:
    return f"The outcome of the action is unknown: {event.reason}"


@narrate.register
def _(event: e.IncidentEscalatedV1) -> str:
    return f"Escalated to a person ({event.reason}): {event.detail}"


@narrate.register
def _(event: e.TargetClaimedV1) -> str:
    return f"Target claimed for {event.action} by incident {event.incident_id}"


@narrate.register
def _(event: e.TargetReleasedV1) -> str:
    return f"Target released after {event.action}: {event.outcome}"


@narrate.register
def _(event: e.NotificationStartedV1) -> str:
    again = " again" if event.attempt > 1 else ""
    return f"Telling {event.channel}{again}: {event.kind}"


@narrate.register
def _(event: e.NotificationSentV1) -> str:
    return f"Notification delivered (HTTP {event.status})"


@narrate.register
def _(event: e.NotificationFailedV1) -> str:
    return f"Notification failed: {event.reason}"


@narrate.register
def _(event: e.PostmortemWrittenV1) -> str:
    return f"Postmortem written ({event.size_bytes} bytes)"


@narrate.register
def _(event: e.SubjectForgottenV1) -> str:
    return f"A person was forgotten: the key of {event.subject} is destroyed"


@narrate.register
def _(event: e.RequestRefusedV1) -> str:
    often = f" {event.count} times" if event.count > 1 else ""
    return f"Refused{often} ({event.reason}, HTTP {event.status}): {event.route}"


@narrate.register
def _(event: e.SignalUnsilencedV1) -> str:
    return f"Silence {event.silence_id} is over for this signal"


@narrate.register
def _(event: e.SignalReconsideredV1) -> str:
    return f"Looked at again ({event.why}): {event.disposition}" + (f", {event.reason}" if event.reason else "")


@narrate.register
def _(event: e.PolicyActivatedV1 | e.GatePolicyActivatedV1) -> str:
    return f"Policy {event.version} of the {event.scope} is in force ({event.origin})"


@narrate.register
def _(event: e.SilenceStartedV1) -> str:
    return f"Silence {event.silence_id} on {event.matcher.say()}: {event.comment}"


@narrate.register
def _(event: e.SilenceEndedV1) -> str:
    return f"Silence {event.silence_id} ended ({event.why})"


@narrate.register
def _(event: e.SilenceAppliedV1) -> str:
    return f"Silence {event.silence_id} holds back {event.fingerprint}"


@narrate.register
def _(event: e.SilenceLiftedV1) -> str:
    return f"Silence {event.silence_id} was lifted from {len(event.fingerprints)} signals"


@narrate.register
def _(event: e.SlotRequestedV1) -> str:
    return f"The investigation of {event.incident_id} ({event.severity}) waits for room"


@narrate.register
def _(event: e.SlotGrantedV1) -> str:
    return f"The investigation of {event.incident_id} has room"


@narrate.register
def _(event: e.SlotReleasedV1) -> str:
    return f"The investigation of {event.incident_id} frees its place ({event.why})"


@narrate.register
def _(event: e.NotificationDeferredV1) -> str:
    return f"To be told to {event.channel} in a summary with others"


@narrate.register
def _(event: e.OpeningCountedV1) -> str:
    return f"Counted: incident {event.incident_id} opened"


@narrate.register
def _(event: e.SummaryClosedV1) -> str:
    return f"A summary of {event.incidents} incidents is sent from {event.incident_id}"


@narrate.register
def _(event: e.WatchesActivatedV1) -> str:
    return f"{len(event.watches)} watches are in force ({event.origin}, version {event.version})"


@narrate.register
def _(event: e.FindingRaisedV1) -> str:
    return f"Watch {event.watched.watch_id}: {event.summary}"


@narrate.register
def _(event: e.FindingEndedV1) -> str:
    return f"Watch {event.watched.watch_id}: {event.summary}"


def _because(comment: str) -> str:
    return f": {comment}" if comment else ""
