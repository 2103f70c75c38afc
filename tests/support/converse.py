"""Converse: Bedrock's Converse operation on loopback, by script (Amazon Bedrock Runtime API, Converse)."""

import json
from contextlib import AbstractContextManager
from typing import Any

from tests.support.scripted_http import Endpoint, Step, serving, text_of

STOPS = {"stop": "end_turn", "length": "max_tokens", "refused": "guardrail_intervened"}


def converse() -> AbstractContextManager[Endpoint]:
    """Point AWS_ENDPOINT_URL_BEDROCK_RUNTIME at its url."""
    return serving(_answer, _error)


def question(request: dict[str, Any]) -> str:
    """The user message of a request's body."""
    (message,) = request["messages"]
    (block,) = message["content"]
    text: str = block["text"]
    return text


def schema(request: dict[str, Any]) -> Any:
    return json.loads(request["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"])


def _answer(step: Step, request: dict[str, Any]) -> bytes:
    told: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": [{"text": text_of(step.answer)}]}},
        "metrics": {"latencyMs": 1},
    }
    if step.stop is not None:
        told["stopReason"] = STOPS.get(step.stop, step.stop)
    if step.usage is not None:
        tokens_in, tokens_out = step.usage
        told["usage"] = {"inputTokens": tokens_in, "outputTokens": tokens_out, "totalTokens": tokens_in + tokens_out}
    return json.dumps(told).encode()


def _error(step: Step) -> tuple[bytes, dict[str, str]]:
    return json.dumps({"message": step.message}).encode(), {"x-amzn-ErrorType": step.code}
