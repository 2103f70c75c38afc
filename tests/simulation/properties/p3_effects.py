"""P3: each claim has at most one external effect, and ends succeeded, failed, or unknown and escalated.

Judged by the providers' own records: what they began, and what really came of it.
"""

from collections import Counter
from collections.abc import Iterator

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from tests.simulation.run import Run

Outcome = e.ActionSucceededV1 | e.ActionFailedV1 | e.ActionOutcomeUnknownV1


def at_most_once_or_known(run: Run) -> Iterator[str]:
    begun = Counter(one.token for one in run.house.automation.ran)
    yield from (f"token {token} ran {times} times" for token, times in begun.items() if times > 1)
    told = Counter(key for key, _ in run.house.channel.delivered)
    yield from (f"notification {key} was delivered {times} times" for key, times in told.items() if times > 1)
    for stream in run.incidents():
        events = run.events(stream)
        for recorded in events:
            if isinstance(recorded.event, e.ActionStartedV1):
                yield from _action_ends(run, events, recorded.event)
            if isinstance(recorded.event, e.NotificationStartedV1):
                yield from _notification_ends(events, recorded.event)


def _action_ends(run: Run, events: tuple[RecordedEvent, ...], started: e.ActionStartedV1) -> Iterator[str]:
    ends = [r.event for r in events if isinstance(r.event, Outcome) and r.event.action_id == started.action_id]
    if len(ends) != 1:
        yield f"action {started.action_id} has {len(ends)} outcomes"
        return
    ran = [one for one in run.house.automation.ran if one.token == started.client_token]
    did_succeed = any(one.is_success and one.ends_at is not None for one in ran)
    (end,) = ends
    if isinstance(end, e.ActionSucceededV1) and not did_succeed:
        yield f"action {started.action_id} is recorded as succeeded, and the provider knows of no success"
    if isinstance(end, e.ActionFailedV1) and did_succeed:
        yield f"action {started.action_id} is recorded as failed ({end.reason}), but it ran"
    if isinstance(end, e.ActionOutcomeUnknownV1) and not any(_asks_a_person(r) for r in events):
        yield f"the outcome of action {started.action_id} is unknown, and nobody was asked"


def _asks_a_person(recorded: RecordedEvent) -> bool:
    return isinstance(recorded.event, e.IncidentEscalatedV1) and recorded.event.reason == "outcome_unknown"


def _notification_ends(events: tuple[RecordedEvent, ...], started: e.NotificationStartedV1) -> Iterator[str]:
    ends = [
        r.event
        for r in events
        if isinstance(r.event, e.NotificationSentV1 | e.NotificationFailedV1)
        and r.event.notification_id == started.notification_id
    ]
    if len(ends) != 1:
        yield f"notification {started.notification_id} has {len(ends)} outcomes"
