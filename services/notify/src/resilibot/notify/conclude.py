"""conclude: at the resolution, write the postmortem and tell people, in one commit."""

import hashlib
import logging
from dataclasses import dataclass

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.notify import postmortem
from resilibot.notify.ports import Ports
from resilibot.notify.settings import NotifySettings
from resilibot.notify.tell import configured, tell
from resilibot.runtime.service import Decision, Trigger

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Concluded:
    """The stored postmortem (None: the log does not bear it out, so there is none), and whom to tell."""

    written: e.PostmortemWrittenV1 | None
    told: tuple[str, NotifySettings] | None


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> Concluded:
    """Write the postmortem up to the resolution and store it under its own hash (storing twice stores once)."""
    told = configured(case, trigger, ports)
    upto = trigger.recorded.version
    events = ports.history.load(trigger.recorded.stream, upto=upto).events
    try:
        content = postmortem.write(case.incident_id, events).encode()
    except postmortem.PostmortemRefused as refused:  # a fault of ours; that it is resolved is told all the same
        log.error("no postmortem: %s", refused, extra={"code": refused.code, "stream": trigger.recorded.stream})
        return Concluded(None, told)
    ref = ports.blobs.put(content, media_type="text/markdown; charset=utf-8")
    digest = hashlib.sha256(content).hexdigest()
    written = e.PostmortemWrittenV1(ref=ref, content_hash=digest, size_bytes=len(content), covers_version=upto)
    return Concluded(written, told)


def conclude(case: IncidentCase, trigger: Trigger, facts: Concluded) -> Decision:
    return [*([facts.written] if facts.written else []), *tell(case, trigger, facts.told)]
