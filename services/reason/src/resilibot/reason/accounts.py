"""accounts: what else the states tell: who loads a database, what can be ruled out, and that all is well. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from resilibot.reason.hypotheses import Candidate, Clue
from resilibot.reason.now import (
    BUSY,
    Now,
    Said,
    containers,
    is_calm,
    is_leaving,
    is_ready,
    is_steady,
    is_working,
    level,
    waits_of,
    word,
)
from resilibot.reason.scene import Reported
from resilibot.reason.signatures import MOST, cites
from resilibot.reason.signs.signature import METRIC

WRITES = ("checkpoint_storm", "replication_lag", "storage_full")
ENDING = ("uncaught_error", "application_error", "crash_loop", "missing_configuration", "bad_credentials")
OF_CPU = ("", "cpu_saturation", "cpu_credits_spent")
OF_STORAGE = ("", "storage_full", "retained_wal", "checkpoint_storm", "replication_lag")
HISTORY = {
    "failover": "failover",
    "maintenance": "maintenance",
    "backup": "backup",
    "promot": "replica promotion",
    "parameter group": "parameter group change",
}
_TABLE = re.compile(r"\b(?:INTO|UPDATE|FROM|FREEZE|FULL|TABLE|TRUNCATE|JOIN|ON)\s+([\w.]+)", re.IGNORECASE)
_DEFINES = re.compile(r"\s*(?:ALTER|CREATE|DROP|TRUNCATE|LOCK|REINDEX|VACUUM FULL|CLUSTER)\b", re.IGNORECASE)
_RELEASE = re.compile(r"\b(?:version|revision|release)[= ]v?(\d{1,4}(?:\.\d{1,4}){1,3})\b", re.IGNORECASE)
_VERB = re.compile(r"\b(ALTER TABLE|DROP TABLE|TRUNCATE|LOCK TABLE|REINDEX|VACUUM FULL|VACUUM FREEZE|VACUUM|INSERT|UPDATE|DELETE|SELECT|COPY|CREATE INDEX)\b", re.IGNORECASE)


def explain(candidate: Candidate, now: Now) -> None:
    """Adds what explains the cause and what looks like it but is ruled out."""
    _explain_load(candidate, now)
    _explain_end(candidate, now)
    for clue in ruled_out(now, candidate.cause):
        candidate.pro(0.0, clue.text, clue.cites)
    against = sum(clue.weight for clue in candidate.refutation)
    candidate.probability = max(min(sum(clue.weight for clue in candidate.support), MOST) - against, 0.0)


def _explain_load(candidate: Candidate, now: Now) -> None:
    """What a database says about its own load: the statement that leads it, its waits, its user."""
    for state in now.of_kind("database-load"):
        leading, *others = state.status.detail.get("top_sql") or [{}]
        said = f"Performance Insights: {_statement(leading)} leads the load"
        if waits := waits_of(leading):
            said += f", waiting on {' and '.join(waits[:2])}"
        if users := [word(user.get("name")) for user in state.status.detail.get("top_users") or []]:
            said += f", as user {users[0]}"
        candidate.pro(0.0, said, [state.cite])
        if candidate.cause == "connection_exhaustion" and any("ClientRead" in wait for wait in waits):
            text = "these are idle client sessions (Client:ClientRead) that stay open without doing work"
            candidate.pro(0.05, text, [state.cite])
        busy = next((other for other in others if any("CPU" in wait for wait in waits_of(other)[:1])), None)
        defining = [sql for sql in (leading, *others) if _DEFINES.match(str(sql.get("statement", "")))]
        if candidate.cause == "lock_contention" and defining:
            text = f"a {_statement(defining[0])} takes a lock of the whole table"
            candidate.pro(METRIC, text, [state.cite])
        if candidate.cause == "cpu_saturation" and any("CPU" in wait for wait in waits[:1]):
            candidate.pro(0.35, "that query's first wait is for the CPU", [state.cite])
        if candidate.cause in WRITES and busy is not None:
            text = f"the CPU load is secondary: it is a {_statement(busy)}, causally independent of this"
            candidate.pro(0.0, text, [state.cite])


def _explain_end(candidate: Candidate, now: Now) -> None:
    """How the containers that fail ended, and which release does so."""
    if candidate.cause not in ENDING:
        return
    ended = [(code, pod.cite) for pod in now.unready for c in containers(pod) if (code := _exit_code(c))]
    if ended:
        candidate.pro(0.0, f"its container ends with exit code {ended[0][0]}", [cite for _, cite in ended])
    started = [(match.group(1), s.cite) for s in now.current if (match := _RELEASE.search(s.text))]
    if started:
        candidate.pro(0.0, f"the release that runs is {started[-1][0]}", [started[-1][1]])


def ruled_out(now: Now, cause: str) -> list[Clue]:
    """What the evidence speaks against, told because it looks alike. Nothing is ruled out by what was not seen."""
    return [
        *_pods_rule_out(now, cause),
        *_past_rules_out(now),
        *_database_rules_out(now, cause),
        *_monitors_rule_out(now),
    ]


def well(now: Now) -> list[Clue]:
    """What the word healthy rests on; empty when anything speaks against it, or nothing was seen."""
    if now.unready or now.alerting or now.scene.ailing or any(said.level == "ERROR" for said in now.current):
        return []
    if any((d.status.detail.get("unavailable") or 0) > 0 for d in now.of_kind("deployment")):
        return []
    found = []
    if now.pods:
        text = "all pods that are meant to run are now Running and Ready and operate normally, no active failure"
        found.append(Clue(text, tuple(pod.cite for pod in now.pods), 1.0))
    steady = [m for m in now.own if m.content.points]
    if now.of_kind("database-load"):
        is_over = bool(now.recovery)
        if not all(is_calm(m, is_over=is_over) for m in steady):
            return []
        text = "all metrics of the database are within normal bounds, there is no failure"
        evidence = [m.cite for m in steady] or [state.cite for state in now.of_kind("database-load")]
        found.append(Clue(text, tuple(evidence), 1.0))
    if found and (monitors := now.of_kind("monitor")):
        found.append(Clue("every monitor is OK", tuple(m.cite for m in monitors), 1.0))
    if found:
        found += [*_resolved(now), *ruled_out(now, "")]
    return found


def _resolved(now: Now) -> Iterator[Clue]:
    """How it became well: it was said, pods went with an old ReplicaSet, capacity came."""
    if now.recovery:
        said = tuple(dict.fromkeys(log.cite for log in now.recovery))
        yield Clue("it has recovered: what failed before is over and no current failure", said, 1.0)
    moved = [m for m in now.own if not is_steady(m)]
    if moved and now.of_kind("database-load") and not now.recovery:
        names = ", ".join(sorted({m.content.name for m in moved}))
        text = f"{names} moved, but that is load alone: latency, lag and queues did not follow"
        yield Clue(text, tuple(m.cite for m in moved), 1.0)
    leaving = [pod for pod in now.of_kind("pod") if is_leaving(pod)]
    if leaving:
        names = ", ".join(pod.status.component for pod in leaving)
        text = f"pod {names} is terminating with its old ReplicaSet after a completed rollout, not a current failure"
        yield Clue(text, tuple(pod.cite for pod in leaving), 1.0)
    scaled = [s for s in now.said if re.search(r"scale[d]?[- ]?up|added a node|autoscal", s.text, re.IGNORECASE)]
    if scaled:
        yield Clue("the cluster autoscaler added a node, which ended it", tuple(cites(scaled)), 1.0)


def _pods_rule_out(now: Now, cause: str) -> Iterator[Clue]:
    pods = now.of_kind("pod")
    if not pods:
        return
    seen = tuple(pod.cite for pod in pods)
    if cause != "out_of_memory" and not _matches(now.said, r"oom|exit code 137|memory (?:limit|pressure|cgroup)|(?:of|low on) memory"):
        yield Clue("not an OOM: no container was OOMKilled", seen, 1.0)
    if any(_exit_code(container) == 0 for pod in now.pods for container in containers(pod)):
        yield Clue("containers end with exit code 0, a clean shutdown and no crash", seen, 1.0)
    if cause != "no_capacity" and not _matches(now.current, r"insufficient|quota"):
        yield Clue("not quota and not insufficient capacity: no pod waits for a node", seen, 1.0)
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


def _past_rules_out(now: Now) -> Iterator[Clue]:
    """Old events, by what they were about."""
    over = {}
    for word, shown in HISTORY.items():
        old = [s for s in now.past if word in s.text.lower()]
        if old and not any(word in s.text.lower() for s in now.current):
            over[shown] = cites(old)
    if over:
        text = f"completed long before the onset, so not the cause: {', '.join(over)}"
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
    free = now.metric("FreeStorageSpace")
    if free and cause not in OF_STORAGE and is_steady(free):
        yield Clue("free storage is stable, no full disk", (free.cite,), 1.0)


def _statement(sql: dict[str, Any]) -> str:
    """A statement by its verb and first table: its text is not ours to repeat."""
    text = str(sql.get("statement", ""))
    verb, table = _VERB.search(text), _TABLE.search(text)
    words = (verb.group(1).upper() if verb else "a statement", "query", f"on {table.group(1)}" if table else "")
    return " ".join(filter(None, words))


def _replica_set(pod: Reported) -> str:
    return pod.status.component.rpartition("-")[0]


def _exit_code(container: dict[str, Any]) -> int | None:
    states = (container.get("state"), container.get("last_state"))
    return next((s["exit_code"] for s in states if isinstance(s, dict) and s.get("exit_code") is not None), None)


def _matches(said: Sequence[Said], pattern: str) -> bool:
    return any(re.search(pattern, s.text, re.IGNORECASE) for s in said)
