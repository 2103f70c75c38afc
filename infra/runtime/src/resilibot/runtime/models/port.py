"""port: a model that is asked one thing at a time, whoever serves it. Pure.

ModelFailed        no answer that could be read
├── ModelThrottled    too many requests; again after a pause                    retryable
├── ModelTimedOut     no answer in time, by the endpoint's word or by ours      retryable
├── ModelErred        the endpoint or the model broke down, the line was cut    retryable
├── ModelDenied       no permission, a wrong key, a quota that is used up
├── ModelRejected     the request is not accepted: an unknown model, a schema
├── ModelAbsent       the extra `llm`, or the key, is not there
└── ReplyCut          an answer without its end: no stop reason, no usage       retryable

`detail` goes into an event or an answer: a status and the endpoint's own code, never its text, which may repeat what
was sent.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

STOPS = {"length": "answer_cut", "content_filter": "refused"}  # why an answer has no end; any other word: not_ended


class ModelFailed(Exception):
    code: ClassVar[str] = "model_failed"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ModelThrottled(ModelFailed):
    code = "throttled"
    retryable = True


class ModelTimedOut(ModelFailed):
    code = "timed_out"
    retryable = True


class ModelErred(ModelFailed):
    code = "model_error"
    retryable = True


class ModelDenied(ModelFailed):
    code = "access_denied"


class ModelRejected(ModelFailed):
    code = "rejected"


class ModelAbsent(ModelFailed):
    code = "not_installed"


class ReplyCut(ModelFailed):
    code = "cut"
    retryable = True


@dataclass(frozen=True)
class Reply:
    """What came back. `stop` is the endpoint's own word, `ended` whether it means that the answer is whole.

    No tokens: they were not told, or cannot be.
    """

    text: str
    stop: str
    ended: bool
    tokens_in: int
    tokens_out: int


class Model(Protocol):
    def ask(self, system: str, user: str, schema: dict[str, Any], timeout_s: float) -> Reply:
        """One request, one answer; it has no tools, and nothing is tried again. Raises ModelFailed."""
        ...
