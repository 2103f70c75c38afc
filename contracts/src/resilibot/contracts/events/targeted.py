"""act, on `target#<resource>`: one open action per target, and its cooldown."""

from typing import ClassVar, Literal

from resilibot.contracts.event import Category, DomainEvent, EmitterName, UtcTime


class TargetClaimedV1(DomainEvent):
    """Committed together with the ActionStarted it names."""

    emitter: ClassVar[EmitterName] = "act"
    category: ClassVar[Category] = "target"
    incident_id: str
    action_id: str
    action: str


class TargetReleasedV1(DomainEvent):
    """The action has an outcome; the same action is refused until `cooldown_until`."""

    emitter: ClassVar[EmitterName] = "act"
    category: ClassVar[Category] = "target"
    incident_id: str
    action_id: str
    action: str
    outcome: Literal["succeeded", "failed", "unknown"]
    cooldown_until: UtcTime
