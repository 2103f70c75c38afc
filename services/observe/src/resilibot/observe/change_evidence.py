"""change_evidence: what changed before the onset, and who changed it, sealed before it is hashed."""

import logging

from resilibot.contracts.event import format_time
from resilibot.contracts.evidence import Window
from resilibot.observe.inquiry import Inquiry
from resilibot.observe.itemise import Found
from resilibot.observe.ports import ChangeSource
from resilibot.runtime.personal import KeysUnavailable

log = logging.getLogger(__name__)


def changes(inquiry: Inquiry, source: ChangeSource) -> Found:
    service = inquiry.service_for("change record")
    start, end = inquiry.changes_since, inquiry.look.now
    found = Found("change", source.name, window=Window(start=start, end=end))
    reads = source.changes(service, start, end)
    makers = {name: _identity(inquiry, name) for name in {read.change.by for read in reads}}
    for read in reads:
        change = read.change.model_copy(update={"by": makers[read.change.by]})
        summary = f"{change.what}: {change.before} -> {change.after} at {format_time(change.at)} by {change.by}"
        found.contents.append((change, read.query, summary))
    return found


def _identity(inquiry: Inquiry, name: str | None) -> str | None:
    """Who made a change, sealed; left out if that fails: what changed matters more than who."""
    try:
        return inquiry.ports.identity(name) if name else None
    except KeysUnavailable as error:
        log.warning("who made a change is left out: %s", error)
        return None
