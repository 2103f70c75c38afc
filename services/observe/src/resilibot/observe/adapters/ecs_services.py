"""Amazon ECS: what a service runs, how its deployments go, why its last tasks stopped, which image followed which."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from resilibot.contracts.evidence import ChangeContent, StatusContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client, Parts
from resilibot.observe.ports import ChangeRead, SourceFailed, StateEvent, StateRead, StatusRead
from resilibot.observe.subjects import ECS, Subject

TASKS = 10  # stopped tasks told, the latest
DEPLOYMENTS = 5  # told as changes, the latest


class EcsServices:
    name = "ecs"
    kinds = frozenset({ECS})

    def __init__(self, client: Client) -> None:
        self._client = client

    def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
        cluster, query = subject.within, {"cluster": subject.within, "services": [subject.name]}
        ecs, parts = self._client(), Parts()
        with asking(f"DescribeServices {query}"):
            answer = ecs.describe_services(**query)
        service = next(iter(answer.get("services", [])), None)
        if service is None:
            raise SourceFailed("no_data", f"DescribeServices {query}: {_failures(answer)}")
        asked = {"operation": "DescribeServices", **query}
        states = [StatusRead(_service(subject.name, service), asked)]
        stopped = {"cluster": cluster, "serviceName": subject.name, "desiredStatus": "STOPPED"}
        arns = parts.ask(f"ListTasks {stopped}", ecs.list_tasks, **stopped).get("taskArns", [])
        if arns:
            answer = parts.ask(f"DescribeTasks {cluster}", ecs.describe_tasks, cluster=cluster, tasks=arns[:100])
            states += _tasks(answer.get("tasks", []), cluster, start, end)
        events = tuple(
            StateEvent(event["createdAt"].astimezone(UTC), event["message"], subject.name, asked)
            for event in service.get("events", [])
            if start <= event["createdAt"] <= end
        )
        return StateRead(tuple(states), events, tuple(parts.gaps))

    def changes_of(self, subject: Subject, start: datetime, end: datetime) -> list[ChangeRead]:
        """Deployments that began in the window, with the images before and after."""
        ecs, query = self._client(), {"cluster": subject.within, "service": subject.name}
        with asking(f"ListServiceDeployments {query}"):
            created = {"after": start, "before": end}
            briefs = ecs.list_service_deployments(**query, createdAt=created, maxResults=100)["serviceDeployments"]
            briefs = sorted(briefs, key=lambda brief: brief["createdAt"])[-DEPLOYMENTS:]
            if not briefs:
                return []
            arns = [brief["serviceDeploymentArn"] for brief in briefs]
            told = ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
            named = sorted({arn for deployment in told for arn in _revisions(deployment)})
            revisions = ecs.describe_service_revisions(serviceRevisionArns=named)["serviceRevisions"] if named else []
        runs = {revision["serviceRevisionArn"]: _runs(revision) for revision in revisions}
        asked = {"operation": "DescribeServiceDeployments", **query}
        return [
            ChangeRead(_deployment(subject.name, deployment, runs), asked)
            for deployment in sorted(told, key=lambda one: one["createdAt"])
        ]


def _failures(answer: dict[str, Any]) -> str:
    return ", ".join(str(failure.get("reason", "?")) for failure in answer.get("failures", [])) or "no such service"


def _service(name: str, service: dict[str, Any]) -> StatusContent:
    desired, running = service.get("desiredCount", 0), service.get("runningCount", 0)
    deployments = service.get("deployments", [])
    return StatusContent(
        component=name,
        kind=ECS,
        state=str(service.get("status", "unknown")).lower(),
        responds=None,
        detail={
            "desired": desired,
            "running": running,
            "pending": service.get("pendingCount", 0),
            "deployments": [
                {
                    "id": deployment.get("id"),
                    "status": deployment.get("status"),
                    "rollout": deployment.get("rolloutState"),
                    "task_definition": deployment.get("taskDefinition"),
                    "failed_tasks": deployment.get("failedTasks", 0),
                }
                for deployment in deployments
            ],
            "reasons": [*_short(service, desired, running), *_rollouts(deployments)],
        },
    )


def _short(service: dict[str, Any], desired: int, running: int) -> Iterator[str]:
    if service.get("status") != "ACTIVE":
        yield f"the service is {service.get('status')}"
    if running < desired:
        yield f"{running} of {desired} desired tasks run"


def _rollouts(deployments: list[dict[str, Any]]) -> Iterator[str]:
    for deployment in deployments:
        state, failed = deployment.get("rolloutState"), deployment.get("failedTasks", 0)
        if state == "FAILED" or failed:
            reason = deployment.get("rolloutStateReason", "")
            yield f"deployment {deployment.get('id')} is {state}, {failed} of its tasks failed: {reason}"


def _tasks(tasks: list[dict[str, Any]], cluster: str, start: datetime, end: datetime) -> list[StatusRead]:
    stopped = [task for task in tasks if start <= task.get("stoppedAt", start) <= end]
    stopped.sort(key=lambda task: (task.get("stoppedAt", start), task["taskArn"]))
    return [
        StatusRead(_task(task), {"operation": "DescribeTasks", "cluster": cluster, "tasks": [task["taskArn"]]})
        for task in stopped[-TASKS:]
    ]


def _task(task: dict[str, Any]) -> StatusContent:
    at = task.get("stoppedAt")
    return StatusContent(
        component=task["taskArn"].rpartition("/")[2],
        kind="task",
        state=str(task.get("lastStatus", "unknown")).lower(),
        responds=None,
        detail={
            "stop_code": task.get("stopCode"),
            "message": task.get("stoppedReason"),
            "stopped_at": at.astimezone(UTC).isoformat() if at else None,
            "task_definition": task.get("taskDefinitionArn"),
            "containers": [
                {
                    "name": container.get("name"),
                    "image": container.get("image"),
                    "state": {"reason": container.get("reason"), "exit_code": container.get("exitCode")},
                }
                for container in task.get("containers", [])
            ],
        },
    )


def _revisions(deployment: dict[str, Any]) -> list[str]:
    revisions = [*deployment.get("sourceServiceRevisions", []), deployment.get("targetServiceRevision", {})]
    return [revision["arn"] for revision in revisions if "arn" in revision]


def _runs(revision: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    """Images, pinned where ECS tells their digest, and the task definition: what a revision runs."""
    containers = revision.get("containerImages", [])
    images = tuple(sorted(f"{one.get('image', '?')} {one.get('imageDigest', '')}".strip() for one in containers))
    return images, str(revision.get("taskDefinition", "")).rpartition("/")[2]


def _deployment(name: str, told: dict[str, Any], runs: dict[str, tuple[tuple[str, ...], str]]) -> ChangeContent:
    """The same images under another task definition are another configuration; else it is a deployment."""
    sources = [arn for arn in _revisions(told) if arn != told.get("targetServiceRevision", {}).get("arn")]
    before = runs.get(sources[0]) if sources else None
    after = runs.get(told.get("targetServiceRevision", {}).get("arn", ""))
    is_same_code = before is not None and after is not None and before[0] == after[0] != ()
    return ChangeContent(
        what=f"deployment of ECS service {name}: {str(told.get('status', 'unknown')).lower()}",
        at=told["createdAt"].astimezone(UTC),
        by=None,  # CloudTrail tells who
        before=_say(before),
        after=_say(after),
        kind="config" if is_same_code else "deploy",
    )


def _say(runs: tuple[tuple[str, ...], str] | None) -> str | None:
    return None if runs is None else f"{', '.join(runs[0]) or 'unknown image'} ({runs[1]})"[:500]
