"""client_errors: whatever the clients of models raise, as ModelFailed. Told by status and code, never by its text.

Everything is imported when it is needed, as in pydantic_ai_models.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resilibot.runtime.models.port import (
    ModelAbsent,
    ModelDenied,
    ModelErred,
    ModelFailed,
    ModelRejected,
    ModelThrottled,
    ModelTimedOut,
    ReplyCut,
)
from resilibot.runtime.models.streamed import CODE

log = logging.getLogger(__name__)

BY_STATUS: dict[int, type[ModelFailed]] = {
    401: ModelDenied,
    402: ModelDenied,
    403: ModelDenied,
    408: ModelTimedOut,
    424: ModelErred,  # ModelErrorException, modelStreamErrorException
    429: ModelThrottled,  # ThrottlingException, ModelNotReadyException
}
# How the clients trip over bodies that are not of the protocol: a list for an object, nesting without end, 1e999
ODD_BODY = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@contextmanager
def translated() -> Iterator[None]:
    """Raise ModelFailed for whatever the clients raise. What is not listed here is a fault of ours, and stays one."""
    try:
        from botocore.eventstream import ParserError
        from botocore.exceptions import BotoCoreError, NoCredentialsError
        from botocore.parsers import ResponseParserError
        from httpx2 import HTTPError, InvalidURL, StreamError
        from openai import OpenAIError
        from pydantic_ai.exceptions import AgentRunError, UserError
        from urllib3.exceptions import HTTPError as Urllib3Error
    except ImportError as error:
        raise ModelAbsent("the extra `llm` is not installed") from error
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
    # ExceptionGroup: what a client's own tasks raise, as for a port beyond 65535
    except (HTTPError, InvalidURL, StreamError, OpenAIError, Urllib3Error, OSError, ExceptionGroup) as error:
        log.warning("a client of a model failed", extra={"error": type(error).__name__})  # its text may quote
        raise ModelErred(type(error).__name__) from error
    except (ResponseParserError, ParserError, *ODD_BODY) as error:
        log.warning("an answer that is not of the protocol", extra={"error": type(error).__name__})
        raise ReplyCut("an answer that is not of the protocol, or lacks its end") from error


def _failed(error: Any) -> ModelFailed:
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
        told = f" {code}" if isinstance(code, str) and CODE.fullmatch(code) else ""
        kind = BY_STATUS.get(error.status_code) or (ModelErred if error.status_code >= 500 else ModelRejected)
        return kind(f"HTTP {error.status_code}{told}")
    if isinstance(error, ModelConnectionError):
        return ModelErred("no connection, or it was cut")
    return ModelErred("the answer could not be read" if isinstance(error, ModelAPIError) else type(error).__name__)
