"""ingest: the only door in. The map of the service."""

from resilibot.contracts import events as e
from resilibot.ingest.release import close_after_quiet, quiet_timer, release_signal, signal_stream
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
            e.SignalIgnoredV1,
            e.SignalReceivedV1,
            e.SignalReleasedV1,
            e.SubjectForgottenV1,
            e.RequestRefusedV1,
        }
    ),
    reactions={
        e.IncidentResolvedV1: Reaction(release_signal, joins=signal_stream),
        e.IncidentClosedV1: Reaction(release_signal, joins=signal_stream),
    },
    timers={e.IncidentResolvedV1: quiet_timer},
    due={"quiet_period": Reaction(close_after_quiet)},
    routes={
        "POST /incidents": Access.RESPONDER,
        "POST /incidents/{incident_id}/close": Access.RESPONDER,
        "POST /erasures": Access.ADMIN,
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
