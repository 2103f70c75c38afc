"""families: what the words of an error suggest when no cause is known. Never enough to be sure of. Pure."""

from resilibot.reason.signs.signature import CONSEQUENCE, Signature, says

FAMILIES: tuple[Signature, ...] = (
    Signature(
        "limit_reached",
        "resource_exhaustion",
        CONSEQUENCE,
        says(
            r"\b(?P<object>disk|memory|space|storage|heap|pool|queue|buffer|cache|quota|limit|threads?|slots?"
            r"|capacity)\b"
            r"[\w ]{0,30}\b(?:exhausted|exceeded|reached|full|used up|insufficient)"
            r"|(?P<why>(?:out of|no more|not enough|insufficient|too many|too much) \w{2,20})"
            r"|(?<!deadline )(?<!retries )(?<!timeout )(?<!depth )\b(?:exhausted|exceeded)\b"
        ),
        "something is used up at {who}: {object}",
        of_errors=True,
        otherwise="a limit is reached",
    ),
    Signature(
        "failing_call",
        "dependency_failure",
        CONSEQUENCE,
        says(
            r"(?P<why>(?:lost|closed|broken|aborted|dropped) (?:the )?connection"
            r"|connection (?:was )?(?:closed|lost|aborted|error)"
            r"|(?:could not|cannot|failed to|unable to) (?:connect|reach)|unreachable|broken pipe|upstream|downstream"
            r"|no (?:response|answer)|did not respond|unexpectedly closed|\b\w{0,60}Disconnected\b)|(?:remote|peer"
            r"|server) [\w ]{0,20}closed"
        ),
        "a call of {who} to something that it depends on fails",
        of_errors=True,
    ),
    Signature(
        "rejected_input",
        "data_quality",
        CONSEQUENCE,
        says(
            r"(?P<why>(?:could not|cannot|can't|failed to|unable to) (?:parse|decode|convert|deserialize)"
            r"|(?:invalid|unexpected|unknown|bad|wrong) (?:tag|values?|record|row|format|date|timestamp|payload"
            r"|encoding|character|byte|message|document|type|number)|(?:parse|decode) error"
            r"|out of range|(?:checksum|type|count) mismatch|truncated)"
            r"|(?:Pars|Decod|Format|Validation|Serialization|ProtocolBuffer|Schema)\w{0,12}(?:Error|Exception)"
        ),
        "{who} rejects what it is given to read",
        explains=frozenset({"refused_setting"}),
        of_errors=True,
    ),
    Signature(
        "refused_setting",
        "configuration_error",
        CONSEQUENCE,
        says(
            r"(?P<why>(?:invalid|unknown|unrecognized|unsupported|missing|bad) (?:argument|option|flag|field|key"
            r"|property|setting|config\w*|parameter|credentials?|token|permission|endpoint|region|host ?name)"
            r"|NoSuch(?:Bucket|Entity|Key|Queue|Host)\w{0,12}|EADDRINUSE|address already in use"
            r"|not (?:configured|permitted|allowed|authorized)|(?:denied|forbidden|unauthorized|misconfigured)\b)"
        ),
        "{who} is configured with something that is refused or not there",
        of_errors=True,
    ),
    Signature(
        "application_error",
        "code_defect",
        CONSEQUENCE - 0.05,
        says(r"(?P<why>\b[A-Za-z]{3,60}(?:Error|Exception)\b)"),
        "{service} logs an error that no known cause explains",
        of_errors=True,
    ),
)
