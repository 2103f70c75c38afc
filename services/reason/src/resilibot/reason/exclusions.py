"""exclusions: what looks like the cause and is ruled out. Nothing is ruled out by what was not seen. Pure."""

import re
from collections.abc import Iterator, Sequence

from resilibot.reason.hypotheses import Clue
from resilibot.reason.moves import BUSY, is_steady, level
from resilibot.reason.now import Now, Said, containers, exit_code, is_ready, is_working
from resilibot.reason.scene import Reported
from resilibot.reason.signatures import cites

OF_CPU = ("cpu_saturation", "cpu_credits_spent")
OF_STORAGE = ("storage_full", "retained_wal", "checkpoint_storm", "replication_lag")
HISTORY = {
    "failover": "failover",
    "maintenance": "maintenance",
    "backup": "backup",
    "promot": "replica promotion",
    "parameter group": "parameter group change",
    "replication lag": "replication lag",
    "low on storage": "low storage",
    "out of storage": "full storage",
}
ELSEWHERE = {
    "an image pull": r"image|ErrImage|CannotPull",
    "a probe": r"probe|unhealthy",
}
OVER = {
    "nodenotready": "a node that was NotReady",
    "failedscheduling": "FailedScheduling",
    "back-off restarting failed": "a crash loop",
    "diskpressure": "DiskPressure",
    "failed to pull image": "an image that could not be pulled",
    "probe failed": "a failed probe",
    "evicted": "an eviction",
    "oomkill": "an OOM kill",
}


def ruled_out(now: Now, cause: str) -> list[Clue]:
    """What the evidence speaks against, told because it looks alike."""
    return [
        *_pods_rule_out(now, cause),
        *_past_rules_out(now),
        *_database_rules_out(now, cause),
        *_monitors_rule_out(now),
    ]


def _pods_rule_out(now: Now, cause: str) -> Iterator[Clue]:
    pods = now.of_kind("pod")
    if not pods:
        return
    seen = tuple(pod.cite for pod in pods)
    if cause != "out_of_memory" and not _matches(
        now.said, r"oom|exit code 137|memory (?:limit|pressure|cgroup)|(?:of|low on) memory"
    ):
        yield Clue("not an OOM: no container was OOMKilled", seen, 1.0)
    if any(exit_code(container) == 0 for pod in now.pods for container in containers(pod)):
        yield Clue("containers end with exit code 0, a clean shutdown and no crash", seen, 1.0)
    if cause != "no_capacity" and not _matches(now.current, r"insufficient|quota"):
        is_held = _matches(now.current, r"failedscheduling|unschedulable")
        why = "something else keeps pods from the nodes" if is_held else "no pod waits for a node"
        yield Clue(f"not quota and not insufficient capacity: {why}", seen, 1.0)
    ready = [pod for pod in now.pods if is_ready(pod)]
    ready_cites = tuple(pod.cite for pod in ready)
    if now.unready and ready:
        is_other = not {_replica_set(pod) for pod in ready} & {_replica_set(pod) for pod in now.unready}
        whose = "pods of the old ReplicaSet" if is_other else "its other pods"
        yield Clue(f"{whose} are Ready and still serve", ready_cites, 1.0)
    elif now.unready and not any(container.get("restart_count") for pod in now.pods for container in containers(pod)):
        yield Clue("no container has restarted, so none crashes", seen, 1.0)
    elif ready and not any(container.get("restart_count") for pod in ready for container in containers(pod)):
        yield Clue("all pods are Ready without a restart", ready_cites, 1.0)

    names = [name for name, words in ELSEWHERE.items() if not _matches(now.said, words)]
    if names and now.scene.logs_seen:
        yield Clue(f"not {' and not '.join(names)}: no failure of it is told", seen, 1.0)
    yield from _nodes_rule_out(now)


def _nodes_rule_out(now: Now) -> Iterator[Clue]:
    nodes = now.of_kind("node")
    fine = [node for node in nodes if is_working(node)]
    if fine:
        whose = "all nodes" if len(fine) == len(nodes) else "the other nodes"
        yield Clue(f"{whose} are Ready and under no pressure", tuple(node.cite for node in fine), 1.0)


def _past_rules_out(now: Now) -> Iterator[Clue]:
    """Old events, by what they were about."""
    for when, words in (("completed long before the onset", HISTORY), ("over by now", OVER)):
        over = {}
        for told, shown in words.items():
            old = [s for s in now.past if told in s.text.lower()]
            if old and not any(told in s.text.lower() for s in now.current):
                over[shown] = cites(old)
        if over:
            text = f"{when}, so not the cause: {', '.join(over)}"
            yield Clue(text, tuple(cite for those in over.values() for cite in those), 1.0)


def _monitors_rule_out(now: Now) -> Iterator[Clue]:
    """What is watched and well while something else alerts."""
    fine = [m for m in now.of_kind("monitor") if m.status.state.lower() == "ok"]
    if fine and now.alerting:
        names = ", ".join(m.status.component for m in fine[:3])
        yield Clue(f"these monitors are OK: {names}", tuple(m.cite for m in fine), 1.0)


def _database_rules_out(now: Now, cause: str) -> Iterator[Clue]:
    connections, cpu = now.metric("DatabaseConnections"), now.metric("CPUUtilization")
    if connections and cause not in ("connection_exhaustion", "failover") and is_steady(connections):
        yield Clue("DatabaseConnections are stable, no connection exhaustion", (connections.cite,), 1.0)
    if cpu and cause not in OF_CPU and (level(cpu) or 0.0) < BUSY:
        yield Clue("the CPU is not saturated", (cpu.cite,), 1.0)
    lag = now.metric("ReplicaLag")
    if lag and not cause.startswith("repl") and is_steady(lag):
        yield Clue("ReplicaLag is stable, no replication lag", (lag.cite,), 1.0)
    free = now.metric("FreeStorageSpace")
    if free and cause not in OF_STORAGE and is_steady(free):
        yield Clue("free storage is stable, no full disk", (free.cite,), 1.0)


def _replica_set(pod: Reported) -> str:
    return pod.status.component.rpartition("-")[0]


def _matches(said: Sequence[Said], pattern: str) -> bool:
    return any(re.search(pattern, s.text, re.IGNORECASE) for s in said)
