"""arrival: a webhook's body on its way through the intake queue: its bytes, its source and its delivery id. Pure.

The door only proves where it comes from and puts it there. So a burst waits in the queue, what cannot be read is kept
in the dead letters, and there is one path for signals, whatever door they came through.
"""

import base64
import json

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from resilibot.contracts.faults import faults_of
from resilibot.ingest.sources.errors import MalformedSignal

KEY = "resilibot.webhook.v1"
MOST_BYTES = 180_000  # of a body: in base64 and its envelope it fits into an SQS message of 256 KiB


class Arrival(BaseModel):
    """`sender`: whose form it has, for the parser; `id` the delivery's, the same when it is repeated.

    `door`: the source that was declared, where it has another name than its sender.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sender: str
    id: str = Field(min_length=1, max_length=256)
    door: str = Field(default="", max_length=64)
    body: Base64Bytes  # SQS takes text only, and not every character of it


def pack(sender: str, delivery_id: str, raw: bytes, source: str = "") -> str:
    """`source`: as it is declared; none for SNS."""
    inside = {"sender": sender, "id": delivery_id, "body": base64.b64encode(raw).decode()}
    if source not in ("", sender):
        inside["door"] = source
    return json.dumps({KEY: inside}, separators=(",", ":"))


def unpack(message: str) -> Arrival | None:
    """None: the message did not come through a webhook. Raises MalformedSignal for a broken envelope."""
    if not message.startswith(f'{{"{KEY}":'):
        return None
    try:
        inside = json.loads(message)[KEY]
    except ValueError:
        return None
    try:
        return Arrival.model_validate(inside)
    except ValidationError as error:
        raise MalformedSignal(f"{KEY}: {faults_of(error, 'arrival')}") from error
