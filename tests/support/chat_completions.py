"""Chat Completions: the protocol of OpenAI-compatible endpoints on loopback, streamed, by script.

Server-sent events of chat.completion.chunk objects; the tokens come in one of their own, if the request wants them
(stream_options.include_usage), and [DONE] ends the stream (OpenAI API reference, Chat Completions, Streaming).
"""

import json
from contextlib import AbstractContextManager
from typing import Any

from tests.support.scripted_http import Endpoint, Protocol, Step, pieces_of, serving

STOPS = {"refused": "content_filter"}


def chat_completions() -> AbstractContextManager[Endpoint]:
    return serving(Protocol(_answer, _error, "text/event-stream"))


def question(request: dict[str, Any]) -> str:
    """The user message of a request's body."""
    (message,) = [m for m in request["messages"] if m["role"] == "user"]
    text: str = message["content"]
    return text


def schema(request: dict[str, Any]) -> Any:
    return request["response_format"]["json_schema"]["schema"]


def _answer(step: Step, request: dict[str, Any]) -> list[bytes]:
    same = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": request["model"]}

    def chunk(delta: dict[str, Any], stop: str | None = None) -> bytes:
        return _event({**same, "choices": [{"index": 0, "delta": delta, "finish_reason": stop}]})

    texts = [{"refusal": step.refusal}] if step.refusal else [{"content": piece} for piece in pieces_of(step)]
    told = [chunk({"role": "assistant", "content": ""}), *map(chunk, texts)]
    if step.fault:
        return [*told[:2], _event({"error": {"message": step.message, "type": step.fault, "code": step.fault}})]
    if step.stop is not None:
        told.append(chunk({}, STOPS.get(step.stop, step.stop)))
    if step.usage is not None and request["stream_options"]["include_usage"]:
        tokens_in, tokens_out = step.usage
        usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
        told.append(_event({**same, "choices": [], "usage": usage}))
    return [*told, b"data: [DONE]\n\n"]


def _event(told: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(told)}\n\n".encode()


def _error(step: Step) -> tuple[bytes, dict[str, str]]:
    return json.dumps({"error": {"message": step.message, "code": step.code, "type": step.code}}).encode(), {}
