"""routes: incidents opened, closed, merged and split by people.

Who they are comes from their token, never from the body.
"""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body, Header
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from ulid import ULID

from resilibot.contracts import events as e
from resilibot.contracts.case import Status, fold
from resilibot.contracts.envelope import stream_id
from resilibot.contracts.personal import Words
from resilibot.contracts.signal import ResourceRef, Severity, Signal
from resilibot.ingest.confirm_routes import add_confirm_routes
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports
from resilibot.ingest.regroup_routes import add_regroup_routes
from resilibot.ingest.senders import take_from_senders
from resilibot.ingest.service import SERVICE
from resilibot.ingest.silence_routes import add_silence_routes
from resilibot.runtime.http import ApiRouter, Conflict, Id, NotFound, new_router
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
    auto_approve: StrictBool = Field(default=False, description="A wish, recorded as it is: policies may read it")


class Erasure(BaseModel):
    """The name as the person's token of access carries it. In the body: an address may stand in access logs."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=1, max_length=256)


class CloseIncident(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: Words = Field(default="", max_length=2000)


class Opened(BaseModel):
    """`created` is false where the same Idempotency-Key has opened it before."""

    incident_id: str | None
    created: bool


class Closed(BaseModel):
    """`version` of the incident's stream that holds the closing."""

    incident_id: str
    version: int


class Forgotten(BaseModel):
    """The pseudonym that stays in the log."""

    subject: str


OPEN_EXAMPLES: Any = {
    "noticed": {
        "summary": "what somebody noticed",
        "value": {"title": "invoices are late", "service": "invoices", "severity": "HIGH", "description": "since noon"},
    }
}
CLOSE_EXAMPLES: Any = {"done": {"summary": "with a word why", "value": {"comment": "handled by hand"}}}
ERASURE_EXAMPLES: Any = {"left": {"summary": "somebody who left", "value": {"subject": "ann@example.org"}}}


def routes(ports: Ports, writer: Writer) -> ApiRouter:
    router = new_router(SERVICE.routes)

    @router.post("/incidents", returns=Opened)
    def open_incident(
        body: Annotated[OpenIncident, Body(openapi_examples=OPEN_EXAMPLES)],
        idempotency_key: Annotated[
            str | None, Header(alias="Idempotency-Key", max_length=128, pattern=r"^[\x21-\x7e]+$")
        ] = None,
    ) -> dict[str, Any]:
        """Open an incident. The same Idempotency-Key gives the same incident."""
        principal = router.principal
        signal = _manual_signal(body, ports, idempotency_key or str(ULID()))
        key = fingerprint(signal)
        intake = Intake(ports, writer)  # one each: what it remembers is for one thread
        written = intake.accept(key, [signal], principal.actor, idempotency_key)
        opened = next((r for r in written if isinstance(r.event, e.IncidentOpenedV1)), None)
        if opened is not None:
            return {"incident_id": opened.envelope.correlation_id, "created": True}
        return {"incident_id": _incident_of(writer, key), "created": False}

    @router.post("/incidents/<incident_id>/close", returns=Closed, refuses=(404, 409))
    def close_incident(
        incident_id: Id, body: Annotated[CloseIncident, Body(openapi_examples=CLOSE_EXAMPLES)]
    ) -> dict[str, Any]:
        """Close an incident for good."""
        principal = router.principal
        stream = stream_id("incident", incident_id)

        def decide(streams: Any) -> list[On]:
            case = fold(incident_id, streams[stream].events)
            if not case.exists:
                raise NotFound(f"no incident {incident_id}")
            if case.status is Status.CLOSED:
                raise Conflict(f"{incident_id} is closed already")
            return [On(stream, e.IncidentClosedV1(why="person", comment=body.comment))]

        origin = Origin(principal.actor, incident_id)
        written = writer.write([stream], decide, origin)
        return {"incident_id": incident_id, "version": written[-1].version}

    @router.post("/erasures", returns=Forgotten, refuses=(404, 409))
    def forget(body: Annotated[Erasure, Body(openapi_examples=ERASURE_EXAMPLES)]) -> dict[str, Any]:
        """Forget a person for good: destroy the key that what names them was sealed with. Again changes nothing."""
        if writer.personal is None:
            raise Conflict("nothing is sealed here: names stand in the log as they are")
        pseudonym = writer.personal.forget(body.subject)
        if pseudonym is None:
            raise NotFound("nobody of exactly this name is known")
        forgotten = e.SubjectForgottenV1(subject=pseudonym)

        def decide(streams: Any) -> list[On]:
            is_recorded = any(recorded.event == forgotten for recorded in streams[ERASURES].events)
            return [] if is_recorded else [On(ERASURES, forgotten)]

        writer.write([ERASURES], decide, Origin(router.principal.actor))
        return {"subject": pseudonym}

    take_from_senders(router, ports)
    add_silence_routes(router, writer)
    add_regroup_routes(router, ports, writer)
    add_confirm_routes(router, writer)
    return router


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
        tags={"auto_approve": "true"} if body.auto_approve else {},
    )


def _incident_of(writer: Writer, key: str) -> str | None:
    from resilibot.ingest.attach import fold_signals

    return fold_signals(writer.store.load(stream_id("signal", key)).events).incident_id
