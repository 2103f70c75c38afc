"""targets: one open action per target, and its cooldown: the fold of a target stream. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent, stream_id


@dataclass(frozen=True)
class Target:
    open_action: str | None = None
    cooldown_until: datetime | None = None
    last_action: str | None = None


def target_stream(target: str) -> str:
    return stream_id("target", target)


def targets_of(step: e.PlanStep | e.ActionStartedV1) -> list[str]:
    """All that a step acts on, each locked by itself: the step's own target, and every host that it names."""
    hosts = step.arguments.get("instance_ids", [])
    named = [f"host/{host}" for host in hosts] if isinstance(hosts, list) else []
    return list(dict.fromkeys((step.target, *named)))


def fold_target(events: Sequence[RecordedEvent]) -> Target:
    target = Target()
    for recorded in events:
        event = recorded.readable
        if isinstance(event, e.TargetClaimedV1):
            target = Target(event.action_id, target.cooldown_until, event.action)
        elif isinstance(event, e.TargetReleasedV1):
            target = Target(None, event.cooldown_until, event.action)
    return target


def why_busy(target: Target, action: str, now: datetime) -> str | None:
    """Why the target may not be acted on now, or None."""
    if target.open_action is not None:
        return f"action {target.open_action} is open"
    if target.cooldown_until is not None and now < target.cooldown_until and target.last_action == action:
        return f"{action} is in cooldown until {target.cooldown_until.isoformat()}"
    return None
