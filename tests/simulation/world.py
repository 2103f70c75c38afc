"""world: the workloads as they are, and what the sources of evidence show of them. Actions change it.

A value is a function of time and of when things were broken, so that asking later shows the same past.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from resilibot.act.catalogue import Arguments, RollbackArguments
from resilibot.contracts.evidence import ChangeContent, StatusContent
from resilibot.contracts.signal import MetricRef
from resilibot.observe.ports import ChangeRead, LogLine, LogRead, Runbook, Series, SourceFailed, StatusRead
from resilibot.runtime.clock import Clock
from tests.simulation.adversary import Adversary
from tests.simulation.scenario import Workload

ONSET_BEFORE_ALARM_S = 15
THRESHOLD = 5.0
BAD = 60.0
NAMESPACE = "Shop"


@dataclass
class Living:
    """One workload over time. `bad`: by host, when it began to fail; `healed`: when it stopped."""

    workload: Workload
    release: str
    bad_from: datetime
    healed_at: dict[str, datetime] = field(default_factory=dict)

    def is_bad(self, host: str, at: datetime) -> bool:
        if self.workload.trouble == "false_alarm" or at < self.bad_from:
            return False
        if self.workload.trouble == "hung_host" and host != self.workload.hosts[0]:
            return False
        return host not in self.healed_at or at < self.healed_at[host]

    def value(self, host: str | None, at: datetime) -> float:
        """Errors in percent, of one host or of all; a little noise that is the same each time it is asked."""
        hosts = [host] if host else self.workload.hosts
        noise = int(at.timestamp()) * 2654435761 % 97 / 970
        return sum(BAD for h in hosts if self.is_bad(h, at)) / len(hosts) + noise


class World:
    """All workloads. `clock` is the true time; whoever asks may have another one."""

    def __init__(self, workloads: Sequence[Workload], alarmed_at: datetime, clock: Clock) -> None:
        self.clock = clock
        began = alarmed_at - timedelta(seconds=ONSET_BEFORE_ALARM_S)
        self.living = {w.name: Living(w, "8" if w.trouble == "bad_release" else "7", began) for w in workloads}
        for workload in workloads:
            if workload.heals_after_s is not None:
                self._heal(workload, workload.hosts, alarmed_at + timedelta(seconds=workload.heals_after_s))

    def act(self, document: str, arguments: Arguments, at: datetime) -> None:
        """What a document does to the hosts it is run on."""
        workload = self.living[arguments.unit.removesuffix(".service")].workload
        if not workload.is_remedied:
            return
        if document == "ResiliBot-RestartService" and workload.trouble == "hung_host":
            self._heal(workload, arguments.instance_ids, at)
        if isinstance(arguments, RollbackArguments) and workload.trouble == "bad_release":
            self._heal(workload, arguments.instance_ids, at)

    def _heal(self, workload: Workload, hosts: Sequence[str], at: datetime) -> None:
        healed = self.living[workload.name].healed_at
        for host in hosts:
            healed[host] = min(at, healed.get(host, at))


@dataclass
class _Source:
    world: World
    adversary: Adversary
    name: str

    def of(self, service: str) -> Living:
        """The workload, unless this source fails now: seeded, and for a blind workload always."""
        if self.adversary.strikes_quietly("gap", f"{self.name} of {service}"):
            raise SourceFailed("timeout", f"{self.name} of {service} did not answer")
        return self.world.living[service]


class Metrics(_Source):
    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[MetricRef]:
        living = self.world.living[dimensions["Service"]]
        return [
            MetricRef(
                namespace=NAMESPACE,
                name="HostErrorRate",
                statistic="Average",
                period_s=20,
                dimensions={**dimensions, "Host": host},
            )
            for host in living.workload.hosts
        ]

    def read(self, metrics: Sequence[MetricRef], start: datetime, end: datetime) -> list[Series]:
        living = self.of(metrics[0].dimensions["Service"])
        if living.workload.trouble == "blind":
            raise SourceFailed("no_permission", "cloudwatch:GetMetricData")
        period_s = metrics[0].period_s
        count = int((end - start).total_seconds() // period_s)
        times = [start + timedelta(seconds=period_s * n) for n in range(count + 1)]
        return [
            Series(
                metric, tuple((at, living.value(metric.dimensions.get("Host"), at)) for at in times), {"p": period_s}
            )
            for metric in metrics
        ]


class Logs(_Source):
    def read(self, group: str, start: datetime, end: datetime, limit: int) -> LogRead:
        living = self.of(group.rsplit("/", 1)[1])
        lines: list[LogLine] = []
        texts = {"bad_release": "ERROR order failed in release 8", "dependency": "ERROR connection refused by bank"}
        text = texts.get(living.workload.trouble)
        at = start
        while text and at <= end:
            lines += [LogLine(at, host, text) for host in living.workload.hosts if living.is_bad(host, at)]
            at += timedelta(seconds=10)
        return LogRead(tuple(lines), False, {"group": group})


class Hosts(_Source):
    def status(self, service: str, unit: str) -> list[StatusRead]:
        living = self.of(service)
        now = self.world.clock.now()
        reads = []
        for host in living.workload.hosts:
            hangs = living.workload.trouble == "hung_host" and living.is_bad(host, now)
            status = StatusContent(component=host, kind="unit", state="active", responds=not hangs, detail={})
            reads.append(StatusRead(status, {"unit": unit}))
        return reads


class Releases(_Source):
    def changes(self, service: str, start: datetime, end: datetime) -> list[ChangeRead]:
        living = self.of(service)
        if living.workload.trouble != "bad_release":
            return []
        at = living.bad_from - timedelta(seconds=20)
        return [ChangeRead(ChangeContent(what=f"release of {service}", at=at, by="ci", before="7", after="8"), {})]


class Runbooks(_Source):
    def all(self) -> list[Runbook]:
        return []
