"""Lambda entry of reason. Composition only."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from resilibot.reason.adapters.models import ports_of
from resilibot.reason.service import SERVICE
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.environment import Runtime


@cache
def _consumer() -> Any:
    return Runtime.from_env().consumer(SERVICE, ports_of(ReasonSettings()))


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    answer: dict[str, Any] = _consumer().handle(event)
    return answer
