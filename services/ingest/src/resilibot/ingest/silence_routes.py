"""silence_routes: silences and maintenance windows, started and ended by people."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body, Header
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from resilibot.contracts import events as e
from resilibot.contracts.event import format_time
from resilibot.contracts.matching import SilenceMatcher
from resilibot.contracts.personal import Words
from resilibot.ingest.silences import SILENCES, end, fold_silences, silenced_stream
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.http import ApiRouter, BadRequest, Conflict, Id, NotFound
from resilibot.runtime.service import On
from resilibot.runtime.writer import Origin, Writer

LONGEST_S = 30 * 86400


class StartSilence(BaseModel):
    """What is silenced, for how long, and why. It ends at `ends_at`, or `duration_s` after it starts."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    matcher: SilenceMatcher
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    duration_s: float | None = Field(default=None, gt=0, le=LONGEST_S)
    reason: Words = Field(min_length=1, max_length=2000)

    @model_validator(mode="after")
    def _ends_once(self) -> "StartSilence":
        if (self.ends_at is None) == (self.duration_s is None):
            raise ValueError("ends_at or duration_s is needed, and not both: no silence is without an end")
        return self

    def times(self, now: datetime) -> tuple[datetime, datetime]:
        """Start and end. Raises BadRequest naming the field."""
        starts_at = max(self.starts_at or now, now)
        ends_at = self.ends_at or starts_at + timedelta(seconds=self.duration_s or 0)
        if ends_at <= starts_at:
            raise BadRequest("ends_at: is not after the start")
        if ends_at > now + timedelta(seconds=2 * LONGEST_S) or ends_at - starts_at > timedelta(seconds=LONGEST_S):
            raise BadRequest(f"ends_at: a silence lasts {LONGEST_S // 86400} days at most")
        return starts_at, ends_at


class StartedSilence(BaseModel):
    """`created` is false where the same Idempotency-Key has started it before."""

    silence_id: str
    ends_at: AwareDatetime
    created: bool


class EndSilence(BaseModel):
    """Nothing to say but that it ends: an empty object."""

    model_config = ConfigDict(extra="forbid")


class EndedSilence(BaseModel):
    silence_id: str
    ended: bool


START_EXAMPLES: Any = {
    "move": {
        "summary": "an hour of maintenance",
        "value": {"matcher": {"service": "orders"}, "duration_s": 3600, "reason": "the database moves house"},
    }
}


END_EXAMPLES: Any = {"now": {"summary": "end it now", "value": {}}}


def add_silence_routes(router: ApiRouter, writer: Writer) -> None:
    @router.post("/silences", returns=StartedSilence, refuses=(400,))
    def start_silence(
        body: Annotated[StartSilence, Body(openapi_examples=START_EXAMPLES)],
        idempotency_key: Annotated[
            str | None, Header(alias="Idempotency-Key", max_length=128, pattern=r"^[\x21-\x7e]+$")
        ] = None,
    ) -> dict[str, Any]:
        """Start a silence, or plan a maintenance window. The same Idempotency-Key gives the same silence."""
        now = writer.clock.now()
        starts_at, ends_at = body.times(now)
        started = e.SilenceStartedV1(
            silence_id=writer.ids(now), matcher=body.matcher, starts_at=starts_at, ends_at=ends_at, comment=body.reason
        )
        known: list[e.SilenceStartedV1] = []

        def decide(streams: Mapping[str, Stream]) -> Sequence[On]:
            events = streams[SILENCES].events
            same = [r.event for r in events if idempotency_key and r.envelope.command_id == idempotency_key]
            known[:] = [event for event in same if isinstance(event, e.SilenceStartedV1)]
            return [] if known else [On(SILENCES, started)]

        origin = Origin(router.principal.actor, command_id=idempotency_key)
        writer.write([SILENCES], decide, origin)
        given = known[0] if known else started
        return {"silence_id": given.silence_id, "ends_at": format_time(given.ends_at), "created": not known}

    @router.post("/silences/<silence_id>/end", returns=EndedSilence, refuses=(404, 409))
    def end_silence(silence_id: Id, body: Annotated[EndSilence, Body(openapi_examples=END_EXAMPLES)]) -> dict[str, Any]:
        """End a silence now. Whatever it held back and still fires opens its incident."""

        def decide(streams: Mapping[str, Stream]) -> Sequence[On]:
            silence = fold_silences(streams[SILENCES].events).get(silence_id)
            if silence is None:
                raise NotFound(f"no silence {silence_id}")
            if silence.is_ended:
                raise Conflict(f"silence {silence_id} has ended already")
            return end(silence_id, "person")

        origin = Origin(router.principal.actor)
        writer.write([SILENCES, silenced_stream(silence_id)], decide, origin)
        return {"silence_id": silence_id, "ended": True}
