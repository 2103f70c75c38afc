"""vocabulary: every word that the reasoner has for a cause. What people confirm in one of them can be compared."""

from resilibot.reason.signatures import SIGNATURES

CAUSES = frozenset(
    {
        "bad_release",
        "component_fault",
        "config_change",
        "dependency_failure",
        "hung_process",
        "overload",
        *(signature.cause for signature in SIGNATURES),
    }
)
