"""aws: how AWS's resources fail by their own states, and how the account's limits are told."""

from resilibot.reason.signs.signature import CAUSE, CONSEQUENCE, Signature, says

AWS: tuple[Signature, ...] = (
    Signature(
        "image_pull",
        "configuration_error",
        CAUSE,
        says(r"CannotPull\w{0,40}Error(?:.{0,120}?(?P<object>[\w-]+(?:\.[\w-]+)+/[\w./:@-]{1,200}))?"),
        "the image of {service} cannot be pulled ({object}): its tag is unknown or access is denied, so that"
        " no new task starts",
    ),
    Signature(
        "task_resources",
        "configuration_error",
        CAUSE,
        says(r"ResourceInitializationError|Cannot(?:CreateContainer|StartContainer)Error"),
        "tasks of {service} cannot start: what their definition names (secrets, registry, logs, volumes, command) is"
        " not to be had",
        of_states=True,
        explains=frozenset({"application_error", "access_denied", "unreachable_dependency"}),
    ),
    Signature(
        "no_capacity",
        "resource_exhaustion",
        CAUSE,
        says(r"unable to place a task|do not have sufficient \S+ capacity|capacity is unavailable"),
        "there is no capacity for {service}: its new tasks or instances cannot be placed",
    ),
    Signature(
        "quota_exceeded",
        "resource_exhaustion",
        CAUSE,
        says(r"VcpuLimitExceeded|InstanceLimitExceeded|more (?:vCPU capacity|instances) .{0,80}current .{0,40}limit"),
        "a quota of the account is used up: no further instances of {service} are started",
    ),
    Signature(
        "throughput_exceeded",
        "resource_exhaustion",
        CAUSE,
        says(
            r"(?P<why>\w{0,40}Concurren\w{0,20}LimitExceeded|ProvisionedThroughputExceeded\w{0,9}"
            r"|ThrottlingException|RequestLimitExceeded|RateExceeded)|(?:^|[:(\"'.] ?)rate exceeded|(?-i:SlowDown)\b"
        ),
        "requests are throttled: the concurrency or throughput that {service} is given is used up",
        explains=frozenset({"rate_limited", "application_error", "unreachable_dependency"}),
    ),
    Signature(
        "instance_down",
        "infrastructure",
        CAUSE,
        says(r"the instance is (?:stopp|terminat|shutting)\w*|(?:system|instance) status check is impaired"),
        "the instance {who} does not run, or fails AWS's status checks",
        of_states=True,
    ),
    Signature(
        "database_down",
        "infrastructure",
        CAUSE,
        says(r"DB instance status (?:stopp\w+|failed|rebooting|restore-error)"),
        "the database {who} is not available by its own status",
        of_states=True,
    ),
    Signature(
        "database_configuration",
        "configuration_error",
        CAUSE,
        says(r"DB instance status (?:incompatible|inaccessible)[\w-]*"),
        "the database {who} cannot run with what it is configured to use (parameters, options, network or key)",
        of_states=True,
    ),
    Signature(
        "function_throttled",
        "configuration_error",
        CAUSE,
        says(r"reserved concurrency is 0"),
        "every invocation of {who} is throttled: its reserved concurrency is 0",
        of_states=True,
    ),
    Signature(
        "function_unusable",
        "configuration_error",
        CAUSE,
        says(r"the function is Failed|its last update failed"),
        "the function {who} cannot be invoked as it is meant to: its state or its last update has failed",
        of_states=True,
    ),
    Signature(
        "provider_issue",
        "infrastructure",
        CONSEQUENCE,
        says(r"\bAWS_\w{1,80}_ISSUE\b"),
        "AWS has an open issue in {who}, which {service} may suffer from",
        of_states=True,
    ),
    Signature(
        "failed_deployment",
        "configuration_error",
        CONSEQUENCE,
        says(r"deployment circuit breaker|\bdeployment \S+ is FAILED"),
        "the deployment of {service} fails: its new tasks do not stay up",
        of_states=True,
    ),
    Signature(
        "health_check",
        "code_defect",
        CONSEQUENCE,
        says(r"failed (?:elb|container) health checks"),
        "tasks of {service} are stopped because they fail their health checks",
        of_states=True,
    ),
)
