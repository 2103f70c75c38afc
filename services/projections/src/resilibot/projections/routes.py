"""routes: every GET. What is shown comes from read models; history and time travel come from the store."""

import json
from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from resilibot.contracts.case import Status
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.projections.ports import Ports
from resilibot.projections.project import fold_view
from resilibot.projections.views import IncidentView, case_state
from resilibot.runtime.event_store.verify import AuditedStore, audit
from resilibot.runtime.http import BadRequest, NotFound, new_router

PAGE = 100


def routes(ports: Ports) -> Router:
    router = new_router()

    @router.get("/health")
    def health() -> dict[str, str]:
        """That this process answers; nothing about incidents."""
        return {"status": "ok"}

    @router.get("/incidents")
    def list_incidents(
        status: Annotated[Status | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = 20,
        cursor: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> dict[str, Any]:
        """Newest first. `cursor` continues a list; with `status` a page may be shorter than `limit`."""
        try:
            rows, after = ports.models.newest_incidents(limit, cursor)
        except ValueError as error:
            raise BadRequest(str(error)) from error
        shown = ports.reveal([r for r in rows if status in (None, r["status"])])
        return {"incidents": shown, "cursor": after}

    @router.get("/incidents/<incident_id>")
    def get_incident(incident_id: str, at: Annotated[str | None, Query(max_length=64)] = None) -> dict[str, Any]:
        """The case; with `at` (a version, or an RFC 3339 time) as it was then."""
        if at is not None:
            past: dict[str, Any] = ports.reveal(case_state(_view_at(ports, incident_id, at).case))
            return past
        state = ports.models.get("cases", stream_id("incident", incident_id))
        if state is None:
            raise NotFound(f"no incident {incident_id}")
        found: dict[str, Any] = ports.reveal(state)
        return found

    @router.get("/incidents/<incident_id>/timeline")
    def get_timeline(incident_id: str) -> dict[str, Any]:
        """One line per event."""
        entries = ports.models.get("timelines", stream_id("incident", incident_id))
        if entries is None:
            raise NotFound(f"no incident {incident_id}")
        return {"entries": ports.reveal(entries)}

    @router.get("/incidents/<incident_id>/events")
    def get_events(incident_id: str) -> dict[str, Any]:
        """The stored events with their place in the chain.

        `body` is the exact text that is hashed, names sealed; `envelope` is the same as a person may read it.
        """
        events = _events(ports, incident_id)
        envelopes = ports.reveal([json.loads(event.body) for event in events])
        return {"events": [_stored(event, envelope) for event, envelope in zip(events, envelopes, strict=True)]}

    @router.get("/signals/<fingerprint>")
    def get_signal(fingerprint: str) -> dict[str, Any]:
        """How often a fingerprint was received, and what became of it."""
        state = ports.models.get("signals", stream_id("signal", fingerprint))
        if state is None:
            raise NotFound(f"no signal {fingerprint}")
        found: dict[str, Any] = state
        return found

    @router.get("/audit")
    def get_audit(stream: Annotated[str | None, Query(max_length=512)] = None) -> dict[str, Any]:
        """Recompute the hash chain of one stream, or of all."""
        store: Any = ports.store
        audited: AuditedStore = store
        report = audit(audited, stream)
        faults = [{"stream": f.stream, "version": f.version, "kind": f.kind, "detail": f.detail} for f in report.faults]
        return {"ok": report.ok, "streams": report.streams, "events": report.events, "faults": faults}

    return router


def _events(ports: Ports, incident_id: str) -> tuple[RecordedEvent, ...]:
    events = ports.store.load(stream_id("incident", incident_id)).events
    if not events:
        raise NotFound(f"no incident {incident_id}")
    return events


def _view_at(ports: Ports, incident_id: str, at: str) -> IncidentView:
    events = _events(ports, incident_id)
    if at.isdecimal():
        cut = tuple(event for event in events if event.version <= int(at))
    else:
        moment = _moment(at)
        cut = tuple(event for event in events if event.envelope.recorded_at <= moment)
    if not cut:
        raise NotFound(f"{incident_id} did not exist at {at}")
    view = fold_view(events[0].stream, cut)
    assert isinstance(view, IncidentView)  # noqa: S101  an incident's stream
    return view


def _moment(at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise BadRequest(f"at: {at!r} is neither a version nor an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise BadRequest(f"at: {at!r} needs a zone")
    return moment


def _stored(event: RecordedEvent, envelope: dict[str, Any]) -> dict[str, Any]:
    return {
        "envelope": envelope,
        "body": event.body.decode(),
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }
