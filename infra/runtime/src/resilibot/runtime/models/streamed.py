"""streamed: an answer as it comes in. It ends when it has said why, when it is too long, or in a failure.

A stream that simply stops is no answer, even if what came of it can be read: only a stop reason says that it is whole.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resilibot.runtime.models.port import Reply, ReplyCut

CODE = re.compile(r"[A-Za-z][\w.-]{0,59}")
BYTES_PER_TOKEN = 16  # of an answer, at most on average: words of one token are shorter, as are other scripts' signs
AROUND_TOKENS = 10_000  # what an endpoint may add to a prompt: its template, the schema in its own words, a guardrail's


@dataclass(frozen=True)
class Bounds:
    """What one request can have come to; nothing beyond it is believed, or waited for."""

    tokens_in: int
    tokens_out: int
    answer_bytes: int

    @classmethod
    def of(cls, system: str, user: str, schema: Mapping[str, Any], output_tokens: int) -> "Bounds":
        """A token stands for at least one byte of what was sent, and of what was answered."""
        sent_bytes = sum(len(text.encode(errors="replace")) for text in (system, user, json.dumps(schema)))
        answer_bytes = output_tokens * BYTES_PER_TOKEN
        return cls(sent_bytes + AROUND_TOKENS, answer_bytes, answer_bytes)

    def told(self, tokens_in: int, tokens_out: int) -> tuple[int, int]:
        """The figures, or none at all if one of them cannot be: then the call counts as one that was not metered."""
        is_possible = 0 < tokens_in <= self.tokens_in and 0 <= tokens_out <= self.tokens_out
        return (tokens_in, tokens_out) if is_possible else (0, 0)


async def read(stream: Any, bounds: Bounds) -> Reply:
    """The answer of a stream of Pydantic AI. Raises ReplyCut, and whatever the client raises.

    One that grows too long is not read on, whether the endpoint keeps to the tokens it was allowed or not.
    """
    size_bytes = 0
    async for event in stream:
        size_bytes += _size_bytes(event)
        if size_bytes > bounds.answer_bytes:
            return Reply(text="", stop="length", ended=False, tokens_in=0, tokens_out=0)
    return _reply(stream.get(), bounds)


def _size_bytes(event: Any) -> int:
    """Of what this event adds: text, thoughts, the arguments of a tool that nobody offered."""
    from pydantic_ai.messages import PartDeltaEvent, PartStartEvent

    if isinstance(event, PartStartEvent):
        told = [getattr(event.part, name, None) for name in ("content", "args")]
    elif isinstance(event, PartDeltaEvent):
        told = [getattr(event.delta, name, None) for name in ("content_delta", "args_delta")]
    else:
        return 0
    return sum(len(str(piece).encode(errors="replace")) for piece in told if piece is not None)


def _reply(response: Any, bounds: Bounds) -> Reply:
    """The text alone: a model that thinks aloud or calls a tool it does not have says nothing by that."""
    raw = (response.provider_details or {}).get("finish_reason")
    if raw is None and response.finish_reason != "content_filter":
        raise ReplyCut("an answer without a stop reason")
    stop = response.finish_reason or (raw if isinstance(raw, str) and CODE.fullmatch(raw) else "an unknown reason")
    tokens_in, tokens_out = bounds.told(response.usage.input_tokens, response.usage.output_tokens)
    return Reply(
        text=response.text or "",
        stop=stop,
        ended=response.finish_reason == "stop",
        tokens_in=tokens_in,
        tokens_out=tokens_out,
    )
