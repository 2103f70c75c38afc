"""vocabulary: every word that the reasoner has for a cause, each once.

What people confirm in one of them can be compared, and a model may name no other.
"""

from resilibot.reason.signatures import SIGNATURES

CAUSES: tuple[str, ...] = tuple(
    dict.fromkeys(
        (
            "hung_process",
            "component_fault",
            "bad_release",
            "overload",
            "dependency_failure",
            "config_change",
            *(signature.cause for signature in SIGNATURES),
        )
    )
)
