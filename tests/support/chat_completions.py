"""Chat Completions: the protocol of OpenAI-compatible endpoints on loopback, by script."""

import json
from contextlib import AbstractContextManager
from typing import Any

from tests.support.scripted_http import Endpoint, Step, serving, text_of

STOPS = {"refused": "content_filter"}


def chat_completions() -> AbstractContextManager[Endpoint]:
    return serving(_answer, _error)


def question(request: dict[str, Any]) -> str:
    """The user message of a request's body."""
    (message,) = [m for m in request["messages"] if m["role"] == "user"]
    text: str = message["content"]
    return text


def schema(request: dict[str, Any]) -> Any:
    return request["response_format"]["json_schema"]["schema"]


def _answer(step: Step, request: dict[str, Any]) -> bytes:
    message = {"role": "assistant", "content": None if step.refusal else text_of(step.answer)}
    message |= {"refusal": step.refusal} if step.refusal else {}
    stop = None if step.stop is None else STOPS.get(step.stop, step.stop)
    told: dict[str, Any] = {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": request["model"],
        "choices": [{"index": 0, "finish_reason": stop, "message": message}],
    }
    if step.usage is not None:
        tokens_in, tokens_out = step.usage
        total = tokens_in + tokens_out
        told["usage"] = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": total}
    return json.dumps(told).encode()


def _error(step: Step) -> tuple[bytes, dict[str, str]]:
    return json.dumps({"error": {"message": step.message, "code": step.code, "type": step.code}}).encode(), {}
