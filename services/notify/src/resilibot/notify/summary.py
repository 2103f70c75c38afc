"""summary: when many incidents open at once, one message tells them all. Pure but for reading the list to be told.

Openings are counted on `control#openings-<UTC time to ten minutes>`. A count begins with the first opening and lasts
for a window: the first n are told each by itself, the others are deferred; the first of these leads the summary, which
is sent from it, as any notification is, when the window is over. Closing the count stands on the same stream, so an
opening is either in the summary or begins the next count: none is told twice, none is forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.signal import Severity
from resilibot.notify.settings import NotifySettings
from resilibot.runtime.event_store.port import EventStore
from resilibot.runtime.service import After, On, Trigger

SHOWN = 20  # incidents named in a summary; the rest are counted


@dataclass(frozen=True)
class Count:
    """The openings of one window. `since`: when it began; None before the first."""

    since: datetime | None = None
    openings: tuple[e.OpeningCountedV1, ...] = ()

    @property
    def summarised(self) -> list[e.OpeningCountedV1]:
        return [opening for opening in self.openings if opening.is_summarised]


def openings_stream(at: datetime) -> str:
    return stream_id("control", f"openings-{at:%Y%m%dT%H%M}"[:-1])


def fold_counts(events: Sequence[RecordedEvent], window_s: float) -> list[Count]:
    """All counts of a stream; the last is the one that may still be open."""
    counts = [Count()]
    for recorded in events:
        event, at = recorded.readable, recorded.envelope.recorded_at
        if isinstance(event, e.SummaryClosedV1):
            counts.append(Count())
        elif isinstance(event, e.OpeningCountedV1):
            current = counts[-1]
            is_over = current.since is not None and at >= current.since + timedelta(seconds=window_s)
            if is_over and not current.summarised:  # nothing waits for a summary: it ends by itself
                counts.append(Count())
                current = counts[-1]
            counts[-1] = replace(current, since=current.since or at, openings=(*current.openings, event))
    return counts


def joins(case: IncidentCase, trigger: Trigger, facts: tuple[str, NotifySettings] | None) -> list[str]:
    """The count of now, where somebody is to be told and summaries are on."""
    is_on = facts is not None and facts[1].summary_above > 0
    return [openings_stream(trigger.now)] if is_on else []


def count(
    trigger: Trigger, channel: str, settings: NotifySettings, case: IncidentCase
) -> tuple[list[DomainEvent | On], bool]:
    """What to record of this opening, and whether it is deferred to a summary."""
    if not trigger.joined:
        return [], False
    ((stream, events),) = trigger.joined.items()
    window_s = settings.summary_window_s
    current = fold_counts(events, window_s)[-1]
    ends_at = (current.since or trigger.now) + timedelta(seconds=window_s)
    if trigger.now >= ends_at and not current.summarised:
        current, ends_at = Count(), trigger.now + timedelta(seconds=window_s)
    is_spared = settings.summary_spares_critical and case.severity is Severity.CRITICAL
    is_deferred = len(current.openings) >= settings.summary_above and not is_spared
    counted = e.OpeningCountedV1(
        incident_id=case.incident_id, severity=case.severity, title=case.title, is_summarised=is_deferred
    )
    if not is_deferred:
        return [On(stream, counted)], False
    in_s = max((ends_at - trigger.now).total_seconds(), 0.0)
    deferred = e.NotificationDeferredV1(
        about=trigger.recorded.id, channel=channel, summary=stream, leads=not current.summarised, in_s=in_s
    )
    return [deferred, On(stream, counted)], True


def timer(recorded: RecordedEvent, ports: Any) -> list[After]:
    deferred = recorded.event
    is_lead = isinstance(deferred, e.NotificationDeferredV1) and deferred.leads
    return [After("summary", deferred.in_s)] if isinstance(deferred, e.NotificationDeferredV1) and is_lead else []


def close_joins(case: IncidentCase, trigger: Trigger) -> list[str]:
    deferred = trigger.event
    return [deferred.summary] if isinstance(deferred, e.NotificationDeferredV1) else []


def close(incident_id: str, trigger: Trigger) -> list[On]:
    """Nothing more is added to the count that this incident leads."""
    ((stream, events),) = trigger.joined.items()
    told = _led_by(incident_id, events)
    return [On(stream, e.SummaryClosedV1(incident_id=incident_id, incidents=len(told)))] if told else []


def summarised(incident_id: str, started: e.NotificationStartedV1, history: EventStore) -> dict[str, Any]:
    """What a summary says: how many of which severity, and the first of them by name."""
    events = history.load(f"incident#{incident_id}").events
    deferred = next(r.event for r in events if r.id == started.about)
    assert isinstance(deferred, e.NotificationDeferredV1)  # noqa: S101  tell_summary claims about no other
    told = _led_by(incident_id, history.load(deferred.summary).events)
    by_severity = {str(s): sum(one.severity is s for one in told) for s in reversed(Severity)}
    of = ", ".join(f"{number} {severity}" for severity, number in by_severity.items() if number)
    lines = [f"{one.severity} {one.incident_id} {one.title}" for one in told[:SHOWN]]
    more = [f"and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
    return {
        "title": f"{len(told)} incidents opened",
        "severity": max(told, key=lambda one: list(Severity).index(one.severity)).severity,
        "text": "\n".join([f"{len(told)} further incidents opened: {of}", *lines, *more])[:2000],
        "incidents": [one.incident_id for one in told],
    }


def _led_by(incident_id: str, events: Sequence[RecordedEvent]) -> list[e.OpeningCountedV1]:
    """The summarised openings of the count whose first one this incident is."""
    told: list[e.OpeningCountedV1] = []
    for recorded in events:
        event = recorded.readable
        if isinstance(event, e.OpeningCountedV1) and event.is_summarised:
            if told or event.incident_id == incident_id:
                told.append(event)
        elif isinstance(event, e.SummaryClosedV1) and event.incident_id == incident_id:
            break
    return told
