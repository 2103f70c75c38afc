"""ports: what act needs from the world.

DispatchError
├── DispatchRefused    the provider said no: nothing happened, nothing will
└── DispatchUndecided  no answer: it may have happened; only reading back can tell
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from resilibot.act.catalogue import Arguments, HostFact
from resilibot.act.policy import Policy
from resilibot.act.settings import ActSettings
from resilibot.contracts.door_policy import DEFAULT as DEFAULT_DOOR
from resilibot.contracts.door_policy import DoorPolicy


class DispatchError(Exception):
    code: ClassVar[str] = "dispatch_error"


class DispatchRefused(DispatchError):
    code = "dispatch_refused"


class DispatchUndecided(DispatchError):
    code = "dispatch_undecided"


@dataclass(frozen=True)
class Execution:
    """A provider's execution. `output` is untrusted text. `late`: a host refused to begin it after its deadline."""

    provider_id: str
    state: Literal["running", "succeeded", "failed", "late"]
    output: str = ""


class Automation(Protocol):
    name: str

    def start(self, document: str, version: str, arguments: Arguments, client_token: str, not_after: datetime) -> str:
        """Start, or find what was started with this token and these arguments. Returns the provider's id.

        The hosts begin nothing after `not_after`, by their own clocks.

        Raises DispatchRefused, DispatchUndecided.
        """
        ...

    def read(self, provider_id: str) -> Execution:
        """Raises DispatchUndecided."""
        ...


class ManagedHosts(Protocol):
    def of_service(self, service: str) -> Sequence[HostFact]:
        """Hosts of a service as they are now (`responds` is None: not asked). Raises DispatchUndecided."""
        ...


@dataclass(frozen=True)
class Ports:
    settings: ActSettings
    policy: Policy
    grant_key: Callable[[], bytes]
    automation: Automation
    hosts: ManagedHosts
    pause: Callable[[float], None]
    door: DoorPolicy = DEFAULT_DOOR  # for its budget
