"""timing: when to look again. Pure."""

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.observe.ports import Ports
from resilibot.runtime.service import After


def settle(recorded: RecordedEvent, ports: Ports) -> list[After]:
    """An action ended, an alarm cleared, an approval fell away: give the service time to show what is."""
    return [After("settle", ports.settings.settle_s)]


def settle_if_new(recorded: RecordedEvent, ports: Ports) -> list[After]:
    """A further alarm fires, or one fires again: the picture may have changed. A mere repeat says nothing new, and what
    was correlated or merged is no reason for a second investigation."""
    event = recorded.event
    is_new = isinstance(event, e.SignalAttachedV1) and event.why in ("new_kind", "state_change")
    return [After("settle", ports.settings.settle_s)] if is_new else []


def recheck(recorded: RecordedEvent, ports: Ports) -> list[After]:
    """Nothing wrong, or too little to tell: look a second time before anyone relies on it."""
    event = recorded.event
    is_open = isinstance(event, e.DiagnosisReachedV1) and event.outcome in ("no_fault", "inconclusive")
    return [After("recheck", ports.settings.recheck_s)] if is_open else []
