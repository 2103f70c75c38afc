"""change_evidence: what changed before the onset, and who changed it, sealed before it is hashed."""

import logging
from collections.abc import Iterable

from resilibot.contracts.event import format_time
from resilibot.contracts.evidence import Window
from resilibot.observe.inquiry import Inquiry
from resilibot.observe.itemise import Found
from resilibot.observe.odd import readable
from resilibot.observe.ports import ChangeRead, ChangeSource, ResourceChangeSource, SourceFailed
from resilibot.runtime.personal import KeysUnavailable

log = logging.getLogger(__name__)


def changes(inquiry: Inquiry, source: ChangeSource) -> Found:
    """Changes of the service, and of what it calls where the source tells of that: the cause may be there.

    What is missing of a callee is a gap of the call graph: the service's own changes are known all the same.
    """
    start, end = inquiry.changes_since, inquiry.look.now
    service = inquiry.service_for("change record")
    found = _found(inquiry, source.name)
    _add(inquiry, found, service, source.changes(service, start, end))
    if source not in inquiry.ports.neighbour_changes:
        return found
    below, most = inquiry.below.services, inquiry.settings.max_neighbour_changes
    for callee in below[:most]:
        try:
            with readable(source.name):
                _add(inquiry, found, callee, source.changes(callee, start, end))
        except SourceFailed as failed:
            inquiry.gap("topology", source.name, failed.reason, f"{callee}: {failed.detail}")
    if len(below) > most:
        detail = f"changes of {len(below) - most} services below are not read, at most {most} are"
        inquiry.gap("topology", source.name, "not_supported", detail)
    return found


def resource_changes(inquiry: Inquiry, source: ResourceChangeSource) -> Found:
    """Changes of the resources that the signal is about; none that concern the source, and it is not asked."""
    found = _found(inquiry, source.name)
    found.is_answer = False
    owner = inquiry.service or inquiry.signal.resource.name
    for subject in inquiry.subjects_of(source.kinds):
        try:
            with readable(source.name):
                reads = source.changes_of(subject, inquiry.changes_since, inquiry.look.now)
        except SourceFailed as failed:
            inquiry.gap("change", source.name, failed.reason, failed.detail)
            continue
        found.is_answer = True
        _add(inquiry, found, owner, reads)
    return found


def _found(inquiry: Inquiry, source: str) -> Found:
    return Found("change", source, window=Window(start=inquiry.changes_since, end=inquiry.look.now))


def _add(inquiry: Inquiry, found: Found, component: str, reads: Iterable[ChangeRead]) -> None:
    reads = list(reads)
    makers = {name: _identity(inquiry, name) for name in {read.change.by for read in reads}}
    for read in reads:
        change = read.change.model_copy(update={"by": makers[read.change.by], "component": component})
        summary = f"{change.what}: {change.before} -> {change.after} at {format_time(change.at)} by {change.by}"
        found.contents.append((change, read.query, summary))


def _identity(inquiry: Inquiry, name: str | None) -> str | None:
    """Who made a change, sealed; left out if that fails: what changed matters more than who."""
    try:
        return inquiry.ports.identity(name) if name else None
    except KeysUnavailable as error:
        log.warning("who made a change is left out: %s", error)
        return None
