"""signatures: failures that clusters and databases describe in words of their own, by what speaks for them now. Pure.

Declarative: a signature is a pattern over current texts, the category it stands for, how specific it is, and the
mechanism in the vocabulary of the evidence. A consequence (a crash loop, a stalled rollout) is less specific than what
brings it about, so that the cause leads and the consequence is kept. Metrics of a database can support a signature or
stand in for its text. No signature knows a service.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from resilibot.contracts.evidence import Citation
from resilibot.reason.hypotheses import Candidate
from resilibot.reason.now import BUSY, GROWN, Now, Said, level, rise
from resilibot.reason.scene import Measured, Scene

CAUSE, CONSEQUENCE, METRIC = 0.8, 0.4, 0.15  # what a text that names a cause, or an effect, and a metric are worth
EMPTY = 0.05  # of what was free at first
MOST = 0.95


@dataclass(frozen=True)
class Signature:
    """`mechanism` may name {object}: what the pattern's group `object` found, {who}: who said it."""

    cause: str
    category: str
    weight: float
    says: re.Pattern[str]
    mechanism: str
    metrics: Callable[[Now], list[Measured]] = lambda now: []  # those that agree
    told_by: str = ""  # the metric that suffices without any text
    of_states: bool = False  # only a resource's own word counts: a log line may quote anything


def _says(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _when(*wanted: tuple[str, Callable[[Measured], bool]]) -> Callable[[Now], list[Measured]]:
    return lambda now: [m for name, holds in wanted if (m := now.metric(name)) is not None and holds(m)]


def _busy(metric: Measured) -> bool:
    return (level(metric) or 0.0) >= BUSY


def _grown(metric: Measured) -> bool:
    return rise(metric) >= GROWN


def _gone(metric: Measured) -> bool:
    return rise(metric) <= EMPTY


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        "storage_full",
        "resource_exhaustion",
        CAUSE + 0.1,
        _says(
            r"out of storage|storage[- ]full|storage (?:space )?is (?:critically )?low|insufficient storage"
            r"|no space left|disk full"
        ),
        "storage is full: {object} ran out of storage space, free storage is used up and writes are blocked",
        _when(("FreeStorageSpace", _gone), ("WriteIOPS", _gone), ("WriteLatency", _grown)),
    ),
    Signature(
        "connection_exhaustion",
        "resource_exhaustion",
        CAUSE,
        _says(r"connection slots|too many (?:clients|connections)|max_connections (?:limit )?(?:reached|exceeded)"),
        "connection exhaustion: the connections of {object} reached max_connections, new sessions are refused",
        _when(("DatabaseConnections", lambda m: rise(m) > 1.25)),
    ),
    Signature(
        "checkpoint_storm",
        "resource_exhaustion",
        CAUSE + 0.15,
        _says(r"checkpoints are occurring too frequently|checkpoint storm"),
        "a checkpoint storm on {object}: bulk writes fill the WAL faster than max_wal_size"
        " allows, checkpoints follow one another, and CPU and I/O follow from that",
        _when(("TransactionLogsGeneration", _grown), ("WriteIOPS", _grown), ("DiskQueueDepth", _grown)),
    ),
    Signature(
        "replication_lag",
        "resource_exhaustion",
        CAUSE,
        _says(r"replication lag (?:has )?exceeded|replica (?:is|may be) (?:significantly )?(?:behind|falling behind)"),
        "replication lag: the primary {service} writes WAL faster than its read replica replays it",
        _when(("ReplicaLag", _grown), ("TransactionLogsGeneration", _grown), ("WriteIOPS", _grown)),
        told_by="ReplicaLag",
    ),
    Signature(
        "cpu_saturation",
        "resource_exhaustion",
        CONSEQUENCE + 0.15,
        _says(r"cpu utili[sz]ation has exceeded|cpu throttl"),
        "CPU saturation of {service}: a query uses up the CPU",
        _when(("CPUUtilization", _busy)),
        told_by="CPUUtilization",
    ),
    Signature(
        "failover",
        "infrastructure",
        CAUSE,
        _says(r"failover (?:has been |was )?(?:initiated|started|in progress|completed)|finished a \S+ failover"),
        "a Multi-AZ failover of {object}: the primary changed over to its standby and open connections were dropped",
        _when(("DatabaseConnections", lambda m: rise(m) < 0.7)),
    ),
    Signature(
        "image_pull",
        "configuration_error",
        CAUSE,
        _says(
            r"ErrImagePull|ImagePullBackOff|InvalidImageName"
            r"|pull(?:ing)? image \"(?P<object>[\w./:@-]{1,200})\""
        ),
        "ImagePullBackOff: the image {object} of the deployment cannot be pulled (its manifest or tag is unknown,"
        " or access is denied), so pods of the new ReplicaSet cannot start",
    ),
    Signature(
        "image_pull",
        "configuration_error",
        CAUSE,
        _says(r"CannotPull\w*Error(?:.{0,120}?(?P<object>[\w-]+(?:\.[\w-]+)+/[\w./:@-]{1,200}))?"),
        "the image of {service} cannot be pulled ({object}): its tag is unknown or access is denied, so that"
        " no new task starts",
    ),
    Signature(
        "task_resources",
        "configuration_error",
        CAUSE,
        _says(r"ResourceInitializationError|Cannot(?:CreateContainer|StartContainer)Error"),
        "tasks of {service} cannot start: what their definition names (secrets, registry, logs, volumes, command) is"
        " not to be had",
        of_states=True,
    ),
    Signature(
        "no_capacity",
        "resource_exhaustion",
        CAUSE,
        _says(r"unable to place a task|do not have sufficient \S+ capacity|capacity is unavailable"),
        "there is no capacity for {service}: its new tasks or instances cannot be placed",
    ),
    Signature(
        "quota_exceeded",
        "resource_exhaustion",
        CAUSE,
        _says(r"VcpuLimitExceeded|InstanceLimitExceeded|more (?:vCPU capacity|instances) .{0,80}current .{0,40}limit"),
        "a quota of the account is used up: no further instances of {service} are started",
    ),
    Signature(
        "instance_down",
        "infrastructure",
        CAUSE,
        _says(r"the instance is (?:stopp|terminat|shutting)\w*|(?:system|instance) status check is impaired"),
        "the instance {who} does not run, or fails AWS's status checks",
        of_states=True,
    ),
    Signature(
        "database_down",
        "infrastructure",
        CAUSE,
        _says(r"DB instance status (?:stopp\w+|failed|rebooting|restore-error)"),
        "the database {who} is not available by its own status",
        of_states=True,
    ),
    Signature(
        "database_configuration",
        "configuration_error",
        CAUSE,
        _says(r"DB instance status (?:incompatible|inaccessible)[\w-]*"),
        "the database {who} cannot run with what it is configured to use (parameters, options, network or key)",
        of_states=True,
    ),
    Signature(
        "function_throttled",
        "configuration_error",
        CAUSE,
        _says(r"reserved concurrency is 0"),
        "every invocation of {who} is throttled: its reserved concurrency is 0",
        of_states=True,
    ),
    Signature(
        "function_unusable",
        "configuration_error",
        CAUSE,
        _says(r"the function is Failed|its last update failed"),
        "the function {who} cannot be invoked as it is meant to: its state or its last update has failed",
        of_states=True,
    ),
    Signature(
        "provider_issue",
        "infrastructure",
        CONSEQUENCE,
        _says(r"AWS_\w+_ISSUE\b"),
        "AWS has an open issue in {who}, which {service} may suffer from",
        of_states=True,
    ),
    Signature(
        "liveness_probe",
        "configuration_error",
        CAUSE,
        _says(r"(?P<kind>liveness|startup) probe failed"),
        "Liveness probe failure: kubelet restarts the container of {pod} because its probe fails: the probe's"
        " settings or its endpoint are wrong",
    ),
    Signature(
        "readiness_probe",
        "configuration_error",
        CONSEQUENCE + 0.2,
        _says(r"readiness probe failed"),
        "Readiness probe failure: {pod} runs but is not Ready, so it gets no traffic",
    ),
    Signature(
        "out_of_memory",
        "resource_exhaustion",
        CAUSE,
        _says(r"oomkill|out ?of ?memory|exit code 137|memory limit"),
        "OOMKilled: the container of {pod} exceeds its memory limit (exit code 137) and is restarted",
    ),
    Signature(
        "name_resolution",
        "configuration_error",
        CAUSE,
        _says(r"(?:enotfound|unable to resolve|no such host|name resolution)[: ]*(?P<object>[\w.-]+\.[\w.-]+)?"),
        "DNS resolution fails: the name {object} cannot be resolved, so every call to it fails",
    ),
    Signature(
        "missing_configuration",
        "configuration_error",
        CAUSE + 0.1,
        _says(
            r"(?:env(?:ironment)? var(?:iable)? (?P<object>\w+) (?:is )?not set|CreateContainerConfigError"
            r"|(?:configmap|secret) \"?(?P<named>[\w.-]+)\"? not found|configuration error"
            r"(?:.{0,80}?\b(?:env(?:ironment)? var(?:iable)?|key|setting) (?P<setting>\w+))?)"
        ),
        "the new revision lacks configuration that the application requires ({object}): its containers exit at start"
        " and the deployment's rollout to the new ReplicaSet is stuck",
    ),
    Signature(
        "no_capacity",
        "resource_exhaustion",
        CAUSE,
        _says(r"insufficient (?P<object>cpu|memory|pods|ephemeral-storage)"),
        "Pending pods cannot be scheduled (FailedScheduling): the nodes have insufficient {object}",
    ),
    Signature(
        "quota_exceeded",
        "resource_exhaustion",
        CAUSE,
        _says(r"exceeded quota: (?P<object>[\w.-]+)|exceeded quota"),
        "no further pods are admitted: the namespace's ResourceQuota {object} is exceeded",
    ),
    Signature(
        "unschedulable",
        "configuration_error",
        CAUSE - 0.1,
        _says(r"didn't match (?:pod's )?node (?:affinity|selector)|untolerated taint"),
        "Pending pods cannot be scheduled (FailedScheduling): no node matches their selector, affinity or tolerations",
    ),
    Signature(
        "node_failure",
        "infrastructure",
        CAUSE,
        _says(r"node ?not ?ready|node is not ready|kubelet stopped posting|evicted.*node|(?:disk|memory|pid)pressure"),
        "node failure: {object} is NotReady or under pressure, and its pods are evicted",
    ),
    Signature(
        "volume",
        "infrastructure",
        CAUSE,
        _says(r"failed ?(?:mount|attach ?volume)|unable to (?:mount|attach)"),
        "a volume cannot be mounted (FailedMount), so the pod {pod} cannot start",
    ),
    Signature(
        "bad_data",
        "data_quality",
        CAUSE - 0.1,
        _says(r"schema mismatch|violates .* constraint|null value in column|malformed (?:record|message)"),
        "data of another shape than expected is rejected: {object}",
    ),
    Signature(
        "unreachable_dependency",
        "dependency_failure",
        CAUSE - 0.15,
        _says(r"connection refused|econnrefused|upstream (?:connect|timed? ?out)|service unavailable"),
        "a dependency fails: calls to it are refused or time out",
    ),
    Signature(
        "uncaught_error",
        "code_defect",
        CAUSE - 0.15,
        _says(r"traceback|panic:|nullpointer|segmentation fault|unhandled exception|uncaught"),
        "a defect in the code: the process of {pod} ends with an uncaught error",
    ),
    Signature(
        "stalled_rollout",
        "configuration_error",
        CONSEQUENCE,
        _says(r"progress ?deadline ?exceeded|exceeded its progress deadline"),
        "the deployment's rollout is stuck: the new ReplicaSet has no available replica",
    ),
    Signature(
        "failed_deployment",
        "configuration_error",
        CONSEQUENCE,
        _says(r"deployment circuit breaker|\bdeployment \S+ is FAILED"),
        "the deployment of {service} fails: its new tasks do not stay up",
        of_states=True,
    ),
    Signature(
        "health_check",
        "code_defect",
        CONSEQUENCE,
        _says(r"failed (?:elb|container) health checks"),
        "tasks of {service} are stopped because they fail their health checks",
        of_states=True,
    ),
    Signature(
        "crash_loop",
        "code_defect",
        CONSEQUENCE,
        _says(r"crashloopbackoff|back-off restarting failed"),
        "CrashLoopBackOff: the container of {pod} ends soon after each start",
    ),
)


def signatures(scene: Scene) -> list[Candidate]:
    """What current texts, states and metrics of the resource speak for; none of it, and there is no candidate."""
    if not scene.states:
        return []
    now = Now(scene)
    return [found for signature in SIGNATURES if (found := _candidate(signature, now)) is not None]


def _candidate(signature: Signature, now: Now) -> Candidate | None:
    told = [s for s in now.current if s.level == "STATE" or not signature.of_states]
    said = [(s, match) for s in told if (match := signature.says.search(s.text))]
    metrics = signature.metrics(now)
    if not said and not any(m.content.name == signature.told_by for m in metrics):
        return None
    candidate = Candidate(signature.cause, now.scene.service, "")
    named = _named(signature, now, said)
    candidate.statement = signature.mechanism.format(**named)
    if metrics:
        candidate.statement += f" ({', '.join(metric.content.name for metric in metrics)})"
    candidate.category = signature.category
    who = ", ".join(sorted({s.by for s, _ in said if s.by})[:2])
    candidate.pro(signature.weight, f"it is told now by {who or 'the evidence'}", [s.cite for s, _ in said])
    for metric in metrics:
        values = [value for _, value in metric.content.points]
        text = f"{metric.content.name} of {metric.content.component} went from {values[0]:g} to {values[-1]:g}"
        speaks = not said and metric.content.name == signature.told_by
        candidate.pro(signature.weight if speaks else METRIC, text, [metric.cite])
    return candidate


def _named(signature: Signature, now: Now, said: Sequence[tuple[Said, re.Match[str]]]) -> Mapping[str, str]:
    """What the mechanism's words stand for: the first object that a text names, else who said it."""
    objects = [group for _, match in said for group in match.groupdict().values() if group]
    service = now.scene.service or "the resource"
    pods = [pod.status.component for pod in now.unready] or [pod.status.component for pod in now.pods]
    who = next((s.by for s, _ in said if s.by), service)
    pod = pods[0] if pods else service
    return {"object": objects[0] if objects else service, "service": service, "pod": pod, "who": who}


def cites(said: Sequence[Said]) -> list[Citation]:
    return list(dict.fromkeys(s.cite for s in said))
