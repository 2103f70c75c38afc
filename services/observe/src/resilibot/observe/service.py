"""observe: gathers evidence, in rounds. The map of the service."""

from resilibot.contracts import events as e
from resilibot.observe.gather import decide, gather
from resilibot.observe.timing import recheck, settle
from resilibot.runtime.service import Reaction, Service

LOOK = Reaction(decide, gather)

SERVICE = Service(
    name="observe",
    emits=frozenset({e.EvidenceGatheredV1}),
    reactions={e.IncidentOpenedV1: LOOK, e.IncidentReopenedV1: LOOK},
    timers={
        e.SignalClearedV1: settle,
        e.ActionSucceededV1: settle,
        e.ActionFailedV1: settle,
        e.ActionOutcomeUnknownV1: settle,
        e.DiagnosisReachedV1: recheck,
    },
    due={"settle": LOOK, "recheck": LOOK},
    needs=(
        "cloudwatch:ListMetrics",
        "cloudwatch:GetMetricData",
        "logs:FilterLogEvents",
        "ssm:DescribeInstanceInformation",
        "ssm:StartAutomationExecution",  # the read-only health check document only
        "ssm:GetAutomationExecution",
        "ssm:GetParameterHistory",
        "cloudtrail:LookupEvents",
        "s3:ListBucket",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "kms:GenerateDataKey",
        "kms:Decrypt",
        "kms:GenerateMac",
    ),
)
