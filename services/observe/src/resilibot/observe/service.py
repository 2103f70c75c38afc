"""observe: gathers evidence, in rounds. The map of the service."""

from resilibot.contracts import events as e
from resilibot.observe.gather import decide, gather
from resilibot.observe.timing import recheck, settle, settle_if_new
from resilibot.runtime.service import Reaction, Service

LOOK = Reaction(decide, gather)

SERVICE = Service(
    name="observe",
    emits=frozenset({e.EvidenceGatheredV1, e.WatchesActivatedV1, e.FindingRaisedV1, e.FindingEndedV1}),
    reactions={
        e.IncidentOpenedV1: LOOK,
        e.IncidentReopenedV1: LOOK,
        e.IncidentUnmergedV1: LOOK,
        e.InvestigationStartedV1: LOOK,
    },
    timers={
        e.SignalAttachedV1: settle_if_new,
        e.SignalClearedV1: settle,
        e.ActionSucceededV1: settle,
        e.ActionFailedV1: settle,
        e.ActionOutcomeUnknownV1: settle,
        e.ApprovalRevokedV1: settle,
        e.DiagnosisReachedV1: recheck,
    },
    due={"settle": LOOK, "recheck": LOOK},
    reads=("incidents",),  # what was, to compare with
    needs=(
        "cloudwatch:ListMetrics",
        "cloudwatch:GetMetricData",
        "logs:FilterLogEvents",
        "ssm:DescribeInstanceInformation",
        "ssm:StartAutomationExecution",  # the read-only health check document only
        "ssm:GetAutomationExecution",
        "ssm:SendCommand",  # what the document does in the caller's name
        "ssm:ListCommands",
        "ssm:ListCommandInvocations",
        "ssm:GetParameterHistory",
        "cloudtrail:LookupEvents",
        "codedeploy:ListDeployments",
        "codedeploy:BatchGetDeployments",
        "config:GetResourceConfigHistory",
        "config:ListDiscoveredResources",
        "ecs:DescribeServices",
        "ecs:ListTasks",
        "ecs:DescribeTasks",
        "ecs:ListServiceDeployments",
        "ecs:DescribeServiceDeployments",
        "ecs:DescribeServiceRevisions",
        "rds:DescribeDBInstances",
        "rds:DescribeEvents",
        "pi:DescribeDimensionKeys",
        "lambda:GetFunctionConfiguration",
        "lambda:GetFunctionConcurrency",
        "lambda:ListVersionsByFunction",
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeScalingActivities",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstances",
        "health:DescribeEvents",
        "xray:GetServiceGraph",
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "kms:GenerateDataKey",
        "kms:Decrypt",
        "kms:GenerateMac",
        "dynamodb:GetItem",  # which table of a read model is live
        "dynamodb:Query",  # the index of the read model that it reads
    ),
)
