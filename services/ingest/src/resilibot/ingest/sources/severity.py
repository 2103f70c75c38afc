"""severity: each sender's words for how bad it is, in ours. Pure and declarative.

The word is the sender's own figure, never found in free text: text that anybody may write raises and lowers nothing.
CloudWatch has no figure; there the alarm's owner may write one into its name or description: "[CRITICAL]".
"""

from typing import Any

from resilibot.contracts.signal import Severity

LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
DEFAULT = HIGH  # of a sender that says nothing: somebody thought it worth an alarm

WORDS: dict[str, Severity] = {
    **dict.fromkeys(
        ("critical", "crit", "fatal", "emergency", "emerg", "page", "blocker", "disaster", "p1", "sev1"), CRITICAL
    ),
    **dict.fromkeys(("sev-1", "sev0", "p0", "alert", "urgent", "s1"), CRITICAL),
    **dict.fromkeys(
        ("high", "error", "err", "major", "severe", "p2", "sev2", "sev-2", "average", "s2", "danger"), HIGH
    ),
    **dict.fromkeys(("medium", "warning", "warn", "moderate", "p3", "sev3", "sev-3", "degraded", "s3"), MEDIUM),
    **dict.fromkeys(("low", "minor", "info", "informational", "information", "notice", "debug", "none"), LOW),
    **dict.fromkeys(("p4", "p5", "sev4", "sev5", "sev-4", "sev-5", "untriaged", "not classified", "s4"), LOW),
}


def by_word(source: str, field: str, word: Any, default: Severity = DEFAULT) -> tuple[Severity, str]:
    """Severity and rule of a sender's word; `default` for a word that nobody knows, and says so."""
    known = WORDS.get(str(word).strip().lower()) if isinstance(word, str | int) else None
    return (known, f"{source}:{field}={str(word)[:40]}") if known else (default, f"{source}-default")


def by_alarm_text(*texts: str) -> tuple[Severity, str]:
    """The highest severity that a CloudWatch alarm's owner wrote into its texts as [WORD]."""
    written = " ".join(texts).upper()
    for severity in (CRITICAL, HIGH, MEDIUM, LOW):
        if f"[{severity}]" in written:
            return severity, "alarm-text"
    return DEFAULT, "cloudwatch-default"


def by_number(source: str, field: str, value: float, steps: tuple[tuple[float, Severity], ...]) -> tuple[Severity, str]:
    """The first step whose bound `value` reaches; steps go down, the last one is the floor."""
    severity = next((severity for bound, severity in steps if value >= bound), steps[-1][1])
    return severity, f"{source}:{field}={value:g}"
