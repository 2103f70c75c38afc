"""pydantic_ai_models: one streamed request to Bedrock's ConverseStream or to an OpenAI-compatible endpoint.

By Pydantic AI's direct request: no agent, no tools, no loop that asks again, and the clients' own retries are off.
Everything is imported with the first call, so that a service that asks no model loads none of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from resilibot.runtime.models.client_errors import translated
from resilibot.runtime.models.port import ModelRejected, Reply
from resilibot.runtime.models.streamed import Bounds, read

CONNECT_S = 3.0


class Endpoint(Protocol):
    """Which model of Pydantic AI is asked, made for one request."""

    def opened(self, timeout_s: float) -> AbstractAsyncContextManager[Any]:
        """Raises ModelFailed, and whatever the client raises."""
        ...


@dataclass(frozen=True)
class PydanticAiModel:
    endpoint: Endpoint
    output_tokens: int
    answer: str  # what the schema is called

    def ask(self, system: str, user: str, schema: dict[str, Any], timeout_s: float) -> Reply:
        """See Model. Gives up after timeout_s, however slowly the answer trickles in."""
        return asyncio.run(self._ask(system, user, schema, timeout_s))

    async def _ask(self, system: str, user: str, schema: dict[str, Any], timeout_s: float) -> Reply:
        with translated():
            from pydantic_ai.direct import model_request_stream
            from pydantic_ai.messages import ModelRequest, UserPromptPart
            from pydantic_ai.models import ModelRequestParameters
            from pydantic_ai.output import OutputObjectDefinition

            wanted = OutputObjectDefinition(json_schema=schema, name=self.answer, strict=True)
            async with (
                self.endpoint.opened(timeout_s) as model,
                model_request_stream(
                    model,
                    [ModelRequest(parts=[UserPromptPart(user)], instructions=system)],
                    model_settings={"max_tokens": self.output_tokens, "request_timeout": timeout_s},
                    model_request_parameters=ModelRequestParameters(
                        output_mode="native", output_object=wanted, allow_text_output=True
                    ),
                ) as stream,
            ):
                return await read(stream, Bounds.of(system, user, schema, self.output_tokens))


@dataclass(frozen=True)
class ConverseEndpoint:
    """Bedrock; AWS_ENDPOINT_URL_BEDROCK_RUNTIME says where, as for every AWS client."""

    model: str
    region: str
    read_s: float  # longest silence; timeout_s of a request ends it before

    def opened(self, timeout_s: float) -> AbstractAsyncContextManager[Any]:
        from pydantic_ai.models.bedrock import BedrockConverseModel
        from pydantic_ai.profiles import ModelProfile
        from pydantic_ai.providers.bedrock import BedrockProvider

        profile = ModelProfile(supports_json_schema_output=True)  # else unknown ids would be asked without a schema
        provider = BedrockProvider(bedrock_client=self._client)
        return nullcontext(BedrockConverseModel(self.model, provider=provider, profile=profile))

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import NoRegionError

        retries: Any = {"total_max_attempts": 1, "mode": "standard"}  # tries are counted and paid for by who asks
        config = Config(connect_timeout=CONNECT_S, read_timeout=self.read_s, retries=retries)
        session: Any = boto3.session.Session()
        try:
            return session.client("bedrock-runtime", region_name=self.region or None, config=config)
        except NoRegionError as error:
            raise ModelRejected("no region is configured") from error


@dataclass(frozen=True)
class OpenAiEndpoint:
    """Chat Completions of OpenAI, or of whatever speaks like it."""

    model: str
    url: str
    key: Callable[[], str]

    @asynccontextmanager
    async def opened(self, timeout_s: float) -> AsyncIterator[Any]:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.profiles import ModelProfile
        from pydantic_ai.providers.openai import OpenAIProvider

        # a redirect would carry the prompt to whoever the endpoint names
        async with DefaultAsyncHttpxClient(timeout=timeout_s, follow_redirects=False) as http:
            client = AsyncOpenAI(base_url=self.url or None, api_key=self.key(), max_retries=0, http_client=http)
            profile = ModelProfile(supports_json_schema_output=True)
            yield OpenAIChatModel(self.model, provider=OpenAIProvider(openai_client=client), profile=profile)
