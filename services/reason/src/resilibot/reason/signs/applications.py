"""applications: how programs fail by what they log: names, credentials, calls, data, limits and their own code."""

from resilibot.reason.signs.clusters import CALLS, CRASHES
from resilibot.reason.signs.signature import CAUSE, CONSEQUENCE, LIKELY, Signature, says

APPLICATIONS: tuple[Signature, ...] = (
    Signature(
        "name_resolution",
        "configuration_error",
        CAUSE,
        says(
            r"(?:enotfound|unable to resolve|could not resolve host|no such host|name resolution|eai_again)"
            r"[: ]*(?P<object>[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})?"
            r"|lookup (?P<looked>[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}) on \S{1,60}: "
            r"|UnknownHostException(?:: (?P<unknown>[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}))?"
            r"|name or service not known|\b(?:SERVFAIL|NXDOMAIN)\b"
        ),
        "DNS resolution fails: the name {object} cannot be resolved, so every call to it fails",
        explains=CALLS,
        otherwise="of what it calls",
        of_trouble=True,
    ),
    Signature(
        "certificate",
        "configuration_error",
        CAUSE,
        says(
            r"(?P<why>certificate (?:has )?expired(?: or is not yet valid)?|certificate signed by unknown authority"
            r"|certificate verify failed|certificate is (?:not valid|valid for)|PKIX path)"
            r"|certificate_verify_failed|SSLHandshakeException|tls: .{0,40}?(?:handshake|certificate)|x509: "
        ),
        "TLS fails: a certificate is not accepted, so connections that need it cannot be made",
        explains=CALLS,
        of_trouble=True,
    ),
    Signature(
        "bad_credentials",
        "configuration_error",
        CAUSE,
        says(
            r"(?P<why>password authentication failed) for user \"?(?P<object>[\w.-]{1,64})"
            r"|access denied for user '?(?P<user>[\w.-]{1,64})|(?:authentication|login) failed|token (?:has|is) expired"
            r"|invalid (?:credentials|password|api key|access token)|ExpiredToken|WRONGPASS|NOAUTH|InvalidClientTokenId"
            r"|UnrecognizedClientException|security token included in the request is invalid"
            r"|SignatureDoesNotMatch|\b401 unauthorized"
        ),
        "credentials are refused: those of {object} are wrong, rotated or expired",
        explains=frozenset({"access_denied", "uncaught_error", *CRASHES, *CALLS}),
        of_trouble=True,
    ),
    Signature(
        "access_denied",
        "configuration_error",
        CAUSE,
        says(
            r"AccessDenied|not authorized to perform: (?P<object>[\w-]{1,40}:\w{1,60})|UnauthorizedOperation"
            r"|permission denied|(?P<why>is forbidden: user)|\b403 forbidden"
            r"|cannot (?P<verb>(?:list|get|watch|create|update|patch|delete) resource)"
        ),
        "access is denied: the role or account of {service} may not do what it needs ({object})",
        explains=frozenset({"uncaught_error", *CRASHES}),
        otherwise="permission denied",
        of_trouble=True,
    ),
    Signature(
        "wrong_endpoint",
        "configuration_error",
        CAUSE,
        says(
            r"(?:econnrefused|connection refused|connect failed).{0,40}(?P<object>127\.0\.0\.1|localhost|\[::1\])"
            r"|(?P<local>127\.0\.0\.1|localhost|\[::1\])(?::\d+)?.{0,60}(?:econnrefused|connection refused)"
        ),
        "{service} calls a dependency at its own address ({object}, ECONNREFUSED): its configured endpoint is wrong",
        unless=says(r"probe failed"),
        explains=CALLS,
        of_trouble=True,
    ),
    Signature(
        "network_rule",
        "configuration_error",
        CAUSE,
        says(
            r"removed from security group|security group .{0,80}(?:revoked|removed)"
            r"|(?:synced|applied|created|updated|changed) .{0,20}NetworkPolicy (?P<object>[\w./-]{1,100})"
            r"|NetworkPolicy (?P<policy>[\w./-]{1,100}) .{0,20}(?:created|applied|updated)"
            r"|denied by (?:network ?)?policy(?: (?P<denying>[\w-]{1,60}/[\w.-]{1,60}))?"
        ),
        "a rule of the network changed ({object}: security group or NetworkPolicy): connections that it no longer lets"
        " through are timed out",
        explains=CALLS,
        of_change=True,
        otherwise="not named",
    ),
    Signature(
        "throughput_exceeded",
        "resource_exhaustion",
        CONSEQUENCE + 0.2,
        says(r"throttles=[1-9]|requests? (?:was|were|is|are) throttled"),
        "requests are throttled: the concurrency or throughput that {service} is given is used up",
        explains=frozenset({"rate_limited"}),
        of_trouble=True,
    ),
    Signature(
        "store_memory",
        "resource_exhaustion",
        CAUSE,
        says(
            r"used memory > 'maxmemory'|(?P<why>maxmemory|memory resource limit alarm|circuit_breaking_exception)"
            r"|data too large, data for"
        ),
        "a store (Redis, broker or search engine) has reached its memory limit, so that it refuses or blocks writes",
        explains=frozenset({"out_of_memory", "memory_exhausted", "rate_limited", *CALLS}),
        of_trouble=True,
    ),
    Signature(
        "pool_exhausted",
        "resource_exhaustion",
        CAUSE,
        says(
            r"(?P<why>HikariPool|QueuePool|connection pool).{0,80}(?:not available|limit|exhausted|timed out|full)"
            r"|pool (?:is )?exhausted|timeout waiting for (?:idle object|connection from pool)"
        ),
        "the connection pool of {service} is used up: every connection is taken, callers wait and give up",
        explains=CALLS,
        of_trouble=True,
    ),
    Signature(
        "memory_limit",
        "resource_exhaustion",
        CAUSE,
        says(
            r"(?P<why>allowed memory size|signal: killed|sent SIGKILL)"
            r"|Memory Size: (?P<size>\d{2,6}) MB\s+Max Memory Used: (?P=size) MB"
        ),
        "a process of {service} reached its memory limit and was ended",
        explains=frozenset({"out_of_memory", *CALLS}),
        of_trouble=True,
    ),
    Signature(
        "heap_exhausted",
        "resource_exhaustion",
        CAUSE,
        says(r"OutOfMemoryError: (?:java heap|gc overhead|metaspace)|heap out of memory|\bMemoryError\b"),
        "the heap of {service}'s process is used up (OutOfMemoryError), though its container is not killed",
        unless=says(r"oomkill|exit code 137"),
        explains=frozenset({"out_of_memory", "uncaught_error", *CALLS}),
        of_trouble=True,
    ),
    Signature(
        "os_limit",
        "resource_exhaustion",
        CAUSE + 0.1,
        says(
            r"(?P<why>too many open files|unable to create (?:new )?native thread|table full, dropping packet"
            r"|cannot allocate memory|no buffer space|cannot assign requested address|resource temporarily unavailable)"
            r"|\b(?:EMFILE|ENFILE|ENOMEM|EADDRNOTAVAIL)\b|pthread_create failed"
            r"|(?P<object>nf_conntrack|pids controller)"
        ),
        "a limit of the operating system is used up at {who} ({object})",
        explains=frozenset({"out_of_memory", "uncaught_error", "heap_exhausted", *CALLS}),
        otherwise="file descriptors, threads or connections",
        of_trouble=True,
    ),
    Signature(
        "bad_data",
        "data_quality",
        CAUSE - 0.1,
        says(
            r"(?P<why>schema (?:mismatch|validation|version)|null value in column"
            r"|(?:error|failed|cannot|unable to) deserializ\w{1,6}"
            r"|duplicate (?:key|entry)|not valid utf-?8|missing (?:required )?(?:field|column)|magic byte)"
            r"|(?P<empty>(?:file|input|batch|dataset|table) (?:[\w./-]{1,100} )?is empty)"
            r"|schema of \w{1,40} (?:has )?changed|incompatible schema|given input columns"
            r"|data quality (?:check )?failed|violates .{0,60}constraint|malformed (?:record|message|row|json|csv)"
            r"|JSONDecodeError|UnicodeDecodeError|invalid byte sequence|could not convert"
            r"|(?P<typed>invalid input syntax for type \w{1,40})"
            r"|(?:error|failed|cannot|unable to|json:) unmarshal\w{0,6}|deserializ\w{1,6} (?:error|failed|exception)"
            r"|NumberFormatException|ArrowInvalid|(?P<object>partition \S{1,80} at offset \d+)"
            r"|corrupt(?:ed)? (?:record|file|data)"
        ),
        "data of another shape or content than expected is rejected: {object}",
        explains=frozenset({"uncaught_error", "failed_job", *CRASHES}),
        of_trouble=True,
    ),
    Signature(
        "unreachable_dependency",
        "dependency_failure",
        LIKELY,
        says(
            r"connection timed out|lost connection to|upstream .{0,40}closed|econnrefused|econnreset|etimedout"
            r"|service unavailable|upstream (?:connect|timed? ?out)|no healthy upstream|bad gateway|gateway time-?out"
            r"|(?:returned|answered|failed|status|code|http/?[\d.]*|:)[ :=]{0,3}50[0234]\b|no (?:cluster )?leader"
            r"|no route to host"
            r"|\bunavailable\b(?! replica)|i/o timeout|(?:read|connect) timeout"
            r"|(?P<why>connection refused|connection reset by peer|deadline exceeded|vault is sealed"
            r"|timed out(?! (?:progressing|waiting for the condition))|broker may not be available"
            r"|not present in metadata|NotEnoughReplicas|circuit breaker(?! (?:is |was )?closed))"
            r"|https?://(?P<object>[\w.-]{1,100})(?:[/:]\S{0,100})?.{0,20}\b50[234]\b"
        ),
        "a dependency fails: calls to {object} are refused, run into a timeout or are answered with an error",
        otherwise="it",
        of_trouble=True,
    ),
    Signature(
        "rate_limited",
        "dependency_failure",
        LIKELY,
        says(
            r"(?:https?://(?P<object>[\w.-]{1,100})(?:[/:]\S{0,100})?.{0,40})?\b(?:429|too many requests)\b(?! ?m?s\b)"
            r"|rate limit"
        ),
        "a dependency limits the rate of calls to it ({object} answers 429): {service} is refused",
        otherwise="it",
        of_trouble=True,
    ),
    Signature(
        "uncaught_error",
        "code_defect",
        LIKELY,
        says(
            r"traceback|(?P<why>panic\b|nil pointer|SIGSEGV|index out of (?:range|bounds)|syntax error|(?:column"
            r"|relation|table) [\w.\"'-]{1,80} does not exist)"
            r"|null ?pointer|segmentation fault"
            r"|NullReferenceException|NoMethodError|AssertionError|RecursionError|undefined method|is not a function"
            r"|unhandled (?:exception|rejection)|uncaught|\b(?:Type|Attribute|Index|Reference|Name|Key|Import)Error\b"
            r"|ModuleNotFoundError|NoSuchMethodError|NoClassDefFoundError|ClassNotFoundException|ClassCastException"
            r"|IndexOutOfBounds\w*|division by zero|stack ?overflow"
        ),
        "a defect in the code: {pod} runs into an uncaught error (an exception)",
        explains=CRASHES,
        of_trouble=True,
    ),
)
