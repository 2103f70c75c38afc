"""routes: every GET. What is shown comes from read models; history and time travel come from the store.

`at` is a version of the stream or an RFC 3339 time: what is asked for as it was then.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Query

from resilibot.contracts.case import Status, fold
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.evidence import EvidenceItem
from resilibot.projections import answering, answers
from resilibot.projections.ask import MAX_CHARS
from resilibot.projections.controls import ControlView
from resilibot.projections.ports import Ports
from resilibot.projections.service import SERVICE
from resilibot.projections.time_travel import NotAPlaceInTime, events_at, place, states_at
from resilibot.projections.views import entry
from resilibot.runtime.event_store.verify import AuditedStore, audit
from resilibot.runtime.http import ApiRouter, BadRequest, Id, NotFound, new_router

PAGE = 100
LAST = 2**53 - 1  # the largest position: what JSON carries exactly
At = Annotated[
    str | None,
    Query(min_length=1, max_length=64, description="A version of the stream (7), or an RFC 3339 time: as it was then"),
]


def routes(ports: Ports) -> ApiRouter:
    router = new_router(SERVICE.routes)

    @router.get("/health", returns=answers.Health)
    def health() -> dict[str, str]:
        """That this process answers; nothing about incidents."""
        return {"status": "ok"}

    @router.get("/incidents", returns=answers.IncidentPage, refuses=(400, 422))
    def list_incidents(
        status: Annotated[Status | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = 20,
        cursor: Annotated[str | None, Query(max_length=1000)] = None,
        at: At = None,
    ) -> dict[str, Any]:
        """Newest first; with `at` (a time) those there were, as they were.

        `cursor` continues a list; with `status` a page may be shorter than `limit`.
        """
        moment = _moment(at)
        try:
            rows, after = ports.models.newest_incidents(limit, cursor, moment)
        except ValueError as error:
            raise BadRequest(str(error)) from error
        if moment is not None:
            rows = [_row_at(ports, row, moment) for row in rows]
        shown = ports.reveal([_listed(r) for r in rows if status in (None, r["status"])])
        return {"incidents": shown, "cursor": after}

    @router.get("/incidents/<incident_id>", returns=answers.Case, refuses=(400, 404, 422))
    def get_incident(incident_id: Id, at: At = None) -> dict[str, Any]:
        """The case."""
        found: dict[str, Any] = _shown(ports, "cases", stream_id("incident", incident_id), at)
        return found

    @router.get(
        "/incidents/<incident_id>/timeline",
        returns=answers.Timeline,
        refuses=(400, 404, 422),
    )
    def get_timeline(incident_id: Id, at: At = None) -> dict[str, Any]:
        """One line per event."""
        return {"entries": _shown(ports, "timelines", stream_id("incident", incident_id), at)}

    @router.get(
        "/incidents/<incident_id>/events",
        returns=answers.StoredEvents,
        refuses=(400, 404, 422),
    )
    def get_events(incident_id: Id, at: At = None) -> dict[str, Any]:
        """The stored events with their place in the chain.

        `body` is the exact text that is hashed, names sealed; `envelope` is the same as a person may read it.
        """
        stream = stream_id("incident", incident_id)
        events: Sequence[RecordedEvent]
        events = ports.store.load(stream).events if at is None else events_at(ports.history, stream, _place(at))
        if not events:
            raise NotFound(_absent(stream, at))
        envelopes = ports.reveal([json.loads(event.body) for event in events])
        return {"events": [_stored(event, envelope) for event, envelope in zip(events, envelopes, strict=True)]}

    @router.get(
        "/incidents/<incident_id>/evidence/<evidence_id>",
        returns=EvidenceItem,
        refuses=(404, 422),
    )
    def get_evidence(incident_id: Id, evidence_id: Id) -> dict[str, Any]:
        """One piece of evidence with its content, as it was recorded, names as a person may read them."""
        events = ports.store.load(stream_id("incident", incident_id)).events
        item = fold(incident_id, events).evidence().get(evidence_id)
        if item is None:
            raise NotFound(f"no evidence {evidence_id} in incident {incident_id}")
        shown: dict[str, Any] = ports.reveal(item.model_dump(mode="json"))
        return shown

    @router.get("/ask", returns=answers.Reply, refuses=(422,))
    def ask(
        q: Annotated[str, Query(min_length=1, max_length=MAX_CHARS, description="A question in plain English; UTC")],
    ) -> dict[str, Any]:
        """A question of a known kind, answered from the record with the events it rests on; or why it is not."""
        return answering.answer(ports, q)

    @router.get(
        "/signals/<fingerprint>",
        returns=answers.ReceivedSignal,
        refuses=(400, 404, 422),
    )
    def get_signal(fingerprint: Id, at: At = None) -> dict[str, Any]:
        """How often a fingerprint was received, and what became of it."""
        found: dict[str, Any] = _shown(ports, "signals", stream_id("signal", fingerprint), at)
        return found

    @router.get(
        "/targets",
        returns=answers.Target,
        refuses=(400, 404, 422),
    )
    def get_target(name: Annotated[str, Query(min_length=1, max_length=500)], at: At = None) -> dict[str, Any]:
        """The action that is open on a target, and those before. `name` is the step's target: service/checkout."""
        found: dict[str, Any] = _shown(ports, "targets", stream_id("target", name), at)
        return found

    @router.get("/silences", returns=answers.Silences, refuses=(400, 422))
    def list_silences(at: At = None) -> dict[str, Any]:
        """Silences and maintenance windows: those that last, and the newest that ended."""
        return {"silences": _control(ports, "silences", at)["silences"]}

    @router.get("/policies", returns=answers.Policies, refuses=(400, 422))
    def list_policies(at: At = None) -> dict[str, Any]:
        """The policies in force by scope (door, gate), with their content, as the log says."""
        return {"policies": _control(ports, "policy", at)["policies"]}

    @router.get(
        "/feed",
        returns=answers.Feed,
        refuses=(404, 422),
    )
    def get_feed(
        after: Annotated[int, Query(ge=0, le=LAST)] = 0, limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE
    ) -> dict[str, Any]:
        """Every event of every stream, once, in one order. Ask again with `after` = the last position to catch up."""
        if ports.log is None:
            raise NotFound("this home keeps no order over all streams")
        found = ports.log.read(after, limit)
        entries = [{"position": one.position, "stream": one.event.stream, **entry(one.event)} for one in found]
        return {"entries": ports.reveal(entries), "last": found[-1].position if found else after}

    @router.get(
        "/audit",
        returns=answers.Audit,
        refuses=(404, 422),
    )
    def get_audit(stream: Annotated[str | None, Query(min_length=1, max_length=512)] = None) -> dict[str, Any]:
        """Recompute the hash chain of one stream, or of all."""
        store: Any = ports.store
        audited: AuditedStore = store
        report = audit(audited, stream)
        if stream is not None and not report.events and report.ok:
            raise NotFound(f"no stream {stream}")
        faults = [{"stream": f.stream, "version": f.version, "kind": f.kind, "detail": f.detail} for f in report.faults]
        return {"ok": report.ok, "streams": report.streams, "events": report.events, "faults": faults}

    return router


def _shown(ports: Ports, model: str, stream: str, at: str | None) -> Any:
    """The state of a read model, now or `at`, names revealed. Raises NotFound, BadRequest."""
    if at is None:
        state = ports.models.get(model, stream)
    else:
        states = states_at(ports.history, stream, _place(at))
        state = states[model] if states else None
    if state is None:
        raise NotFound(_absent(stream, at))
    return ports.reveal(state)


def _control(ports: Ports, scope: str, at: str | None) -> dict[str, Any]:
    """The state of a control stream; an empty one where nothing was decided yet."""
    try:
        found: dict[str, Any] = _shown(ports, "controls", stream_id("control", scope), at)
    except NotFound:
        found = ControlView().states()["controls"]
    return found


def _row_at(ports: Ports, row: dict[str, Any], moment: datetime) -> dict[str, Any]:
    """The row as it was. One whose last change is not after the moment is that already."""
    if datetime.fromisoformat(row["updated_at"]) <= moment:
        return row
    states = states_at(ports.history, stream_id("incident", row["incident_id"]), moment)
    assert states is not None  # noqa: S101  the list holds only incidents opened by then
    found: dict[str, Any] = states["incidents"]
    return found


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """The row as lists show it."""
    return {name: value for name, value in row.items() if name != "remembered"}


def _place(at: str) -> int | datetime:
    try:
        return place(at)
    except NotAPlaceInTime as error:
        raise BadRequest(str(error)) from error


def _moment(at: str | None) -> datetime | None:
    """Of a list, which has no version."""
    moment = None if at is None else _place(at)
    if isinstance(moment, int):
        raise BadRequest(f"at: a list has no version {moment}; an RFC 3339 time is needed")
    return moment


def _absent(stream: str, at: str | None) -> str:
    category, _, key = stream.partition("#")
    why = ": no action was ever started on it" if category == "target" else ""
    return f"no {category} {key}{why}" if at is None else f"there was no {category} {key} at {at}"


def _stored(event: RecordedEvent, envelope: dict[str, Any]) -> dict[str, Any]:
    return {
        "envelope": envelope,
        "body": event.body.decode(),
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }
