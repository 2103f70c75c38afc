"""faults: what pydantic finds wrong in given data, as people read it. Pure.

Of the data itself nothing is told: it may be a secret.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

_OURS = "Value error, "  # pydantic puts it before the words of our own validators


def in_our_words(text: str) -> str:
    """A text that somebody else made of such faults: a parser of commands, a process that ended."""
    return text.replace(_OURS, "")


def words_of(fault: Mapping[str, Any]) -> str:
    """What one fault of `errors()` says."""
    return in_our_words(str(fault["msg"]))


def faults_of(error: ValidationError, whole: str) -> str:
    """Every fault, with its place: "rules.0.id: Field required; ...". `whole`: what it is called where it has none."""
    faults = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or whole}: {words_of(fault)}" for fault in faults)
