"""routes: incidents opened, closed, merged and split by people.

Who they are comes from their token, never from the body.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Header
from pydantic import BaseModel, ConfigDict, Field
from ulid import ULID

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, Status, fold
from resilibot.contracts.envelope import Actor, RecordedEvent, stream_id
from resilibot.contracts.personal import Words
from resilibot.contracts.signal import ResourceRef, Severity, Signal
from resilibot.ingest.cloudwatch import fingerprint
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports
from resilibot.ingest.regroup import RegroupRefused, merge, split, unmerge
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.http import Conflict, NotFound, Principal, new_router, principal_of
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer

ERASURES = stream_id("control", "erasure")


class OpenIncident(BaseModel):
    """A manual incident."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    title: str = Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
    service: str = Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")
    severity: Severity = Severity.MEDIUM
    description: str = Field(default="", max_length=2048)


class Erasure(BaseModel):
    """The name as the person's token of access carries it. In the body: an address may stand in access logs."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=1, max_length=256)


class CloseIncident(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: Words = Field(default="", max_length=2000)


class MergeIncident(BaseModel):
    model_config = ConfigDict(extra="forbid")

    into: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z]+$")
    comment: Words = Field(default="", max_length=2000)


class UnmergeIncident(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: Words = Field(default="", max_length=2000)


class SplitIncident(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fingerprints: list[str] = Field(min_length=1, max_length=100)
    comment: Words = Field(default="", max_length=2000)


def routes(ports: Ports, writer: Writer) -> Router:
    router = new_router()
    intake = Intake(ports, writer)

    @router.post("/incidents")
    def open_incident(
        body: Annotated[OpenIncident, Body()],
        idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=128)] = None,
    ) -> dict[str, Any]:
        """Open an incident. The same Idempotency-Key gives the same incident."""
        principal = principal_of(router.current_event.raw_event)
        principal.require("responder")
        signal = _manual_signal(body, ports, idempotency_key or str(ULID()))
        key = fingerprint(signal)
        written = intake.accept(key, [signal], Actor(kind="person", id=principal.id), idempotency_key)
        opened = next((r for r in written if isinstance(r.event, e.IncidentOpenedV1)), None)
        if opened is not None:
            return {"incident_id": opened.envelope.correlation_id, "created": True}
        return {"incident_id": _incident_of(writer, key), "created": False}

    @router.post("/incidents/<incident_id>/close")
    def close_incident(incident_id: str, body: Annotated[CloseIncident, Body()]) -> dict[str, Any]:
        """Close an incident for good."""
        principal = principal_of(router.current_event.raw_event)
        principal.require("responder")
        stream = stream_id("incident", incident_id)

        def decide(streams: Any) -> list[On]:
            case = fold(incident_id, streams[stream].events)
            if not case.exists:
                raise NotFound(f"no incident {incident_id}")
            if case.status is Status.CLOSED:
                raise Conflict(f"{incident_id} is closed already")
            return [On(stream, e.IncidentClosedV1(why="person", comment=body.comment))]

        origin = Origin(Actor(kind="person", id=principal.id), incident_id)
        written = writer.write([stream], decide, origin)
        return {"incident_id": incident_id, "version": written[-1].version}

    @router.post("/incidents/<incident_id>/merge")
    def merge_incident(incident_id: str, body: Annotated[MergeIncident, Body()]) -> dict[str, Any]:
        """Say that an incident is the same trouble as another: it ends there."""

        def decide(streams: Streams) -> list[On]:
            return merge(_case(incident_id, streams), _case(body.into, streams), body.comment)

        names = [stream_id("incident", incident_id), stream_id("incident", body.into)]
        _regroup(writer, incident_id, names, decide, principal_of(router.current_event.raw_event))
        return {"incident_id": incident_id, "merged_into": body.into}

    @router.post("/incidents/<incident_id>/unmerge")
    def unmerge_incident(incident_id: str, body: Annotated[UnmergeIncident, Body()]) -> dict[str, Any]:
        """Take a merge back: the incident lives again, with the signals that it brought."""

        def decide(streams: Streams) -> list[On]:
            child = _case(incident_id, streams)
            parent = _case(child.merged_into, streams) if child.merged_into else None
            return unmerge(child, parent, body.comment)

        names = [stream_id("incident", incident_id)]
        written = _regroup(writer, incident_id, names, decide, principal_of(router.current_event.raw_event))
        back = next(r.event.out_of for r in written if isinstance(r.event, e.IncidentUnmergedV1))
        return {"incident_id": incident_id, "out_of": back}

    @router.post("/incidents/<incident_id>/split")
    def split_incident(incident_id: str, body: Annotated[SplitIncident, Body()]) -> dict[str, Any]:
        """Take signals out into a new incident of their own."""
        new_incident_id = writer.ids(ports.clock.now())

        def decide(streams: Streams) -> list[On]:
            return split(_case(incident_id, streams), body.fingerprints, new_incident_id, body.comment)

        names = [stream_id("incident", incident_id)]
        _regroup(writer, incident_id, names, decide, principal_of(router.current_event.raw_event))
        return {"incident_id": new_incident_id, "split_from": incident_id}

    @router.post("/erasures")
    def forget(body: Annotated[Erasure, Body()]) -> dict[str, Any]:
        """Forget a person for good: destroy the key that what names them was sealed with. Again changes nothing."""
        principal = principal_of(router.current_event.raw_event)
        principal.require("admin")
        if writer.personal is None:
            raise Conflict("nothing is sealed here: names stand in the log as they are")
        pseudonym = writer.personal.forget(body.subject)
        if pseudonym is None:
            raise NotFound("nobody of exactly this name is known")
        forgotten = e.SubjectForgottenV1(subject=pseudonym)

        def decide(streams: Any) -> list[On]:
            is_recorded = any(recorded.event == forgotten for recorded in streams[ERASURES].events)
            return [] if is_recorded else [On(ERASURES, forgotten)]

        writer.write([ERASURES], decide, Origin(Actor(kind="person", id=principal.id)))
        return {"subject": pseudonym}

    return router


Streams = Mapping[str, Stream]


def _regroup(
    writer: Writer, incident_id: str, names: list[str], decide: Callable[[Streams], list[On]], principal: Principal
) -> list[RecordedEvent]:
    """Raises HttpError: what was refused is told with its status and its reason."""
    principal.require("responder")
    try:
        return writer.write(names, decide, Origin(Actor(kind="person", id=principal.id), incident_id))
    except RegroupRefused as refused:
        raise (NotFound if refused.status == 404 else Conflict)(str(refused)) from refused


def _case(incident_id: str, streams: Streams) -> IncidentCase:
    return fold(incident_id, streams[stream_id("incident", incident_id)].events)


def _manual_signal(body: OpenIncident, ports: Ports, source_id: str) -> Signal:
    return Signal(
        source="manual",
        source_id=source_id,
        name=f"manual {body.service}",
        state="ALARM",
        title=body.title,
        reason=body.description,
        resource=ResourceRef(
            account=ports.settings.account, region=ports.settings.region, service=body.service, name=body.service
        ),
        fired_at=ports.clock.now(),
        severity=body.severity,
        severity_rule="manual",
    )


def _incident_of(writer: Writer, key: str) -> str | None:
    from resilibot.ingest.attach import fold_signals

    return fold_signals(writer.store.load(stream_id("signal", key)).events).incident_id
