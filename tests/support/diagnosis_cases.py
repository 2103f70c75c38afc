"""diagnosis_cases: the project's own cases for `resilibot eval diagnose`, as the folder it reads, and their truth.

Made up from seeds and by hand; no number, name or text is of anybody's system. Run it to write them anew:

    python -m tests.support.diagnosis_cases tests/samples/diagnosis

Two kinds: call graphs with metrics (tests/support/call_graphs.py), and databases and clusters in words and states. A
third of the cases are healthy; several of the others hold a red herring, which the truth says in its `note`.
"""

import gzip
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resilibot.contracts.evidence import MetricContent
from tests.support.call_graphs import ALARM_NODE, BEFORE, PERIOD_S, ROWS, CallGraph

BEGAN = 1_792_000_000  # the window of every case begins here
MINUTE = 60
COLUMNS = "timestamp,service,metric,statistic,value"

# Two made-up applications: a theatre's box office and a harbour's paperwork
THEATRE = ("lobby", "seats", "prices", "basket", "payments", "ledger", "mailer", "loyalty", "scenes", "vouchers")
HARBOUR = ("quay", "manifests", "customs", "berths", "tides", "cranes", "permits", "archive", "tariffs", "pilots",
           "weather", "invoicing", "registry", "audit")  # fmt: skip


@dataclass(frozen=True)
class GraphCase:
    id: str
    names: Sequence[str]
    seed: int
    metric: str
    culprit: int | None = None  # number of the node at fault
    severity: float = 4.0
    dark: Sequence[int] = ()  # nodes without telemetry
    extra: bool = False
    note: str = ""

    @property
    def graph(self) -> CallGraph:
        names = {f"n{i}": name for i, name in enumerate(self.names)} | {"extra": "noticeboard"}
        return CallGraph(
            seed=self.seed,
            size=len(self.names),
            culprit=None if self.culprit is None else f"n{self.culprit}",
            metric=self.metric,
            severity=self.severity,
            dark=frozenset(f"n{i}" for i in self.dark),
            names=names,
            extra=self.extra,
        )

    @property
    def baseline(self) -> str:
        return f"{self.names[0]}-{self.seed}-{self.metric}{'-wider' if self.extra else ''}"

    def truth(self) -> dict[str, Any]:
        is_healthy = self.culprit is None
        symptom = {"latency": "latency", "availability": "error"}[self.metric]
        return {
            "id": self.id,
            "healthy": is_healthy,
            "service": None if self.culprit is None else self.names[self.culprit],
            "fault_class": "none" if is_healthy else f"{symptom}-config",
            "note": self.note,
        }


GRAPHS = (
    GraphCase("g01", THEATRE, 11, "latency", 5),
    GraphCase("g02", THEATRE, 11, "latency", 2, severity=2.0),
    GraphCase("g03", THEATRE, 11, "latency", 8, dark=(3,), note="a caller on the way is dark"),
    GraphCase("g04", THEATRE, 11, "latency", note="healthy, load of the day"),
    GraphCase("g05", THEATRE, 23, "availability", 6, severity=20.0),
    GraphCase("g06", THEATRE, 23, "availability", 4, severity=5.0, note="few calls are lost"),
    GraphCase("g07", THEATRE, 23, "availability", note="healthy: every call succeeds"),
    GraphCase("g08", HARBOUR, 37, "latency", 9, severity=3.0),
    GraphCase("g09", HARBOUR, 37, "latency", 12, severity=6.0, extra=True, note="a neighbour is a little slower too"),
    GraphCase("g10", HARBOUR, 37, "latency", extra=True, note="healthy, though a neighbour is a little slower"),
    GraphCase("g11", HARBOUR, 37, "latency", note="healthy"),
    GraphCase("g12", HARBOUR, 41, "availability", 7, severity=30.0, dark=(4, 10), note="two others are dark"),
    GraphCase("g13", HARBOUR, 41, "availability", 3, severity=8.0),
    GraphCase("g14", HARBOUR, 41, "availability", note="healthy: every call succeeds"),
    GraphCase("g15", HARBOUR, 53, "latency", 1, severity=1.5, note="not much slower, right below the alarm's node"),
    GraphCase("g16", HARBOUR, 53, "latency", note="healthy"),
)


@dataclass(frozen=True)
class TextCase:
    """`series`: metric -> values per minute. `evidence`: file -> content."""

    id: str
    about: str  # the database or deployment
    title: str
    category: str
    cause: str | None = None
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str = ""

    @property
    def is_database(self) -> bool:
        return bool(self.series)

    def truth(self) -> dict[str, Any]:
        is_healthy = self.category == "healthy"
        told = {"id": self.id, "healthy": is_healthy, "category": self.category, "cause": self.cause}
        return {**told, "note": self.note}


def clock(minutes: float) -> str:
    """A time as clouds write it, relative to the window's begin."""
    return datetime.fromtimestamp(BEGAN + minutes * MINUTE, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def flat(value: float, minutes: int = 12) -> list[float]:
    return [round(value * (1 + 0.01 * (n % 3)), 4) for n in range(minutes)]


def ramp(first: float, last: float, minutes: int = 12) -> list[float]:
    """Level for three minutes, then straight to its end."""
    rest = minutes - 3
    return [first] * 3 + [round(first + (last - first) * (n + 1) / rest, 4) for n in range(rest)]


def said(about: str, *lines: tuple[float, str]) -> dict[str, Any]:
    """What a database's event log says."""
    events = [{"date": clock(at), "message": text, "source_identifier": about} for at, text in lines]
    return {"events": events}


def load(about: str, statement: str, wait: str, *, user: str = "app") -> dict[str, Any]:
    top = {"statement": statement, "db_load_avg": 4.2, "wait_events": [{"name": wait, "db_load_avg": 3.9}]}
    users = [{"name": user, "db_load_avg": 4.2}]
    return {"db_instance_identifier": about, "top_sql": [top], "top_users": users}


def pod(name: str, *, is_ready: bool = True, state: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """`state`: of its one container."""
    running = {"running": True, "started_at": clock(-90)}
    container = {"name": "main", "ready": is_ready, "restart_count": 0 if is_ready else 6, "state": state or running}
    conditions = [{"type": "Ready", "status": "True" if is_ready else "False"}]
    return {"name": name, "phase": "Running", "conditions": conditions, "containers": [container], **more}


def warned(*warnings: tuple[float, str, str, str]) -> dict[str, Any]:
    """Minute, object, reason, message."""
    rows = [
        {
            "first_time": clock(at),
            "last_time": clock(at),
            "involved_object": who,
            "reason": why,
            "message": text,
            "count": 4,
        }
        for at, who, why, text in warnings
    ]
    return {"warning_events": rows}


def logged(*lines: tuple[float, str, str, str]) -> dict[str, Any]:
    """Minute, service, status, message."""
    return {
        "logs": [
            {"timestamp": clock(at), "service": who, "status": how, "message": text} for at, who, how, text in lines
        ]
    }


WAITING_FOR_IMAGE = {
    "waiting": True,
    "reason": "ImagePullBackOff",
    "message": 'Back-off pulling image "shop/stage:9.2"',
}
KILLED = {"terminated": True, "reason": "OOMKilled", "exit_code": 137}
RESTARTED = {"waiting": True, "reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}

TEXTS = (
    TextCase(
        "t01", "ledger-db", "write latency of ledger-db", "resource_exhaustion", "storage_full",
        {"FreeStorageSpace": ramp(9e9, 1e7), "WriteIOPS": ramp(420, 0), "DatabaseConnections": flat(61)},
        {
            "events.json": said("ledger-db", (8, "The instance ran out of storage space, writes are stopped")),
            "load.json": load("ledger-db", "INSERT INTO postings VALUES ($1)", "IO:DataFileExtend"),
        },
    ),
    TextCase(
        "t02", "seats-db", "sessions of seats-db", "resource_exhaustion", "connection_exhaustion",
        {"DatabaseConnections": ramp(110, 398), "CPUUtilization": flat(31)},
        {
            "events.json": said("seats-db", (9, "FATAL: remaining connection slots are reserved for superusers")),
            "load.json": load("seats-db", "SELECT 1 FROM seats", "Client:ClientRead"),
        },
    ),
    TextCase(
        "t03", "permits-db", "the replica of permits-db is late", "resource_exhaustion", "replication_lag",
        {"ReplicaLag": ramp(0.4, 160), "TransactionLogsGeneration": ramp(2e6, 6e7), "CPUUtilization": flat(44)},
        {
            "events.json": said("permits-db", (-1900, "Multi-AZ failover completed"), (-1500, "Backup finished")),
            "load.json": load("permits-db", "UPDATE permits SET stamp = now()", "IO:WALWrite"),
        },
        note="red herring: a failover that was over a day before",
    ),
    TextCase(
        "t04", "tariffs-db", "CPU of tariffs-db", "resource_exhaustion", "cpu_saturation",
        {"CPUUtilization": ramp(28, 97), "DatabaseConnections": flat(48)},
        {
            "events.json": said("tariffs-db", (5, "CPU utilization has exceeded 90% for five minutes")),
            "load.json": load("tariffs-db", "SELECT * FROM tariffs JOIN ports ON true", "CPU"),
        },
    ),
    TextCase(
        "t05", "berths-db", "berths-db dropped its sessions", "infrastructure", "failover",
        {"DatabaseConnections": ramp(130, 12), "CPUUtilization": flat(17)},
        {
            "events.json": said("berths-db", (4, "Multi-AZ instance failover started"), (5, "Failover completed")),
            "load.json": load("berths-db", "SELECT berth FROM plan", "Client:ClientRead"),
        },
    ),
    TextCase(
        "t06", "scenes-db", "CPU of scenes-db", "healthy", None,
        {"CPUUtilization": flat(36), "ReadLatency": flat(0.002), "DatabaseConnections": flat(70)},
        {
            "events.json": said("scenes-db", (-700, "Backup finished"), (-690, "Maintenance window ended")),
            "load.json": load("scenes-db", "SELECT scene FROM plan", "CPU"),
        },
        note="healthy; red herring: maintenance that was over hours before",
    ),
    TextCase(
        "t07", "pilots-db", "traffic of pilots-db", "healthy", None,
        {"ReadIOPS": ramp(200, 520), "ReadLatency": flat(0.003), "CPUUtilization": flat(52)},
        {
            "events.json": said("pilots-db", (-3000, "Parameter group change applied")),
            "load.json": load("pilots-db", "SELECT pilot FROM roster", "CPU"),
        },
        note="healthy: more is read, and nothing suffers",
    ),
    TextCase(
        "t08", "stage", "pods of stage do not start", "configuration_error", "image_pull", {},
        {
            "events.json": warned((2, "Pod/stage-7d-a", "Failed", 'Failed to pull image "shop/stage:9.2": not found')),
            "pods.json": {"pods": [pod("stage-7d-a", is_ready=False, state=WAITING_FOR_IMAGE), pod("stage-5c-b")]},
            "deployments.json": {"deployments": [{"name": "stage", "ready": 1, "desired": 2, "unavailable": 1}]},
        },
    ),
    TextCase(
        "t09", "basket", "basket restarts", "resource_exhaustion", "out_of_memory", {},
        {
            "events.json": warned(
                (-600, "Pod/basket-66-a", "FailedScheduling", "0/5 nodes are available: 5 Insufficient cpu"),
                (3, "Pod/basket-66-b", "BackOff", "Back-off restarting failed container"),
            ),
            "pods.json": {"pods": [pod("basket-66-b", is_ready=False, state=KILLED), pod("basket-66-a")]},
        },
        note="red herring: an earlier scheduling failure of a pod that is ready by now",
    ),
    TextCase(
        "t10", "vouchers", "the rollout of vouchers is stuck", "configuration_error", "missing_configuration", {},
        {
            "events.json": warned((6, "Deployment/vouchers", "ProgressDeadlineExceeded", "the rollout is late")),
            "pods.json": {"pods": [pod("vouchers-9f-a", is_ready=False, state=RESTARTED), pod("vouchers-8e-b")]},
            "logs.json": logged((2, "vouchers", "error", "fatal: environment variable STAMP_KEY is not set")),
            "deployments.json": {"deployments": [{"name": "vouchers", "ready": 1, "desired": 2, "unavailable": 1}]},
        },
        note="red herring: the crash loop and the stuck rollout follow from it",
    ),
    TextCase(
        "t11", "mailer", "mailer cannot send", "configuration_error", "name_resolution", {},
        {
            "pods.json": {"pods": [pod("mailer-4b-a"), pod("mailer-4b-b")]},
            "logs.json": logged((1, "mailer", "error", "dial tcp: lookup relay.mail.internal: no such host")),
        },
    ),
    TextCase(
        "t12", "loyalty", "loyalty is restarted again and again", "configuration_error", "liveness_probe", {},
        {
            "events.json": warned((4, "Pod/loyalty-2a-a", "Unhealthy", "Liveness probe failed: HTTP 404 of /alive")),
            "pods.json": {"pods": [pod("loyalty-2a-a", is_ready=False), pod("loyalty-2a-b")]},
        },
    ),
    TextCase(
        "t13", "prices", "calls of prices fail", "dependency_failure", "unreachable_dependency", {},
        {
            "pods.json": {"pods": [pod("prices-1c-a"), pod("prices-1c-b")]},
            "logs.json": logged((1, "prices", "error", "upstream rates: connection refused")),
        },
    ),
    TextCase(
        "t14", "manifests", "a pod of manifests is not Running", "healthy", None, {},
        {
            "pods.json": {
                "pods": [
                    pod("manifests-77-a"), pod("manifests-77-b"),
                    pod("manifests-61-z", is_ready=False, deletion_timestamp=clock(1)),
                ]
            },
            "deployments.json": {"deployments": [{"name": "manifests", "ready": 2, "desired": 2, "unavailable": 0}]},
            "nodes.json": {"nodes": [{"name": "node-1", "ready": "True", "memory_pressure": "False"}]},
        },
        note="healthy: the old ReplicaSet goes, as it should",
    ),
    TextCase(
        "t15", "cranes", "a pod of cranes was Pending", "healthy", None, {},
        {
            "events.json": warned((-25, "Pod/cranes-3e-c", "FailedScheduling", "3 nodes have Insufficient cpu")),
            "pods.json": {"pods": [pod("cranes-3e-c"), pod("cranes-3e-d")]},
            "logs.json": logged((-20, "autoscaler", "info", "scale-up of the pool from 3 nodes to 4")),
        },
        note="healthy: there was too little room, until a node came",
    ),
    TextCase(
        "t16", "audit", "audit is slow", "infrastructure", "node_failure", {},
        {
            "events.json": warned((3, "Node/node-7", "NodeNotReady", "Kubelet stopped posting node status")),
            "nodes.json": {"nodes": [{"name": "node-7", "ready": "False"}, {"name": "node-8", "ready": "True"}]},
            "pods.json": {"pods": [pod("audit-5d-a", is_ready=False), pod("audit-5d-b")]},
        },
    ),
)  # fmt: skip


def write(root: Path) -> None:
    for path, content in files():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def files() -> Iterator[tuple[str, bytes]]:
    """Every file by its path. The same each time it is asked, but for how a gzip packs."""
    baselines = {case.baseline: replace(case.graph, dark=frozenset()) for case in GRAPHS}
    for name, graph in baselines.items():
        calm = replace(graph, culprit=None, rows=BEFORE, window="before").metrics()
        yield f"baselines/{name}.csv.gz", gzip.compress(_rows(calm, BEGAN - BEFORE * PERIOD_S).encode(), 9, mtime=0)
    for case in GRAPHS:
        yield from _of_graph(case)
    for text in TEXTS:
        yield from _of_text(text)
    truths = [case.truth() for case in (*GRAPHS, *TEXTS)]
    yield "truth.jsonl", "".join(json.dumps(truth) + "\n" for truth in truths).encode()


def _of_graph(case: GraphCase) -> Iterator[tuple[str, bytes]]:
    folder, topology = f"incidents/{case.id}", case.graph.topology()
    at = BEGAN + (ROWS - 1) * PERIOD_S
    alarm = {"service": case.names[0], "metric": case.metric, "statistic": "Average", "timestamp": at}
    assert case.graph.names[ALARM_NODE] == case.names[0]
    told = {"id": case.id, "alarm": alarm, "window": [BEGAN, at], "period_s": PERIOD_S, "baseline": case.baseline}
    yield f"{folder}/incident.json", _json(told)
    nodes = [{"id": node.name, "type": node.kind} for node in topology.nodes]
    yield f"{folder}/topology.json", _json({"nodes": nodes, "edges": topology.edges})
    yield f"{folder}/metrics.csv", _rows(case.graph.metrics(), BEGAN).encode()


def _of_text(case: TextCase) -> Iterator[tuple[str, bytes]]:
    folder = f"incidents/{case.id}"
    key = "db_instance_identifier" if case.is_database else "kube_deployment"
    alarm = {"title": case.title, "commonAnnotations": {key: case.about}, "timestamp": BEGAN + 10 * MINUTE}
    window = [BEGAN, BEGAN + 11 * MINUTE]
    yield f"{folder}/incident.json", _json({"id": case.id, "alarm": alarm, "window": window, "baseline": None})
    if case.series:
        lines = [COLUMNS]
        for metric, values in case.series.items():
            lines += [f"{BEGAN + n * MINUTE},{case.about},{metric},Average,{value:g}" for n, value in enumerate(values)]
        yield f"{folder}/metrics.csv", ("\n".join(lines) + "\n").encode()
    for name, content in case.evidence.items():
        yield f"{folder}/evidence/{name}", _json(content)


def _rows(metrics: Sequence[MetricContent], began: int) -> str:
    lines = [COLUMNS]
    for metric in metrics:
        lines += [
            f"{began + PERIOD_S * n},{metric.component},{metric.name},{metric.statistic},{value:.6g}"
            for n, (_, value) in enumerate(metric.points)
        ]
    return "\n".join(lines) + "\n"


def _json(told: Mapping[str, Any]) -> bytes:
    return (json.dumps(told, indent=1) + "\n").encode()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
