"""conclude: at the resolution, write the postmortem and tell people, in one commit."""

import hashlib
from dataclasses import dataclass

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.event import DomainEvent
from resilibot.notify import postmortem
from resilibot.notify.ports import Ports
from resilibot.notify.settings import NotifySettings
from resilibot.notify.tell import configured, tell
from resilibot.runtime.service import Decision, Trigger


@dataclass(frozen=True)
class Concluded:
    """The stored postmortem, and whom to tell."""

    ref: str
    content_hash: str
    size_bytes: int
    told: tuple[str, NotifySettings] | None


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> Concluded:
    """Write the postmortem up to the resolution and store it under its own hash (storing twice stores once)."""
    upto = trigger.recorded.version
    events = ports.history.load(trigger.recorded.stream, upto=upto).events
    content = postmortem.write(case.incident_id, events).encode()
    ref = ports.blobs.put(content, media_type="text/markdown; charset=utf-8")
    return Concluded(ref, hashlib.sha256(content).hexdigest(), len(content), configured(case, trigger, ports))


def conclude(case: IncidentCase, trigger: Trigger, facts: Concluded) -> Decision:
    written: list[DomainEvent] = [
        e.PostmortemWrittenV1(
            ref=facts.ref,
            content_hash=facts.content_hash,
            size_bytes=facts.size_bytes,
            covers_version=trigger.recorded.version,
        )
    ]
    return [*written, *tell(case, trigger, facts.told)]
