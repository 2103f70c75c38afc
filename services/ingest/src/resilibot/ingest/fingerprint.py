"""fingerprint: what a signal is about, as the key of its stream. Pure."""

import hashlib

from resilibot.contracts.signal import Signal


def fingerprint(signal: Signal) -> str:
    """The same for all signals about one thing: two alarms on one resource share it, by whatever route they came.

    Of a CloudWatch alarm that is account, region, namespace and dimensions of its metric; of any other sender its own
    key (Alertmanager's fingerprint, PagerDuty's incident), and without one the signal's name. What came by a declared
    source of another name than its sender's is apart from all else: two such sources may count alike, and neither may
    clear what the other told.
    """
    resource = signal.resource
    parts = [resource.account, resource.region]
    if signal.metric and signal.metric.dimensions and not signal.identity:
        parts += [signal.metric.namespace, *(f"{k}={v}" for k, v in sorted(signal.metric.dimensions.items()))]
    elif signal.source == "manual" and resource.service:
        parts += ["manual", resource.service, signal.source_id]
    else:
        parts += [signal.source, signal.identity or signal.name]
    if signal.door:
        parts += ["door", signal.door]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:24]
