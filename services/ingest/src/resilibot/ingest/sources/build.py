"""build: a Signal from what a source read, every text cleaned and bounded. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from resilibot.contracts.signal import MetricRef, ResourceRef, Severity, Signal, SignalState
from resilibot.ingest.sources.errors import MalformedSignal
from resilibot.ingest.sources.fields import clean, clean_lines, moment
from resilibot.ingest.sources.record import Record

MAX_TAGS = 64
MAX_LINKS = 8
ENVIRONMENTS = ("environment", "env", "deployment.environment", "deployment_environment", "stage")


def signal(
    record: Record,
    *,
    source: str,
    name: str,
    state: SignalState,
    severity: tuple[Severity, str],
    title: str = "",
    reason: str = "",
    resource: ResourceRef | None = None,
    identity: str = "",
    source_id: str = "",
    fired_at: Any = None,
    metric: MetricRef | None = None,
    metrics: Sequence[MetricRef] = (),
    tags: Mapping[str, str] | None = None,
    links: Sequence[Any] = (),
    environment: str = "",
) -> Signal:
    """name, state and severity (with its rule) are required; `title` is the name and state unless told.

    fired_at: in any form, or a datetime; what is no time gives the time of arrival. Raises MalformedSignal for a name
    without a visible character.
    """
    named = clean(name)
    if not named:
        raise MalformedSignal(f"{record.place}name: no visible character in it")
    labels = {clean(k, 128): clean(v, 512) for k, v in list((tags or {}).items())[:MAX_TAGS]}
    at = fired_at if isinstance(fired_at, datetime) else moment(fired_at, record.received_at)
    told = environment or next((labels[key] for key in ENVIRONMENTS if labels.get(key)), "")
    return Signal(
        source=source,
        source_id=bounded(source_id or record.own_id),
        name=named,
        identity=bounded(identity),
        state=state,
        title=clean(title) or clean(f"{named[:490]} is in {state}"),
        reason=clean_lines(reason),
        resource=resource or resource_ref(name=named),
        metric=metric,
        metrics=list(metrics)[:MAX_TAGS],
        fired_at=at,
        severity=severity[0],
        severity_rule=clean(severity[1], 200),
        environment=clean(told, 64) or None,
        tags=labels,
        links=[url for url in links if is_link(url)][:MAX_LINKS],
    )


def resource_ref(*, name: str, account: Any = "", region: Any = "", service: str = "", arn: Any = None) -> ResourceRef:
    told = clean(arn, 1024) if isinstance(arn, str) else ""
    is_arn = told.startswith("arn:")
    return ResourceRef(
        account=clean(str(account or arn_part(told, 4)), 64),
        region=clean(str(region or arn_part(told, 3)), 64),
        service=clean(service, 128) or None,
        arn=told if is_arn else None,
        name=clean(name) or told or "unnamed",
    )


def arn_part(arn: Any, part: int) -> str:
    """Part 3 is the region, 4 the account, 5 (and what follows) the resource; "" where it is no ARN."""
    pieces = str(arn).split(":", 5) if isinstance(arn, str) and arn.startswith("arn:") else []
    return pieces[part].strip() if len(pieces) > part else ""


def is_link(url: Any) -> bool:
    """An https address without spaces or control characters. It is shown, never fetched."""
    return (
        isinstance(url, str)
        and url.startswith("https://")
        and len(url) <= 1024
        and url == clean(url, 1024)
        and " " not in url
    )


def joined(*parts: str) -> str:
    """A key of several parts, in which each stays in its place; "" if all are empty."""
    escaped = (part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)
    return (parts[0] if len(parts) == 1 else " | ".join(escaped)) if any(parts) else ""


def bounded(identity: str, limit: int = 200) -> str:
    """A key of bounded length: what is longer, or holds what cannot be shown, is named by its hash."""
    if len(identity) <= limit and identity == clean(identity, limit):
        return identity
    return f"sha256:{sha256(identity.encode()).hexdigest()}"
