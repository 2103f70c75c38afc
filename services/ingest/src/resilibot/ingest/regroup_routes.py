"""regroup_routes: incidents merged, unmerged and split by people. Who they are comes from their token."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.personal import Words
from resilibot.ingest.homes import home_in
from resilibot.ingest.ports import Ports
from resilibot.ingest.regroup import RegroupRefused, merge, split, unmerge
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.folds import case_folds
from resilibot.runtime.http import ApiRouter, Conflict, Id, NotFound
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer

Streams = Mapping[str, Stream]
Fingerprint = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]


class MergeIncident(BaseModel):
    model_config = ConfigDict(extra="forbid")

    into: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z]+$")
    comment: Words = Field(default="", max_length=2000)


class UnmergeIncident(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: Words = Field(default="", max_length=2000)


class SplitIncident(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fingerprints: list[Fingerprint] = Field(min_length=1, max_length=40)  # a transaction holds 100 items
    comment: Words = Field(default="", max_length=2000)


class Merged(BaseModel):
    incident_id: str
    merged_into: str


class Unmerged(BaseModel):
    incident_id: str
    out_of: str


class Split(BaseModel):
    """The new incident, and the one that it was taken out of."""

    incident_id: str
    split_from: str


MERGE_EXAMPLES: Any = {
    "same": {
        "summary": "the same trouble",
        "value": {"into": "01JD9Z3K6Q8V7W2X4Y5Z6A7B8C", "comment": "both hang on the database"},
    }
}
UNMERGE_EXAMPLES: Any = {"not": {"summary": "it was not the same", "value": {"comment": "another cause"}}}
SPLIT_EXAMPLES: Any = {
    "apart": {
        "summary": "one signal is another trouble",
        "value": {"fingerprints": ["0c8e5f3d2b1a4f67"], "comment": "the disk has nothing to do with it"},
    }
}


def add_regroup_routes(router: ApiRouter, ports: Ports, writer: Writer) -> None:
    def regroup(incident_id: str, names: list[str], decide: Callable[[Streams], list[On]]) -> list[RecordedEvent]:
        """Raises what was refused, with its status and its reason."""
        try:
            return writer.write(names, decide, Origin(router.principal.actor, incident_id))
        except RegroupRefused as refused:
            raise (NotFound if refused.status == 404 else Conflict)(str(refused)) from refused

    @router.post("/incidents/<incident_id>/merge", returns=Merged, refuses=(404, 409))
    def merge_incident(
        incident_id: Id, body: Annotated[MergeIncident, Body(openapi_examples=MERGE_EXAMPLES)]
    ) -> dict[str, Any]:
        """Say that an incident is the same trouble as another: it ends there."""

        def decide(streams: Streams) -> list[On]:
            return merge(_case(incident_id, streams), _case(body.into, streams), body.comment)

        regroup(incident_id, [stream_id("incident", incident_id), stream_id("incident", body.into)], decide)
        return {"incident_id": incident_id, "merged_into": body.into}

    @router.post("/incidents/<incident_id>/unmerge", returns=Unmerged, refuses=(404, 409))
    def unmerge_incident(
        incident_id: Id, body: Annotated[UnmergeIncident, Body(openapi_examples=UNMERGE_EXAMPLES)]
    ) -> dict[str, Any]:
        """Take a merge back: the incident lives again, with the signals that it brought."""

        def decide(streams: Streams) -> list[On]:
            child = _case(incident_id, streams)
            parent = _case(child.merged_into, streams) if child.merged_into else None
            return unmerge(child, parent, body.comment, lambda key: home_in(key, streams, case_folds()))

        written = regroup(incident_id, [stream_id("incident", incident_id)], decide)
        back = next(r.event.out_of for r in written if isinstance(r.event, e.IncidentUnmergedV1))
        return {"incident_id": incident_id, "out_of": back}

    @router.post("/incidents/<incident_id>/split", returns=Split, refuses=(404, 409))
    def split_incident(
        incident_id: Id, body: Annotated[SplitIncident, Body(openapi_examples=SPLIT_EXAMPLES)]
    ) -> dict[str, Any]:
        """Take signals out into a new incident of their own."""
        new_incident_id = writer.ids(ports.clock.now())

        def decide(streams: Streams) -> list[On]:
            return split(_case(incident_id, streams), body.fingerprints, new_incident_id, body.comment)

        regroup(incident_id, [stream_id("incident", incident_id)], decide)
        return {"incident_id": new_incident_id, "split_from": incident_id}


def _case(incident_id: str, streams: Streams) -> IncidentCase:
    return fold(incident_id, streams[stream_id("incident", incident_id)].events)
