"""refusal: what a dead letter of the intake is, and why it is one, said by the parser that refused it. Pure."""

from resilibot.ingest.arrival import unpack
from resilibot.ingest.sources import MalformedSignal, Refused, read
from resilibot.ingest.sources.registry import QUEUE, all_sources, names

TAKEN = "this build takes it: `resilibot dlq redrive intake`"
OWN_MAPPING = "read by a mapping of this home's own: its reason is in the log of ingest"


def of_intake(body: str) -> tuple[str, str]:
    """The sender's own message, and the reason for which it is refused, or that it would be taken by now."""
    try:
        arrival = unpack(body)
    except MalformedSignal as error:
        return body, str(error)
    raw, hint = (arrival.body, arrival.sender) if arrival else (body.encode(), QUEUE)
    return raw.decode(errors="backslashreplace"), _reason(raw, hint)


def _reason(raw: bytes, hint: str) -> str:
    if hint not in names(all_sources()):
        return OWN_MAPPING
    try:
        items = read(raw, hint)
    except MalformedSignal as error:
        return str(error)
    return "; ".join(item.reason for item in items if isinstance(item, Refused)) or TAKEN
