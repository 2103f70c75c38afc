"""redacted_logs: what a service writes into its own log is redacted, whoever wrote it and whatever they quote.

At the formatter, since there it is one text: message, extra fields and exception. Tags have no digits there.
"""

import logging

from resilibot.runtime.redact import Redactor


class RedactingFormatter(logging.Formatter):
    """Another formatter's line, redacted."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner
        self._redact = Redactor().text

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(self._inner.format(record))


def redact_logs() -> None:
    """Every handler that the root logger has now; again changes nothing."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, RedactingFormatter):
            handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter()))
