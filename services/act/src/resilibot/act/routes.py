"""routes: a person's answer to an approval. Who answers comes from the token, never from the body."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler.exceptions import ServiceError
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from resilibot.act.approve import SELVES, AnswerRefused, answer
from resilibot.act.ports import Ports
from resilibot.act.service import SERVICE
from resilibot.contracts.case import fold
from resilibot.contracts.envelope import Actor, stream_id
from resilibot.contracts.personal import Words
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.http import ApiRouter, Id, new_router
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer


class Answer(BaseModel):
    """`arguments_hash` is the one shown: an answer to other arguments is refused."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["approve", "deny"]
    arguments_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    comment: Words = Field(default="", max_length=2000)


EXAMPLES: Any = {
    "approve": {
        "summary": "approve what was shown",
        "value": {"decision": "approve", "arguments_hash": "5f" * 32, "comment": "the release before was fine"},
    }
}


class Answered(BaseModel):
    """`version` of the incident's stream that holds the answer."""

    incident_id: str
    grant_id: str
    version: int


def routes(ports: Ports, writer: Writer) -> ApiRouter:
    router = new_router(SERVICE.routes)

    @router.post(
        "/incidents/<incident_id>/approvals/<grant_id>",
        returns=Answered,
        refuses=(404, 409),
    )
    def answer_approval(
        incident_id: Id, grant_id: Id, body: Annotated[Answer, Body(openapi_examples=EXAMPLES)]
    ) -> dict[str, Any]:
        """Approve or deny one step, for exactly the arguments shown."""
        principal = router.principal
        stream = stream_id("incident", incident_id)
        # sealed before it is decided, since the grant's MAC binds what is stored; a service's name is nobody's
        approver = principal.id if principal.id in SELVES else writer.identity(principal.id)

        def decide(streams: Mapping[str, Stream]) -> Sequence[On]:
            try:
                event = answer(
                    fold(incident_id, streams[stream].events),
                    grant_id,
                    is_approval=body.decision == "approve",
                    arguments_hash=body.arguments_hash,
                    approver=approver,
                    comment=body.comment,
                    trigger_now=writer.clock.now(),
                    key=ports.grant_key(),
                )
            except AnswerRefused as refused:
                raise ServiceError(refused.status, str(refused)) from refused
            return [On(stream, event)]

        origin = Origin(Actor(kind="person", id=approver), incident_id)
        written = writer.write([stream], decide, origin)
        return {"incident_id": incident_id, "grant_id": grant_id, "version": written[-1].version}

    return router
