"""Model wire: one protocol served on loopback for the real clients, and the settings that lead there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import chat_completions, converse
from tests.support.scripted_http import Endpoint

KEY = "sk-very-secret-key"
PROTOCOLS = ("bedrock", "openai")


@dataclass(frozen=True)
class ModelWire:
    """Where a protocol is served, and how its requests are read."""

    protocol: str
    endpoint: Endpoint
    question: Callable[[dict[str, Any]], str]
    schema: Callable[[dict[str, Any]], Any]

    def settings(self, prefix: str) -> dict[str, Any]:
        """Which model, where, and with what key, for settings whose names begin with `prefix`."""
        url = f"{self.endpoint.url}/v1" if self.protocol == "openai" else ""
        told = {"model": "some.model-v1", "url": url, "key": KEY, "region": "eu-west-1"}
        return {f"{prefix}_{name}": value for name, value in told.items()}

    def is_key_sent(self, request: dict[str, Any]) -> bool:
        """In the header that is for it."""
        return f"Bearer {KEY}" in request["headers"].values()


@contextmanager
def model_wire(protocol: str) -> Iterator[ModelWire]:
    """With made-up AWS credentials in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        if protocol == "bedrock":
            with converse.converse() as endpoint:
                patch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", endpoint.url)
                yield ModelWire(protocol, endpoint, converse.question, converse.schema)
        else:
            with chat_completions.chat_completions() as endpoint:
                yield ModelWire(protocol, endpoint, chat_completions.question, chat_completions.schema)
