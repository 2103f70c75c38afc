"""timing: when to look again. Pure."""

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.observe.ports import Ports
from resilibot.runtime.service import After


def settle(recorded: RecordedEvent, ports: Ports) -> list[After]:
    """An action ended or an alarm cleared: give the service time to show it."""
    return [After("settle", ports.settings.settle_s)]


def recheck(recorded: RecordedEvent, ports: Ports) -> list[After]:
    """Nothing wrong, or too little to tell: look a second time before anyone relies on it."""
    event = recorded.event
    is_open = isinstance(event, e.DiagnosisReachedV1) and event.outcome in ("no_fault", "inconclusive")
    return [After("recheck", ports.settings.recheck_s)] if is_open else []
