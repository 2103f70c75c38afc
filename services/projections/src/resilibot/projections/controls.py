"""controls: what people decided about ResiliBot itself, as a read model: silences and the policies in force. Pure.

Of the other control streams only the version is shown: what they say is seen at the incidents that they are about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import format_time

ENDED_KEPT = 100  # silences that are over and still listed


@dataclass(frozen=True)
class ControlView:
    """One control stream. `silences` by id, in the order of their coming; `policies` by scope, the last one."""

    version: int = 0
    silences: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, events: Sequence[RecordedEvent]) -> "ControlView":
        view = self
        for recorded in events:
            view = view._after(recorded)
        return view

    def _after(self, recorded: RecordedEvent) -> "ControlView":
        seen, event = replace(self, version=recorded.version), recorded.readable
        at = format_time(recorded.envelope.recorded_at)
        if isinstance(event, e.SilenceStartedV1):
            silence = {
                "silence_id": event.silence_id,
                "matcher": event.matcher.model_dump(mode="json", exclude_defaults=True),
                "starts_at": format_time(event.starts_at),
                "ends_at": format_time(event.ends_at),
                "comment": event.comment,
                "started_by": recorded.envelope.actor.id,
                "ended": None,
            }
            return replace(seen, silences={**self.silences, event.silence_id: silence})
        if isinstance(event, e.SilenceEndedV1) and event.silence_id in self.silences:
            by = recorded.envelope.actor.id if event.why == "person" else None
            ended = {**self.silences[event.silence_id], "ended": {"why": event.why, "at": at, "by": by}}
            return replace(seen, silences=_kept({**self.silences, event.silence_id: ended}))
        if isinstance(event, e.PolicyActivatedV1 | e.GatePolicyActivatedV1):
            active = {"version": event.version, "origin": event.origin, "since": at, "policy": event.policy}
            return replace(seen, policies={**self.policies, event.scope: active})
        return seen

    def states(self) -> dict[str, Any]:
        state = {"version": self.version, "silences": list(self.silences.values()), "policies": self.policies}
        return {"controls": state}


def _kept(silences: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    over = [silence_id for silence_id, silence in silences.items() if silence["ended"]]
    dropped = set(over[:-ENDED_KEPT])
    return {silence_id: silence for silence_id, silence in silences.items() if silence_id not in dropped}
