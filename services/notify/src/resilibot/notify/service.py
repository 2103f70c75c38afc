"""notify: tells people, and writes the postmortem. The map of the service."""

from resilibot.contracts import events as e
from resilibot.notify import summary, tell
from resilibot.notify.conclude import conclude, gather
from resilibot.runtime.service import Effect, Reaction, Service

TELL = Reaction(tell.tell, tell.configured)

SERVICE = Service(
    name="notify",
    emits=frozenset(
        {
            e.NotificationStartedV1,
            e.NotificationSentV1,
            e.NotificationFailedV1,
            e.NotificationDeferredV1,
            e.OpeningCountedV1,
            e.SummaryClosedV1,
            e.PostmortemWrittenV1,
        }
    ),
    reactions={
        e.IncidentOpenedV1: Reaction(tell.tell_opened, tell.configured, joins_by_facts=summary.joins),
        e.ApprovalRequestedV1: TELL,
        e.IncidentEscalatedV1: TELL,
        e.IncidentResolvedV1: Reaction(conclude, gather),
    },
    effects={e.NotificationStartedV1: Effect(tell.run, tell.recover, tell.is_settled)},
    timers={e.NotificationFailedV1: tell.backoff, e.NotificationDeferredV1: summary.timer},
    due={
        "retry": Reaction(tell.retry, tell.configured),
        "summary": Reaction(tell.tell_summary, tell.configured, summary.close_joins),
    },
    needs=("s3:PutObject", "kms:Decrypt"),
)
