"""routes: incidents opened and closed by people, and webhooks. Who it is comes from the proof, never from the body."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler.openapi.params import Body, Header
from pydantic import BaseModel, ConfigDict, Field
from ulid import ULID

from resilibot.contracts import events as e
from resilibot.contracts.case import Status, fold
from resilibot.contracts.envelope import stream_id
from resilibot.contracts.personal import Words
from resilibot.contracts.signal import ResourceRef, Severity, Signal
from resilibot.ingest import arrival
from resilibot.ingest.cloudwatch import fingerprint
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports, QueueUnavailable
from resilibot.ingest.service import SERVICE
from resilibot.ingest.webhooks import NotProven, delivery_id
from resilibot.runtime.http import (
    ApiRouter,
    BadRequest,
    Conflict,
    Id,
    NotFound,
    TooLarge,
    Unauthorised,
    Unavailable,
    new_router,
)
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


class Accepted(BaseModel):
    """Kept, and taken in soon. The same delivery again has the same id and changes nothing."""

    accepted: Literal[True] = True
    id: str


OPEN_EXAMPLES: Any = {
    "slow": {
        "summary": "what somebody noticed",
        "value": {"title": "invoices are late", "service": "invoices", "severity": "HIGH", "description": "since noon"},
    }
}
ANY_JSON: Any = {
    "requestBody": {
        "required": True,
        "description": "Whatever the source sends, signed as it is declared; at most 180,000 bytes",
        "content": {"application/json": {"schema": {}, "example": {"AlarmName": "orders-failures"}}},
    }
}


def routes(ports: Ports, writer: Writer) -> ApiRouter:
    router = new_router(SERVICE.routes)
    intake = Intake(ports, writer)

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
        written = intake.accept(key, [signal], principal.actor, idempotency_key)
        opened = next((r for r in written if isinstance(r.event, e.IncidentOpenedV1)), None)
        if opened is not None:
            return {"incident_id": opened.envelope.correlation_id, "created": True}
        return {"incident_id": _incident_of(writer, key), "created": False}

    @router.post("/incidents/<incident_id>/close", returns=Closed, refuses=(404, 409))
    def close_incident(incident_id: Id, body: Annotated[CloseIncident, Body()]) -> dict[str, Any]:
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
    def forget(body: Annotated[Erasure, Body()]) -> dict[str, Any]:
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

    @router.post("/webhooks/<source>", returns=Accepted, status_code=202, openapi_extensions=ANY_JSON)
    def receive(source: Id) -> dict[str, Any]:
        """Take a signal from a declared source, as it sends it.

        Proven over the raw body, then kept in the intake queue: what cannot be read later is in its dead letters.
        """
        event = router.current_event
        raw = _raw(event.raw_event)
        own_id = _proven(ports, source, {k.lower(): v for k, v in event.headers.items()}, raw)
        if router.gate is not None:
            router.gate.limit(f"source {source}", source)
        if len(raw) > arrival.MOST_BYTES:
            raise TooLarge(f"body: more than {arrival.MOST_BYTES} bytes")
        if not raw.strip():
            raise BadRequest("body: empty")
        found = delivery_id(raw, own_id)
        try:
            ports.queue().put(arrival.pack(source, found, raw))
        except QueueUnavailable as error:
            raise Unavailable("the intake queue does not answer: try again") from error
        return {"accepted": True, "id": found}

    return router


def _proven(ports: Ports, source: str, headers: Mapping[str, str], raw: bytes) -> str | None:
    """The sender's own id of the delivery. Raises Unauthorised, in the same words for a source that nobody declared."""
    proof = ports.sources().get(source)
    if proof is None:
        raise Unauthorised("the sender is not proven", "bad_signature")
    try:
        return proof.verify(headers, raw, ports.clock.now())
    except NotProven as error:
        reason: Literal["stale", "bad_signature"] = "stale" if error.is_stale else "bad_signature"
        raise Unauthorised("the sender is not proven", reason, source) from error


def _raw(event: Mapping[str, Any]) -> bytes:
    """The body's own bytes. Raises BadRequest."""
    body = event.get("body") or ""
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except (binascii.Error, UnicodeEncodeError):
        raise BadRequest("body: cannot be decoded") from None


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
