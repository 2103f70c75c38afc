"""redacted: a signal as it may be stored: the sender's words without secrets. Pure.

Called after the fingerprint is known, which is made of the words as they came. What the signal is told apart by and
asked again with stays as it is: identity, source id, metric, ARN, account, region. An alarm's name is told apart by
too, so secrets in it become tags without digits: they are the same on every day, whether KMS answers or not.
"""

from resilibot.contracts.signal import Signal
from resilibot.runtime.redact import Redactor

NAMES = Redactor(emails=False)


def redacted(signal: Signal, redactor: Redactor) -> Signal:
    """The very same object when there is nothing to redact in it."""
    resource = signal.resource
    told = {
        "name": NAMES.text(signal.name),
        "title": redactor.text(signal.title)[:512],
        "reason": redactor.text(signal.reason)[:2048],
        "resource": resource.model_copy(update={"name": NAMES.text(resource.name)}),
        "severity_rule": redactor.text(signal.severity_rule),
        "tags": redactor.value(signal.tags),
        "links": redactor.value(signal.links),
    }
    changes = {field: value for field, value in told.items() if value != getattr(signal, field)}
    return signal.model_copy(update=changes) if changes else signal
