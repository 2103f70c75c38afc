"""clusters: how pods, nodes and their volumes fail, in the words of Kubernetes, its runtimes and the kernel."""

from resilibot.reason.signs.signature import CAUSE, CONSEQUENCE, LIKELY, Signature, says

CRASHES = frozenset({"crash_loop", "stalled_rollout", "application_error"})
CALLS = frozenset({"unreachable_dependency", "application_error"})
ZONE = r"[a-z]{2}(?:-[a-z]+){1,2}-\d[a-z]"
DOWN = r"(?:outage|impaired|unavailable|unreachable|degraded|fail(?:s|ed|ing|ure)|connectivity (?:issue|loss)|lost)"

CLUSTERS: tuple[Signature, ...] = (
    Signature(
        "image_pull",
        "configuration_error",
        CAUSE,
        says(
            r"(?P<why>ErrImageNeverPull)|ErrImagePull|ImagePullBackOff|InvalidImageName|ImageInspectError"
            r"|(?:failed to|unable to|error|back-off) pull(?:ing)? image \"(?P<object>[\w./:@-]{1,200})\""
            r"(?:.{0,400}?(?P<why_not>\b(?:401|403) \w+|no basic auth credentials|toomanyrequests"
            r"|x509: certificate \w+))?"
        ),
        "ImagePullBackOff: the image {object} of the deployment cannot be pulled (its manifest or tag is unknown,"
        " or access is denied), so pods of the new ReplicaSet cannot start",
        explains=frozenset({"access_denied", "certificate", "rate_limited", *CALLS}),
    ),
    Signature(
        "liveness_probe",
        "configuration_error",
        CAUSE,
        says(r"(?P<kind>liveness|startup) probe failed"),
        "{kind} probe failure: kubelet restarts the container of {pod} because its probe fails: the probe's"
        " settings or its endpoint are wrong",
        explains=frozenset({"readiness_probe", *CRASHES, *CALLS}),
    ),
    Signature(
        "readiness_probe",
        "configuration_error",
        CONSEQUENCE + 0.2,
        says(r"readiness probe failed(?:.{0,200}?(?P<why>connection refused|statuscode: \d+|deadline exceeded))?"),
        "Readiness probe failure: {pod} runs but is not Ready, so it gets no traffic: the path or port of its probe is"
        " wrong, or it is not done starting",
        unless=says(r"(?:liveness|startup) probe failed"),
        explains=CALLS,
    ),
    Signature(
        "out_of_memory",
        "resource_exhaustion",
        CAUSE,
        says(
            r"oomkill|out ?of ?memory|exit code 137|memory limit .{0,20}(?:exceeded|reached|hit)"
            r"|(?:exceed|reach|over|above|hit)\w*.{0,20} memory limit"
        ),
        "OOMKilled: the container of {pod} exceeds its memory limit (exit code 137) and is restarted",
        explains=CRASHES,
    ),
    Signature(
        "missing_configuration",
        "configuration_error",
        CAUSE + 0.1,
        says(
            r"(?:env(?:ironment)? var(?:iable)? (?P<object>\w+) (?:is |was )?(?:not set|must be set|missing|required)"
            r"|\b(?P<variable>[a-z](?=\w*_)\w++) (?:is |was )?(?:not set|must be set)(?!.{0,20}(?:using|default|fall))"
            r"|CreateContainerConfigError"
            r"|(?P<keyed>key [\w.-]{1,80} in (?:configmap|secret) [\w./-]{1,120})"
            r"|(?P<named>(?:configmap|secret|service ?account) \"?[\w./-]{1,100}\"?) not found|configuration error"
            r"(?:.{0,80}?\b(?:env(?:ironment)? var(?:iable)?|key|setting) (?P<setting>\w+))?"
            r"|could not resolve placeholder '(?P<placeholder>[\w.-]{1,80})|missing required (?:config\w*|setting"
            r"|env\w*)|(?:invalid|failed to (?:load|parse)) config\w*)"
        ),
        "the new revision lacks configuration that the application requires ({object}): its containers exit at start"
        " and the deployment's rollout to the new ReplicaSet is stuck",
        unless=says(r"runAsNonRoot"),
        explains=frozenset({"volume", "uncaught_error", *CRASHES}),
        of_trouble=True,
    ),
    Signature(
        "container_start",
        "configuration_error",
        CAUSE,
        says(
            r"(?P<why>runAsNonRoot)|unable to start container process|exec format error"
            r"|failed to create (?:containerd|shim)"
            r"|(?:executable file not found|exec: \"?(?P<object>[\w./-]{1,120})\"?)|RunContainerError"
            r"|stat \S{1,120}: (?P<absent>no such file or directory)"
        ),
        "the container of {pod} cannot be started as its spec says ({object}: command, user or mounts)",
        explains=CRASHES,
        of_trouble=True,
        otherwise="StartError",
    ),
    Signature(
        "no_capacity",
        "resource_exhaustion",
        CAUSE,
        says(
            r"(?P<why>insufficient (?P<object>cpu|memory|pods|ephemeral-storage|[\w.]+/gpu))|\d (?P<pods>too many pods)"
        ),
        "Pending pods cannot be scheduled (FailedScheduling): the nodes have insufficient {object}",
        explains=frozenset({"unschedulable"}),
    ),
    Signature(
        "quota_exceeded",
        "resource_exhaustion",
        CAUSE,
        says(r"exceeded quota: (?P<object>[\w.-]+)(?:, requested: (?P<why>[\w./-]{1,60}))?|exceeded quota"),
        "no further pods are admitted (FailedCreate, forbidden): the quota of the namespace (ResourceQuota {object}) is"
        " exceeded",
        explains=frozenset({"access_denied"}),
    ),
    Signature(
        "unschedulable",
        "configuration_error",
        CAUSE - 0.1,
        says(
            r"didn't match (?:pod's )?(?P<why>node (?:affinity|selector)|pod (?:anti-)?affinity|topology spread)"
            r"|(?P<why_not>untolerated taint)"
            r"|node\(s\) were unschedulable"
        ),
        "Pending pods cannot be scheduled (FailedScheduling): no node matches their selector, affinity or tolerations",
    ),
    Signature(
        "unbound_claim",
        "configuration_error",
        CAUSE,
        says(
            r"unbound immediate PersistentVolumeClaims|storageclass\S{0,80} \"?(?P<object>[\w.-]{1,80})\"? not found"
            r"|ProvisioningFailed|no persistent volumes available"
        ),
        "the PersistentVolumeClaim of {pod} stays unbound, so that it is Pending: its storage class ({object}) does not"
        " exist or cannot provision a volume",
        explains=frozenset({"volume", "missing_configuration"}),
    ),
    Signature(
        "spot_interruption",
        "infrastructure",
        CAUSE + 0.1,
        says(r"spot (?:instance )?interruption (?:warning|notice)\b|SpotInterruption|rebalance recommendation"),
        "a spot interruption: the cloud took {node} back, and its pods went with it",
        explains=frozenset({"node_failure", "no_capacity", *CALLS}),
    ),
    Signature(
        "zone_outage",
        "infrastructure",
        CAUSE + 0.1,
        says(
            rf"{DOWN}.{{0,60}}availability zone .{{0,20}}?\b(?P<object>{ZONE})\b"
            rf"|\b(?P<zone>{ZONE})\b.{{0,60}}{DOWN}"
        ),
        "the availability zone {object} fails: nodes and what runs on them are NotReady or not to be reached",
        explains=frozenset({"node_failure", *CALLS}),
        unless=says(r"no failure in|rebalanc"),
    ),
    Signature(
        "hardware",
        "infrastructure",
        CAUSE + 0.1,
        says(
            r"(?P<why>soft lockup|hung_task|kernel panic|I/O error|remounting filesystem read-only|machine check"
            r"|StatusCheckFailed\w{0,10}|underlying hardware|(?:uncorrectable|ECC) error)"
        ),
        "hardware, kernel or disk of {node} fails",
        explains=frozenset({"node_failure", "volume", *CALLS}),
    ),
    Signature(
        "node_failure",
        "infrastructure",
        CAUSE,
        says(
            r"node ?not ?ready|node is not ready|(?P<why>kubelet stopped posting(?: node status)?)"
            r"|node .{0,80}unreachable|NodeHasInsufficientPID"
        ),
        "node failure: {node} is NotReady or under pressure, its kubelet does not report, and its pods are evicted",
        explains=CALLS,
    ),
    Signature(
        "node_pressure",
        "resource_exhaustion",
        CAUSE,
        says(
            r"low on resource: (?P<object>[\w-]+)|(?P<why>(?<!no)(?:disk|memory|pid)pressure)"
            r"|(?<!no)(?:disk|memory|pid) pressure|EvictionThresholdMet"
            r"|FreeDiskSpaceFailed|attempting to reclaim (?P<reclaimed>[\w-]+)|evicted.{0,40}the node"
        ),
        "node {node} is under pressure, its {object} (disk, memory or PIDs) is used up: pods are Evicted",
        unless=says(r"node ?not ?ready|node is not ready|kubelet stopped posting"),
        explains=frozenset({"storage_full", *CRASHES}),
        of_trouble=True,
        otherwise="resources",
    ),
    Signature(
        "volume",
        "infrastructure",
        CAUSE,
        says(
            r"failed ?(?:mount|attach ?volume)|unable to (?:mount|attach)"
            r"|(?:failed|(?P<why>multi-attach) error) for volume \"(?P<object>[\w.-]{1,120})\""
        ),
        "the volume {object} cannot be attached or mounted (FailedMount), so the pod {pod} cannot start",
        unless=says(r"unbound immediate PersistentVolumeClaims"),
        explains=CALLS,
        otherwise="of {service}",
    ),
    Signature(
        "no_addresses",
        "resource_exhaustion",
        CAUSE + 0.1,
        says(
            r"failed to assign an IP|InsufficientFreeAddresses|no (?:free|available) (?:IP )?address"
            r"|not enough free addresses|plugin type=\"(?P<object>[\w-]{1,40})\".{0,80}failed to assign"
        ),
        "no IP address is left for new pods: {object} cannot assign one (FailedCreatePodSandBox), the subnet or the"
        " node's addresses are used up",
        explains=frozenset({"pod_network"}),
        otherwise="the network plugin",
    ),
    Signature(
        "pod_network",
        "infrastructure",
        LIKELY,
        says(
            r"failed ?(?:to )?create ?pod ?sandbox|NetworkPluginNotReady|network is not ready|cni .{0,40}uninitialized"
        ),
        "the network of new pods cannot be set up by the CNI (FailedCreatePodSandBox), so {pod} cannot start",
        explains=frozenset({"wrong_endpoint", *CALLS}),
    ),
    Signature(
        "admission",
        "configuration_error",
        CAUSE + 0.1,
        says(
            r"failed calling webhook \"?(?P<object>[\w.-]{1,120})\"?"
            r"(?:.{0,300}?(?P<why>no endpoints available|connection refused|deadline exceeded"
            r"|certificate (?:has expired|is not valid|signed by unknown authority))"
            r")?"
            r"|admission webhook \"?(?P<denying>[\w.-]{1,120})\"? denied"
        ),
        "the admission webhook {object} cannot be called or refuses, so that no pod is created",
        explains=frozenset({"certificate", "stalled_rollout", *CALLS}),
    ),
    Signature(
        "disruption_budget",
        "configuration_error",
        LIKELY,
        says(r"violate the pod's disruption budget|PodDisruptionBudget .{0,60}(?:blocks|prevents|allows 0)"),
        "the disruption budget (PodDisruptionBudget) of {service} lets no pod go, so that nodes cannot be drained",
    ),
    Signature(
        "scaled_to_maximum",
        "resource_exhaustion",
        LIKELY,
        says(
            r"ScalingLimited|TooManyReplicas|more than the maximum replica count"
            r"|(?:HPA|HorizontalPodAutoscaler|replicas?) .{0,60}(?:at|reached|hit) (?:its |the |their )?max"
        ),
        "the HPA (HorizontalPodAutoscaler) of {service} is at its max of replicas: the load is more than they can take",
        explains=frozenset({"limit_reached", *CALLS}),
    ),
    Signature(
        "no_endpoints",
        "configuration_error",
        LIKELY,
        says(
            r"(?:does not have any|has no) (?:active |ready )?endpoints?|no endpoints available for service"
            r"(?: \"?(?P<object>[\w./-]{1,100}))?"
        ),
        "the service {object} has no endpoints: its selector or port matches no Ready pod, so calls to it are answered"
        " with 503",
        unless=says(r"readiness probe failed|failed calling webhook|crashloopbackoff"),
        explains=CALLS,
    ),
    Signature(
        "autoscaler_blind",
        "configuration_error",
        LIKELY,
        says(
            r"FailedGet\w{0,20}Metric|failed to get (?:cpu|memory) (?:utilization|resource)|unable to get metrics for"
        ),
        "the autoscaler of {service} cannot read its metrics, so that it does not scale",
    ),
    Signature(
        "cpu_throttled",
        "resource_exhaustion",
        LIKELY,
        says(r"cpu throttl|cfs_throttled|periods throttled"),
        "CPU throttling: the containers of {service} use up their CPU limit, though nodes may have CPU to spare",
    ),
    Signature(
        "stalled_rollout",
        "configuration_error",
        CONSEQUENCE,
        says(r"progress ?deadline ?exceeded|exceeded its progress deadline|timed out progressing"),
        "the deployment's rollout is stuck: the new ReplicaSet has no available replica",
    ),
    Signature(
        "failed_job",
        "code_defect",
        CONSEQUENCE - 0.05,
        says(r"BackoffLimitExceeded|reached the specified backoff limit"),
        "the job {who} has failed as often as it may",
    ),
    Signature(
        "crash_loop",
        "code_defect",
        CONSEQUENCE,
        says(r"crashloopbackoff|back-off restarting failed"),
        "CrashLoopBackOff: the container of {pod} ends soon after each start",
    ),
)
