"""notify: tells people, and writes the postmortem. The map of the service."""

from resilibot.contracts import events as e
from resilibot.notify import tell
from resilibot.notify.conclude import conclude, gather
from resilibot.runtime.service import Effect, Reaction, Service

TELL = Reaction(tell.tell, tell.configured)

SERVICE = Service(
    name="notify",
    emits=frozenset({e.NotificationStartedV1, e.NotificationSentV1, e.NotificationFailedV1, e.PostmortemWrittenV1}),
    reactions={
        e.IncidentOpenedV1: TELL,
        e.ApprovalRequestedV1: TELL,
        e.IncidentEscalatedV1: TELL,
        e.IncidentResolvedV1: Reaction(conclude, gather),
    },
    effects={e.NotificationStartedV1: Effect(tell.run, tell.recover, tell.is_settled)},
    timers={e.NotificationFailedV1: tell.backoff},
    due={"retry": Reaction(tell.retry, tell.configured)},
    needs=("s3:PutObject", "kms:Decrypt"),
)
