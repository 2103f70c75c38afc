"""outside: the providers that act upon the world. They keep their own record, which the properties are judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from resilibot.act.catalogue import Arguments, HostFact
from resilibot.act.ports import DispatchRefused, DispatchUndecided, Execution
from resilibot.notify.ports import Delivery
from tests.simulation.process import Process
from tests.simulation.world import World

TOKEN_S = 300  # how long the provider knows a token
RUNS_S = 8  # how long an execution takes


@dataclass
class Executed:
    """One execution that the provider began. `is_late`: the hosts refused it after its deadline."""

    id: str
    token: str
    document: str
    arguments: Arguments
    began_at: datetime
    ends_at: datetime | None
    is_success: bool
    is_late: bool


@dataclass
class SimAutomation:
    """Starts once per token while it knows the token; an execution changes the world when it ends."""

    world: World
    process: Process
    executed: list[Executed] = field(default_factory=list)
    name: str = "ssm"

    @property
    def ran(self) -> list[Executed]:
        """What the hosts really did."""
        return [one for one in self.executed if not one.is_late]

    def start(self, document: str, version: str, arguments: Arguments, client_token: str, not_after: datetime) -> str:
        self.process.boundary(f"before start {document}")
        strikes = self.process.adversary.strikes
        if strikes("refused", document):
            raise DispatchRefused("the provider says no")
        if strikes("down", document):
            raise DispatchUndecided("no answer")
        execution = self._known(client_token) or self._begin(document, arguments, client_token, not_after)
        self.process.boundary(f"after start {document}")
        if strikes("answer_lost", document):
            raise DispatchUndecided("it ran, but the answer was lost")
        return execution.id

    def read(self, provider_id: str) -> Execution:
        self.process.boundary("before read")
        if self.process.adversary.strikes("down", "read"):
            raise DispatchUndecided("no answer")
        found = next(one for one in self.executed if one.id == provider_id)
        if found.ends_at is None or self.world.clock.now() < found.ends_at:
            return Execution(provider_id, "running")
        if found.is_late:
            return Execution(provider_id, "late", "not begun")
        return Execution(provider_id, "succeeded" if found.is_success else "failed", "done")

    def _known(self, token: str) -> Executed | None:
        since = self.world.clock.now() - timedelta(seconds=TOKEN_S)
        return next((one for one in self.executed if one.token == token and one.began_at >= since), None)

    def _begin(self, document: str, arguments: Arguments, token: str, not_after: datetime) -> Executed:
        now = self.world.clock.now()
        is_late = now > not_after
        is_endless = self.process.adversary.strikes("endless", document)
        is_broken = self.process.adversary.strikes("broken", document)
        ends_at = None if is_endless else now + timedelta(seconds=RUNS_S)
        number = len(self.executed) + 1
        execution = Executed(f"exec-{number}", token, document, arguments, now, ends_at, not is_broken, is_late)
        self.executed.append(execution)
        if ends_at and not is_broken and not is_late:
            self.world.act(document, arguments, ends_at)
        return execution


@dataclass
class SimHosts:
    world: World
    process: Process

    def of_service(self, service: str) -> Sequence[HostFact]:
        if self.process.adversary.strikes("offline", f"list of {service}"):
            raise DispatchUndecided("hosts cannot be listed")
        workload = self.world.living[service].workload
        return [HostFact(host, not self.process.adversary.strikes("offline", host), None) for host in workload.hosts]


@dataclass
class SimChannel:
    """A webhook. `delivered`: the keys that arrived, in order."""

    process: Process
    delivered: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    name: str = "webhook"

    def send(self, key: str, message: Mapping[str, Any]) -> Delivery:
        self.process.boundary("before send")
        strikes = self.process.adversary.strikes
        if strikes("webhook_down", "send"):
            return Delivery("unavailable", 503, detail="503")
        if strikes("webhook_refused", "send"):
            return Delivery("refused", 400, detail="400")
        self.delivered.append((key, message))
        self.process.boundary("after send")
        if strikes("webhook_unclear", "send"):
            return Delivery("unclear", detail="the connection broke")
        return Delivery("delivered", 200, f"remote-{len(self.delivered)}")
