"""outages: a seeded landscape of 40 services and what goes wrong there, with the truth about what belongs together.

Drawn: faults that spread from what is called to who calls, hop by hop, with delays and gaps; single faults; one release
that breaks several services; one fault in two regions; noise. Two in ten begin at the same moment as an unrelated one.
A service that is broken cannot be seen to break again: its alarms fire already.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from resilibot.contracts.signal import MetricRef, ResourceRef, Severity, Signal
from resilibot.ingest.topology import Node, Topology

NODES = 40
BEGIN = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)  # some of it crosses midnight
EVERY_S = 1500  # mean time between outages that do not begin at once with another
AT_ONCE = 0.2  # of the outages begin within 20 s of an unrelated one
CALM_S = 300  # after an outage, before the same service breaks anew
REGIONS = ("eu-west-1", "us-east-1")


@dataclass(frozen=True)
class Message:
    """One signal as it is delivered. `outage`: the truth, which no decision sees."""

    outage: int
    signal: Signal
    delivered_at: datetime


@dataclass(frozen=True)
class Landscape:
    topology: Topology
    messages: tuple[Message, ...]  # by time of delivery


def draw(seed: int, outages: int = 500) -> Landscape:
    rng = random.Random(f"outages {seed}")
    topology = _topology(rng)
    began, messages = BEGIN, []
    busy: dict[str, datetime] = {}  # services, until when
    for number in range(outages):
        if number and rng.random() >= AT_ONCE:
            began += timedelta(seconds=rng.expovariate(1 / EVERY_S))
        at = began + timedelta(seconds=rng.uniform(0, 20))
        outage = _Outage(number, at, rng, topology, {name for name, until in busy.items() if until > at})
        messages += outage.messages()
        busy |= {name: at + timedelta(seconds=outage.lasts_s + CALM_S) for name in outage.struck}
    return Landscape(topology, tuple(sorted(messages, key=lambda m: m.delivered_at)))


def _topology(rng: random.Random) -> Topology:
    """Layers: who calls has a lower number. The last ten are called by many and call nobody."""
    nodes = []
    for number in range(NODES):
        below = range(number + 1, min(number + 14, NODES))
        calls = rng.sample(below, min(len(below), rng.choice((1, 1, 2)))) if number < NODES - 10 else []
        nodes.append(
            Node(
                name=_name(number),
                depends_on=tuple(map(_name, sorted(calls))),
                resources=(f"*InstanceId=i-{number:02}*",),
            )
        )
    return Topology(services=tuple(nodes))


def _name(number: int) -> str:
    return f"svc-{number:02}"


class _Outage:
    """One thing that went wrong."""

    def __init__(self, number: int, began: datetime, rng: random.Random, topology: Topology, busy: set[str]) -> None:
        self.number = number
        self.began = began
        self.rng = rng
        self.callers = {
            node.name: [other.name for other in topology.services if node.name in other.depends_on]
            for node in topology.services
        }
        self.lasts_s = rng.uniform(240, 900)
        self.struck: set[str] = set()
        self._well = sorted(set(self.callers) - busy)
        self._sent = 0

    def messages(self) -> list[Message]:
        root = self.rng.choice(self._well)
        kind = self.rng.choices(("cascade", "single", "deploy", "regions", "noise"), weights=(45, 20, 10, 5, 20))[0]
        if kind == "cascade":
            return self._cascade(root)
        if kind == "deploy":
            names = self.rng.sample(self._well, self.rng.randint(2, 4))
            release = {"release": f"r-{self.number}"}
            return [m for name in names for m in self._service(name, self.rng.uniform(0, 300), tags=release)]
        if kind == "regions":
            late_s = self.rng.uniform(0, 120)
            return self._service(root, 0, REGIONS[0]) + self._service(root, late_s, REGIONS[1])
        if kind == "noise":
            self.lasts_s = self.rng.uniform(60, 180)
            self.struck.add(root)
            return self._alarm(root, self.rng.choice(("errors", "latency", "cpu")), 0)
        return self._service(root, 0)

    def _cascade(self, root: str) -> list[Message]:
        """Each caller is reached with six in ten; one in ten roots has no alarm of its own."""
        found = self._service(root, 0) if self.rng.random() < 0.9 else []
        reached, front = {root}, [(root, 0.0)]
        for _ in range(3):
            onward = []
            for name, at_s in front:
                for caller in self.callers[name]:
                    if caller in self._well and caller not in reached and self.rng.random() < 0.6:
                        reached.add(caller)
                        onward.append((caller, at_s + self.rng.uniform(15, 90)))
            for name, at_s in onward:
                found += self._service(name, at_s)
            front = onward
        return found or self._service(root, 0)

    def _service(
        self, name: str, at_s: float, region: str = REGIONS[0], tags: dict[str, str] | None = None
    ) -> list[Message]:
        self.struck.add(name)
        kinds = self.rng.sample(("errors", "latency", "cpu"), self.rng.choice((1, 1, 2, 3)))
        return [m for kind in kinds for m in self._alarm(name, kind, at_s + self.rng.uniform(0, 30), region, tags)]

    def _alarm(
        self, name: str, kind: str, at_s: float, region: str = REGIONS[0], tags: dict[str, str] | None = None
    ) -> list[Message]:
        """It fires, is told again now and then, and clears when the outage is over."""
        ends_s = max(self.lasts_s, at_s + 60)
        times = sorted([at_s, *(self.rng.uniform(at_s, ends_s - 15) for _ in range(self.rng.choice((0, 0, 1, 3))))])
        told = [(seconds, "ALARM") for seconds in times] + [(ends_s, "OK")]
        return [self._message(name, kind, seconds, state, region, tags or {}) for seconds, state in told]

    def _message(self, name: str, kind: str, at_s: float, state: str, region: str, tags: dict[str, str]) -> Message:
        self._sent += 1
        fired_at = self.began + timedelta(seconds=at_s)
        host = f"i-{name[-2:]}0"
        dimensions = {"InstanceId": host} if kind == "cpu" else {"Service": name}
        space = "AWS/EC2" if kind == "cpu" else "Shop"
        label = " ".join(f"{k}={v}" for k, v in dimensions.items())
        service = None if kind == "cpu" else name
        resource = ResourceRef(account="000000000000", region=region, service=service, name=f"{space} {label}")
        metric = MetricRef(namespace=space, name=kind, statistic="Average", period_s=60, dimensions=dimensions)
        signal = Signal.model_validate(
            {
                "source": "cloudwatch",
                "source_id": f"{self.number}-{self._sent}",
                "name": f"{name}-{kind}",
                "state": state,
                "title": f"{name}-{kind} is in {state}",
                "resource": resource,
                "metric": metric,
                "fired_at": fired_at,
                "severity": Severity.HIGH,
                "severity_rule": "cloudwatch-default",
                "tags": tags,
            }
        )
        return Message(self.number, signal, fired_at + timedelta(seconds=self.rng.uniform(0.5, 8)))
