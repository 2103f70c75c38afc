"""house: the real services, each with its ports in memory: Consumer, Intake, Projector and Writer as in production."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilibot.act.policy import DEFAULT
from resilibot.act.ports import Ports as ActPorts
from resilibot.act.settings import ActSettings
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports as IngestPorts
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.topology import Node, Topology
from resilibot.local.roster import SERVICES
from resilibot.notify.ports import Ports as NotifyPorts
from resilibot.notify.settings import NotifySettings
from resilibot.observe.ports import Ports as ObservePorts
from resilibot.observe.settings import ObserveSettings
from resilibot.projections.ports import Ports as ProjectionsPorts
from resilibot.projections.project import Projector
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.bus.topology import INTAKE
from resilibot.runtime.consumer import Consumer
from resilibot.runtime.event_store.port import Timer
from resilibot.runtime.service import Service
from resilibot.runtime.writer import Writer
from tests.simulation.outside import SimAutomation, SimChannel, SimHosts
from tests.simulation.people import EXPIRY_S, ROGUE
from tests.simulation.process import Process
from tests.simulation.stores import SimReadModels, SimStore, SimTimers
from tests.simulation.world import Hosts, Logs, Metrics, Releases, Runbooks

if TYPE_CHECKING:
    from tests.simulation.run import Run

__all__ = ["KEY", "SERVICES", "House"]

KEY = b"only act reads this"
ACT = ActSettings(
    allowed_units=("orders.service", "billing.service"),
    approval_expiry_s=EXPIRY_S,
    cooldown_s=20,
    action_lease_s=20,
    action_wait_s=10,
    action_timeout_s=120,
    token_valid_s=60,
)
OBSERVE = ObserveSettings(
    baseline_s=120, metric_period_s=10, settle_s=60, recheck_s=60, max_rounds=6, source_deadline_s=600
)
INGEST = IngestSettings(quiet_period_s=200)
LINKED = Topology(services=(Node(name="billing", depends_on=("orders",)), Node(name="orders")))
NOTIFY = NotifySettings(
    notification_lease_s=20, notification_attempts=3, notification_backoff_s=5, summary_above=1, summary_window_s=120
)

Batch = Mapping[str, Any]
Worker = Callable[[Batch], Mapping[str, Any]]


@dataclass
class TickTable:
    """The timer table as the ticking process sees it: it may end between sending and deleting."""

    timers: SimTimers
    process: Process

    def due(self, now: Any, limit: int = 50) -> list[Timer]:
        return self.timers.due(now, limit)

    def done(self, timer: Timer) -> None:
        self.process.boundary(f"before done {timer.kind}")
        self.timers.done(timer)


@dataclass
class SimSqs:
    """As much of SQS as tick() calls."""

    run: "Run"

    def send_message(self, **message: Any) -> None:
        self.run.bus.send(message["QueueUrl"], message["MessageBody"], message["MessageGroupId"], "TimerDue")


class House:
    """Every service once; `worker(name, depth)` is a worker of a queue, one for each depth of concurrency."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        names = [*(service.name for service in SERVICES), INTAKE]
        self.processes = {name: run.process(name) for name in names}
        self.processes[INTAKE].skew = self.processes["ingest"].skew
        self.relay = run.process("relay")
        self.ticker = run.process("timers")
        self.tick_table = TickTable(run.timers, self.ticker)
        self.sqs = SimSqs(run)
        self.automation = SimAutomation(run.world, self.processes["act"])
        self.channel = SimChannel(self.processes["notify"])
        self.blobs = InMemoryBlobStore()
        ports = self._ports()
        self.writers = {s.name: self._writer(s, self.processes[s.name], ports.get(s.name)) for s in SERVICES}
        self.rogue = self._writer(ROGUE, run.process("rogue"), None)
        self._workers: dict[str, Worker] = {
            s.name: Consumer(s, ports.get(s.name), self.writers[s.name], run.timers).handle
            for s in SERVICES
            if s.name != "projections"
        }
        ingest = next(s for s in SERVICES if s.name == "ingest")
        self._intake = (ports["ingest"], self._writer(ingest, self.processes[INTAKE], ports["ingest"]))
        self.restart(INTAKE, 0)
        self._projectors: dict[int, Projector] = {}

    def worker(self, name: str, depth: int) -> Worker:
        if name != "projections":
            return self._workers[name]
        if depth not in self._projectors:
            process = self.processes[name]
            models = SimReadModels(process, self._run.read_models)
            self._projectors[depth] = Projector(ProjectionsPorts(self._store(process), models))
        return self._projectors[depth].handle

    def restart(self, name: str, depth: int) -> None:
        """After a crash memory is gone; projections and intake keep something in it."""
        if name == INTAKE:
            self._workers[INTAKE] = Intake(*self._intake).handle
        if name == "projections":
            self._projectors.pop(depth, None)

    def _ports(self) -> dict[str, Any]:
        world, adversary = self._run.world, self._run.adversary
        act, ingest = self.processes["act"], self.processes["ingest"]
        door = self._run.scenario.policy
        return {
            "ingest": IngestPorts(
                INGEST,
                ingest,
                self.blobs,
                policy=door,
                history=self._store(ingest),
                topology=LINKED if self._run.scenario.is_linked else Topology(),
            ),
            "observe": ObservePorts(
                OBSERVE,
                Metrics(world, adversary, "metrics"),
                Logs(world, adversary, "logs"),
                Hosts(world, adversary, "hosts"),
                (Releases(world, adversary, "parameter-store"),),
                Runbooks(world, adversary, "runbooks"),
                self.blobs,
            ),
            "act": ActPorts(ACT, DEFAULT, lambda: KEY, self.automation, SimHosts(world, act), act.pause, door),
            "notify": NotifyPorts(NOTIFY, self.channel, self.blobs, self._store(self.processes["notify"])),
        }

    def _store(self, process: Process) -> SimStore:
        return SimStore(self._run.store, process, self._run.journal)

    def _writer(self, service: Service, process: Process, ports: Any) -> Writer:
        return Writer(self._store(process), service, process, "sim", ports, pause=lambda _: None, ids=self._run.new_id)
