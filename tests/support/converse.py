"""Converse: Bedrock's ConverseStream operation on loopback, by script.

Amazon Bedrock Runtime API, ConverseStream and ConverseStreamOutput; its events are messages of
application/vnd.amazon.eventstream: total length, length of the headers, CRC-32 of both, headers, payload, CRC-32 of all
before it, integers in network order (AWS SDK documentation, "Event stream encoding").
"""

import json
import struct
import zlib
from contextlib import AbstractContextManager
from typing import Any

from tests.support.scripted_http import Endpoint, Protocol, Step, pieces_of, serving

STOPS = {"stop": "end_turn", "length": "max_tokens", "refused": "guardrail_intervened"}
STRING = 7  # the type of a header's value


def converse() -> AbstractContextManager[Endpoint]:
    """Point AWS_ENDPOINT_URL_BEDROCK_RUNTIME at its url."""
    return serving(Protocol(_answer, _error, "application/vnd.amazon.eventstream"))


def question(request: dict[str, Any]) -> str:
    """The user message of a request's body."""
    (message,) = request["messages"]
    (block,) = message["content"]
    text: str = block["text"]
    return text


def schema(request: dict[str, Any]) -> Any:
    return json.loads(request["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"])


def message(kind: str, name: str, told: dict[str, Any]) -> bytes:
    """One message; `kind` is event or exception, `name` which of them."""
    texts = {":message-type": kind, f":{kind}-type": name, ":content-type": "application/json"}
    headers = b"".join(
        struct.pack("!B", len(key)) + key.encode() + struct.pack("!BH", STRING, len(value)) + value.encode()
        for key, value in texts.items()
    )
    payload = json.dumps(told).encode()
    lengths = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    begun = lengths + struct.pack("!I", zlib.crc32(lengths)) + headers + payload
    return begun + struct.pack("!I", zlib.crc32(begun))


def _answer(step: Step, request: dict[str, Any]) -> list[bytes]:
    deltas = [
        message("event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
        for piece in pieces_of(step)
    ]
    begun = [message("event", "messageStart", {"role": "assistant"})]
    if step.fault:
        return [*begun, *deltas[:1], message("exception", step.fault, {"message": step.message})]
    told = [*begun, *deltas, message("event", "contentBlockStop", {"contentBlockIndex": 0})]
    if step.stop is not None:
        told.append(message("event", "messageStop", {"stopReason": STOPS.get(step.stop, step.stop)}))
    if step.usage is not None:
        tokens_in, tokens_out = step.usage
        usage = {"inputTokens": tokens_in, "outputTokens": tokens_out, "totalTokens": tokens_in + tokens_out}
        told.append(message("event", "metadata", {"usage": usage, "metrics": {"latencyMs": 1}}))
    return told


def _error(step: Step) -> tuple[bytes, dict[str, str]]:
    return json.dumps({"message": step.message}).encode(), {"x-amzn-ErrorType": step.code}
