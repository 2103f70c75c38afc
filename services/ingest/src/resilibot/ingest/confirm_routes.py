"""confirm_routes: root causes confirmed by people. Who they are comes from their token."""

from collections.abc import Mapping
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body, Header
from pydantic import BaseModel, ConfigDict, Field

from resilibot.contracts import events as e
from resilibot.contracts.case import fold
from resilibot.contracts.envelope import stream_id
from resilibot.contracts.personal import Words
from resilibot.ingest.confirm import ConfirmRefused, confirm
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.http import ApiRouter, Conflict, Id, NotFound
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer

PLAIN = r"^[^\x00-\x1f\x7f-\x9f]+$"  # no control characters
Class = Annotated[str | None, Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z_-]*$")]


class ConfirmRootCause(BaseModel):
    """What it was, in the reasoner's words where one of them fits: then its diagnosis can be graded."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    component: str = Field(min_length=1, max_length=256, pattern=PLAIN)
    cause: str = Field(min_length=1, max_length=256, pattern=PLAIN)
    fault_class: Class = None
    fault_category: Class = None
    comment: Words = Field(default="", max_length=2000)


class Confirmed(BaseModel):
    """`recorded` is false where the same was said last, or the same Idempotency-Key came before."""

    incident_id: str
    recorded: bool


CONFIRM_EXAMPLES: Any = {
    "release": {
        "summary": "what the review found",
        "value": {
            "component": "orders",
            "cause": "bad_release",
            "fault_class": "error-deploy",
            "comment": "release 8 dropped a column that invoices read",
        },
    }
}


def add_confirm_routes(router: ApiRouter, writer: Writer) -> None:
    @router.post("/incidents/<incident_id>/root-cause", returns=Confirmed, refuses=(404, 409))
    def confirm_root_cause(
        incident_id: Id,
        body: Annotated[ConfirmRootCause, Body(openapi_examples=CONFIRM_EXAMPLES)],
        idempotency_key: Annotated[
            str | None, Header(alias="Idempotency-Key", max_length=128, pattern=r"^[\x21-\x7e]+$")
        ] = None,
    ) -> dict[str, Any]:
        """Say what it really was: also weeks later, also of a closed incident. The latest verdict counts."""
        stream = stream_id("incident", incident_id)
        verdict = e.RootCauseConfirmedV1.model_validate(body.model_dump())

        def decide(streams: Mapping[str, Stream]) -> list[On]:
            events = streams[stream].events
            if idempotency_key and any(event.envelope.command_id == idempotency_key for event in events):
                return []
            return [On(stream, event) for event in confirm(fold(incident_id, events), verdict)]

        try:
            written = writer.write([stream], decide, Origin(router.principal.actor, incident_id, None, idempotency_key))
        except ConfirmRefused as refused:
            raise (NotFound if refused.status == 404 else Conflict)(str(refused)) from refused
        return {"incident_id": incident_id, "recorded": bool(written)}
