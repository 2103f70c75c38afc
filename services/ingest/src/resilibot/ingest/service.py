"""ingest: the only door in. The map of the service."""

from resilibot.contracts import events as e
from resilibot.ingest.release import close_after_quiet, quiet_timer, release_signals, signal_streams
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
            e.IncidentMergedV1,
            e.IncidentUnmergedV1,
            e.SignalDetachedV1,
            e.SignalGroupedV1,
            e.SignalReceivedV1,
            e.SignalReleasedV1,
            e.SubjectForgottenV1,
        }
    ),
    reactions={
        e.IncidentResolvedV1: Reaction(release_signals, joins=signal_streams),
        e.IncidentMergedV1: Reaction(release_signals, joins=signal_streams),
        e.IncidentClosedV1: Reaction(release_signals, joins=signal_streams),
    },
    timers={e.IncidentResolvedV1: quiet_timer},
    due={"quiet_period": Reaction(close_after_quiet)},
    routes=(
        "POST /incidents",
        "POST /incidents/{incident_id}/close",
        "POST /incidents/{incident_id}/merge",
        "POST /incidents/{incident_id}/unmerge",
        "POST /incidents/{incident_id}/split",
        "POST /erasures",
    ),
    needs=("secretsmanager:GetSecretValue", "kms:GenerateDataKey", "kms:Decrypt", "kms:GenerateMac"),
)
