"""tell: who is told what, and what follows when it did not arrive. Pure decisions, one effect."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.events.notified import NotificationKind
from resilibot.contracts.narrate import narrate
from resilibot.notify.ports import Delivery, Ports
from resilibot.notify.settings import NotifySettings
from resilibot.notify.summary import close, count, summarised
from resilibot.runtime.redact import Redactor
from resilibot.runtime.service import After, Decision, Trigger

KINDS: Mapping[type[DomainEvent], NotificationKind] = {
    e.IncidentOpenedV1: "opened",
    e.ApprovalRequestedV1: "approval_requested",
    e.IncidentEscalatedV1: "escalated",
    e.IncidentResolvedV1: "resolved",
}
TEXT_CHARS = 2000
LINK = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,20})://")
SECRETS = Redactor(emails=False)


def configured(case: IncidentCase, trigger: Trigger, ports: Ports) -> tuple[str, NotifySettings] | None:
    """The channel's name and the settings; None when nobody is to be told."""
    return (ports.channel.name, ports.settings) if ports.channel else None


def tell(case: IncidentCase, trigger: Trigger, facts: tuple[str, NotifySettings] | None) -> Decision:
    """Claim one message about the event that triggered us."""
    if facts is None:
        return []
    channel, settings = facts
    return [claim(trigger.recorded.id, KINDS[type(trigger.event)], channel, settings, attempt=1)]


def tell_opened(case: IncidentCase, trigger: Trigger, facts: tuple[str, NotifySettings] | None) -> Decision:
    """Claim one message about the opening; or defer it to a summary when too many open at once."""
    if facts is None:
        return []
    channel, settings = facts
    counted, is_deferred = count(trigger, channel, settings, case)
    return counted if is_deferred else [*tell(case, trigger, facts), *counted]


def tell_summary(case: IncidentCase, trigger: Trigger, facts: tuple[str, NotifySettings] | None) -> Decision:
    """The window is over: close the count, and claim one message about all that it holds."""
    if facts is None:
        return []
    channel, settings = facts
    closed = close(case.incident_id, trigger)
    return [claim(trigger.recorded.id, "summary", channel, settings, attempt=1), *closed] if closed else []


def claim(
    about: str,
    kind: NotificationKind,
    channel: str,
    settings: NotifySettings,
    attempt: int,
    may_duplicate: bool = False,
) -> e.NotificationStartedV1:
    """One message on one channel is one claim; each further attempt is a claim of its own."""
    return e.NotificationStartedV1(
        notification_id=str(uuid5(NAMESPACE_URL, f"resilibot:notification:{about}:{channel}:{attempt}")),
        channel=channel,
        kind=kind,
        about=about,
        attempt=attempt,
        may_duplicate=may_duplicate,
        lease_s=settings.notification_lease_s,
    )


def backoff(recorded: RecordedEvent, ports: Ports) -> list[After]:
    """When to try again what failed for now."""
    failed = recorded.event
    if not isinstance(failed, e.NotificationFailedV1) or failed.is_final or ports.channel is None:
        return []
    return [After("retry", ports.settings.notification_backoff_s)]


def retry(case: IncidentCase, trigger: Trigger, facts: tuple[str, NotifySettings] | None) -> Decision:
    failed = trigger.event
    if facts is None or not isinstance(failed, e.NotificationFailedV1):
        return []
    before = case.notifications.get(failed.notification_id)
    if before is None or before.started.attempt >= facts[1].notification_attempts:
        return []
    channel, settings = facts
    started = before.started
    unclear = started.may_duplicate or failed.reason.startswith(UNCLEAR)
    return [claim(started.about, started.kind, channel, settings, started.attempt + 1, unclear)]


UNCLEAR = "outcome unknown"


def is_settled(case: IncidentCase, recorded: RecordedEvent) -> bool:
    known = case.notifications.get(_started(recorded).notification_id)
    return known is not None and known.state != "running"


def run(case: IncidentCase, recorded: RecordedEvent, ports: Ports) -> Iterator[Decision]:
    """Send the claimed message, once."""
    started = _started(recorded)
    if ports.channel is None:
        yield [_failed(started, "the channel is no longer configured", is_final=True)]
        return
    delivery = ports.channel.send(started.notification_id, message(case, started, ports))
    delivery = replace(delivery, detail=ports.redactor.text(delivery.detail))
    yield [_outcome(started, delivery, ports.settings)]


def recover(case: IncidentCase, recorded: RecordedEvent, ports: Ports, now: datetime) -> Iterator[Decision]:
    """A webhook cannot be read back: it may have arrived. A second one, marked so, is better than none."""
    started = _started(recorded)
    is_last = started.attempt >= ports.settings.notification_attempts
    yield [_failed(started, f"{UNCLEAR}: the sender ended before it was told", is_final=is_last)]


def message(case: IncidentCase, started: e.NotificationStartedV1, ports: Ports) -> dict[str, Any]:
    """What the receiver gets. Text from outside stays text: the receiver escapes it for its medium. What cannot be seen
    is left out of it, and no address in it is a link.

    Redacted once more, with what the store may still hold. People are shown by name, so that comes after; their words
    are searched for secrets all the same.
    """
    told = ports.redactor.value(_told(case, started, ports))
    text = SECRETS.text(ports.reveal(told["text"]))
    return {**told, "title": harmless(told["title"]), "text": harmless(text)[:TEXT_CHARS]}


def harmless(text: str) -> str:
    """Without control, direction and invisible characters; https[:]//... as people write what must not be clicked."""
    seen = "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else " " for c in text)
    return LINK.sub(r"\1[:]//", seen)


def _told(case: IncidentCase, started: e.NotificationStartedV1, ports: Ports) -> dict[str, Any]:
    return {
        "type": f"incident.{started.kind}",
        "incident_id": case.incident_id,
        "title": case.title,
        "severity": case.severity,
        "status": case.status,
        "text": _text(case, started, ports),
        **(summarised(case.incident_id, started, ports.history) if started.kind == "summary" else {}),
        "may_duplicate": started.may_duplicate,
        "about": started.about,
    }


def _text(case: IncidentCase, started: e.NotificationStartedV1, ports: Ports) -> str:
    events = ports.history.load(f"incident#{case.incident_id}").events
    about = next((event for event in events if event.id == started.about), None)
    return narrate(about.event) if about else case.title


def _outcome(started: e.NotificationStartedV1, delivery: Delivery, settings: NotifySettings) -> DomainEvent:
    if delivery.outcome == "delivered":
        return e.NotificationSentV1(
            notification_id=started.notification_id, remote_id=delivery.remote_id, status=delivery.status
        )
    reason = f"{UNCLEAR}: {delivery.detail}" if delivery.outcome == "unclear" else delivery.detail
    is_last = started.attempt >= settings.notification_attempts
    return _failed(started, reason, is_final=is_last or delivery.outcome == "refused")


def _failed(started: e.NotificationStartedV1, reason: str, *, is_final: bool) -> e.NotificationFailedV1:
    return e.NotificationFailedV1(
        notification_id=started.notification_id, reason=reason[:2000] or "failed", is_final=is_final
    )


def _started(recorded: RecordedEvent) -> e.NotificationStartedV1:
    event = recorded.event
    assert isinstance(event, e.NotificationStartedV1)  # noqa: S101  the map gives no other
    return event
