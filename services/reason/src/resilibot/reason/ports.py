"""ports: what the reason service needs from the world when a model is wanted beside the rules."""

from collections.abc import Callable
from dataclasses import dataclass

from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.models.port import Model


@dataclass(frozen=True)
class Ports:
    settings: ReasonSettings
    model: Model
    nonce: Callable[[], str]  # not to be guessed by who writes a log line
    jitter: Callable[[], float]  # 0 to 1
    pause: Callable[[float], None]  # seconds
    monotonic: Callable[[], float]  # seconds
