"""ingest: the only door in. The map of the service."""

from resilibot.contracts import events as e
from resilibot.ingest import reconsider, silences, watched
from resilibot.ingest.release import close_after_quiet, quiet_timer, release_signals, signal_streams
from resilibot.runtime.access import Access
from resilibot.runtime.service import Reaction, Service

SERVICE = Service(
    name="ingest",
    emits=frozenset(
        {
            e.IncidentOpenedV1,
            e.SignalAttachedV1,
            e.SignalClearedV1,
            e.IncidentReopenedV1,
            e.IncidentClosedV1,
            e.RootCauseConfirmedV1,
            e.SignalIgnoredV1,
            e.IncidentMergedV1,
            e.IncidentUnmergedV1,
            e.SignalDetachedV1,
            e.SignalGroupedV1,
            e.SignalReceivedV1,
            e.SignalReleasedV1,
            e.SubjectForgottenV1,
            e.RequestRefusedV1,
            e.FlappingDetectedV1,
            e.FlappingEndedV1,
            e.SignalUnsilencedV1,
            e.SignalReconsideredV1,
            e.PolicyActivatedV1,
            e.SilenceStartedV1,
            e.SilenceEndedV1,
            e.SilenceAppliedV1,
            e.SilenceLiftedV1,
        }
    ),
    reactions={
        e.IncidentResolvedV1: Reaction(release_signals, joins=signal_streams),
        e.IncidentClosedV1: Reaction(release_signals, joins=signal_streams),
        e.IncidentMergedV1: Reaction(release_signals, joins=signal_streams),
        e.SilenceEndedV1: Reaction(silences.lift, joins=silences.lift_joins),
        e.SilenceLiftedV1: Reaction(silences.lift, joins=silences.lift_joins),
        e.FindingRaisedV1: Reaction(watched.admit, watched.gather, joins_by_facts=watched.joins),
        e.FindingEndedV1: Reaction(watched.admit, watched.gather, joins_by_facts=watched.joins),
        e.SignalUnsilencedV1: Reaction(reconsider.unsilenced, reconsider.gather, joins_by_facts=reconsider.joins),
    },
    timers={
        e.IncidentResolvedV1: quiet_timer,
        e.SignalReceivedV1: reconsider.timer,
        e.SilenceStartedV1: silences.end_timer,
    },
    due={
        "quiet_period": Reaction(close_after_quiet),
        "reconsider": Reaction(reconsider.flapped, reconsider.gather, joins_by_facts=reconsider.joins),
        "silence_end": Reaction(silences.expire, joins=silences.end_joins),
    },
    routes={
        "POST /incidents": Access.RESPONDER,
        "POST /incidents/{incident_id}/close": Access.RESPONDER,
        "POST /incidents/{incident_id}/root-cause": Access.RESPONDER,
        "POST /incidents/{incident_id}/merge": Access.RESPONDER,
        "POST /incidents/{incident_id}/unmerge": Access.RESPONDER,
        "POST /incidents/{incident_id}/split": Access.RESPONDER,
        "POST /erasures": Access.ADMIN,
        "POST /silences": Access.RESPONDER,
        "POST /silences/{silence_id}/end": Access.RESPONDER,
        "POST /webhooks/{source}": Access.SIGNED,
        "POST /sns": Access.SIGNED,
    },
    needs=(
        "s3:PutObject",  # the senders' own bytes
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
        "sns:ConfirmSubscription",
        "kms:GenerateDataKey",
        "kms:Decrypt",
        "kms:GenerateMac",
    ),
)
