"""pydantic_ai_models: one request to Bedrock's Converse or to an OpenAI-compatible endpoint, by Pydantic AI.

Only its direct request is used: no agent, no tools, no loop that asks again, and the clients' own retries are off.
Everything is imported with the first call, so that a service that asks no model loads none of it.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from resilibot.runtime.models.port import (
    ModelAbsent,
    ModelDenied,
    ModelErred,
    ModelFailed,
    ModelRejected,
    ModelThrottled,
    ModelTimedOut,
    Reply,
    ReplyCut,
)

log = logging.getLogger(__name__)

_CODE = re.compile(r"[A-Za-z][\w.-]{0,59}")
CONNECT_S = 3.0
BY_STATUS: dict[int, type[ModelFailed]] = {
    401: ModelDenied,
    402: ModelDenied,
    403: ModelDenied,
    408: ModelTimedOut,
    424: ModelErred,  # ModelErrorException
    429: ModelThrottled,  # ThrottlingException, ModelNotReadyException
}


class Endpoint(Protocol):
    """Which model of Pydantic AI is asked, made for one request."""

    def opened(self, timeout_s: float) -> AbstractAsyncContextManager[Any]:
        """Raises ModelFailed, or ImportError without the extra."""
        ...


@dataclass(frozen=True)
class PydanticAiModel:
    endpoint: Endpoint
    output_tokens: int
    answer: str  # what the schema is called

    def ask(self, system: str, user: str, schema: dict[str, Any], timeout_s: float) -> Reply:
        """See Model. Gives up after timeout_s, however slowly the answer trickles in."""
        try:
            return asyncio.run(self._ask(system, user, schema, timeout_s))
        except ImportError as error:
            raise ModelAbsent("the extra `llm` is not installed") from error
        except ModelFailed:
            raise
        except Exception as error:  # an address that is none, nesting beyond all bounds: no reason to judge nothing
            log.warning("a client of a model failed", extra={"error": type(error).__name__})  # its text may quote
            raise ModelErred(type(error).__name__) from error

    async def _ask(self, system: str, user: str, schema: dict[str, Any], timeout_s: float) -> Reply:
        from pydantic_ai.direct import model_request
        from pydantic_ai.messages import ModelRequest, UserPromptPart
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.output import OutputObjectDefinition

        wanted = OutputObjectDefinition(json_schema=schema, name=self.answer, strict=True)
        parameters = ModelRequestParameters(output_mode="native", output_object=wanted, allow_text_output=True)
        async with self.endpoint.opened(timeout_s) as model:
            with _translated():
                response = await model_request(
                    model,
                    [ModelRequest(parts=[UserPromptPart(user)], instructions=system)],
                    model_settings={"max_tokens": self.output_tokens, "request_timeout": timeout_s},
                    model_request_parameters=parameters,
                )
        return _reply(response)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise ModelFailed for whatever the clients raise."""
    from botocore.exceptions import BotoCoreError, NoCredentialsError
    from botocore.parsers import ResponseParserError
    from pydantic_ai.exceptions import AgentRunError, UserError

    try:
        yield
    except AgentRunError as error:
        raise _failed(error) from error
    except UserError as error:
        raise ModelRejected("the client cannot send this request") from error
    except NoCredentialsError as error:
        raise ModelDenied("no AWS credentials") from error
    except BotoCoreError as error:
        raise ModelRejected(type(error).__name__) from error
    except (ResponseParserError, AttributeError, KeyError, TypeError, ValueError) as error:
        # the clients trip like this over bodies that are not of the protocol: no stop reason, a list for an object
        log.warning("an answer that is not of the protocol", exc_info=error)
        raise ReplyCut("an answer that is not of the protocol, or lacks its end") from error


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


def _failed(error: Any) -> ModelFailed:
    """A client's error as one of ours, told by status and code only."""
    from pydantic_ai.exceptions import (
        ModelAPIError,
        ModelConnectionError,
        ModelHTTPError,
        ModelRequestTimeout,
        ModelTimeoutError,
    )

    if isinstance(error, (ModelRequestTimeout, ModelTimeoutError)) and not isinstance(error, ModelHTTPError):
        return ModelTimedOut("no answer in time")
    if isinstance(error, ModelHTTPError):
        code = error.provider_error_code
        told = f" {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
        kind = BY_STATUS.get(error.status_code) or (ModelErred if error.status_code >= 500 else ModelRejected)
        return kind(f"HTTP {error.status_code}{told}")
    if isinstance(error, ModelConnectionError):
        return ModelErred("no connection, or it was cut")
    return ModelErred("the answer could not be read" if isinstance(error, ModelAPIError) else type(error).__name__)


def _reply(response: Any) -> Reply:
    """The text alone: a model that thinks aloud or calls a tool it does not have says nothing by that."""
    raw = (response.provider_details or {}).get("finish_reason")
    if raw is None and response.finish_reason != "content_filter":
        raise ReplyCut("an answer without a stop reason")
    stop = response.finish_reason or (raw if isinstance(raw, str) and _CODE.fullmatch(raw) else "an unknown reason")
    return Reply(
        text=response.text or "",
        stop=stop,
        ended=response.finish_reason == "stop",
        tokens_in=response.usage.input_tokens,
        tokens_out=response.usage.output_tokens,
    )
