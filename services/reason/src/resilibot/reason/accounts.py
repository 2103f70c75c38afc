"""accounts: what else the states tell: who loads a database, how containers end, and that all is well. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resilibot.reason.exclusions import ruled_out
from resilibot.reason.hypotheses import Candidate, Clue
from resilibot.reason.moves import is_calm, is_steady, rise
from resilibot.reason.now import (
    Now,
    containers,
    exit_code,
    init_containers,
    is_leaving,
    restarts,
    waits_of,
    word,
)
from resilibot.reason.scene import Reported
from resilibot.reason.signatures import MOST, SHOWN, cites
from resilibot.reason.signs.signature import METRIC
from resilibot.reason.statements import defines, statement_of

WRITES = ("checkpoint_storm", "replication_lag", "storage_full")
CALLED = ("unreachable_dependency", "name_resolution", "wrong_endpoint", "rate_limited", "bad_credentials")
ENDING = ("uncaught_error", "application_error", "crash_loop", "missing_configuration", "bad_credentials")
_UNGROWN = re.compile(r"didn't trigger scale-up|max (?:node group )?size reached", re.IGNORECASE)
_ENLARGED = re.compile(
    r"storage (?:auto)?scaling|allocated storage|storage (?:was |has been )?(?:increased|expanded)"
    r"|storage modification",
    re.IGNORECASE,
)
_SCALED = re.compile(r"scale[d]?[- ]?up|added a node|autoscal", re.IGNORECASE)
_STALLED = re.compile(
    r"progress ?deadline ?exceeded|exceeded its progress deadline|timed out progressing", re.IGNORECASE
)
_RELEASE = re.compile(r"\b(?:version|revision|release)[= ](v?\d{1,4}(?:\.\d{1,4}){1,3})\b", re.IGNORECASE)
_PRODUCT = re.compile(
    r"\b(postgres(?:ql)?|mysql|mariadb|redis|kafka|rabbitmq|mongo(?:db)?|elasticsearch|opensearch|memcached|cassandra"
    r"|dynamodb|vault|consul|etcd|zookeeper|nats|ldap|smtp|s3|sqs|sns)\b",
    re.IGNORECASE,
)
_CALLING = re.compile(r"\bconnecting to\b", re.IGNORECASE)
COMMON = ("BackOff", "Failed", "Unhealthy", "Killing")  # reasons of events that the pods' own states tell better


def explain(candidate: Candidate, now: Now) -> None:
    """Adds what explains the cause and what looks like it but is ruled out."""
    _explain_load(candidate, now)
    _explain_pods(candidate, now)
    _explain_end(candidate, now)
    _explain_call(candidate, now)
    _explain_room(candidate, now)
    for clue in ruled_out(now, candidate.cause):
        candidate.pro(0.0, clue.text, clue.cites)
    against = sum(clue.weight for clue in candidate.refutation)
    candidate.probability = max(min(sum(clue.weight for clue in candidate.support), MOST) - against, 0.0)


def _explain_load(candidate: Candidate, now: Now) -> None:
    """What a database says about its own load: the statement that leads it, its waits, its user."""
    for state in now.of_kind("database-load"):
        leading, *others = state.status.detail.get("top_sql") or [{}]
        said = f"Performance Insights: {statement_of(leading)} leads the load"
        if waits := waits_of(leading):
            said += f", waiting on {' and '.join(waits[:2])}"
        if users := [word(user.get("name")) for user in state.status.detail.get("top_users") or []]:
            said += f", as user {users[0]}"
        candidate.pro(0.0, said, [state.cite])
        if candidate.cause == "connection_exhaustion" and any("ClientRead" in wait for wait in waits):
            text = "these are idle client sessions (Client:ClientRead) that stay open without doing work"
            candidate.pro(0.05, text, [state.cite])
        busy = next((other for other in others if any("CPU" in wait for wait in waits_of(other)[:1])), None)
        defining = [sql for sql in (leading, *others) if defines(sql)]
        if candidate.cause == "lock_contention" and defining:
            text = f"a {statement_of(defining[0])} takes a lock of the whole table"
            candidate.pro(METRIC, text, [state.cite])
        if candidate.cause == "cpu_saturation" and any("CPU" in wait for wait in waits[:1]):
            candidate.pro(0.35, "that query's first wait is for the CPU", [state.cite])
        if candidate.cause in WRITES and busy is not None and not any("CPU" in wait for wait in waits[:1]):
            text = f"the CPU load is secondary: it is a {statement_of(busy)}, causally independent of this"
            candidate.pro(0.0, text, [state.cite])


def _explain_pods(candidate: Candidate, now: Now) -> None:
    """Which pods do not come up and in which state, and what else the cluster warns of."""
    if now.unready:
        names = ", ".join(_standing(pod) for pod in now.unready[:SHOWN])
        text = f"not Ready, {len(now.unready)} of {len(now.pods)} pods: {names}"
        candidate.pro(0.0, text, [pod.cite for pod in now.unready])
    stalled = [s for s in now.current if _STALLED.search(s.text)]
    if stalled and "rollout" not in candidate.statement:
        candidate.pro(0.0, "the rollout to the new ReplicaSet is stuck by it", cites(stalled))
    warned = {word(s.text.partition(":")[0]): s.cite for s in now.current if s.is_warned}
    new = {why: cite for why, cite in warned.items() if why not in COMMON and why not in candidate.statement}
    if shown := list(new)[:SHOWN]:
        candidate.pro(0.0, f"the cluster warns of {', '.join(shown)}", [new[why] for why in shown])


def _standing(pod: Reported) -> str:
    """A pod that is not Ready: its name, why it is not, which of several containers, and how often it was restarted."""
    detail, told = pod.status.detail, list[str]()
    for container in (*containers(pod), *init_containers(pod)):
        state = container.get("state") or {}
        if container.get("ready") or not (why := state.get("reason")):
            continue
        told.append(word(why) + _part(pod, container))
    told = told or [word(detail.get("reason") or pod.status.state)]
    told += [f"restarts: {restarts(pod)}"] if restarts(pod) else []
    return f"{pod.status.component} ({', '.join(dict.fromkeys(told))})"


def _part(pod: Reported, container: Mapping[str, Any]) -> str:
    """Which part of the pod a container is, if it is not its only one."""
    name = word(container.get("name"))
    if container in init_containers(pod):
        return f" of its init container {name}"
    return f" of its sidecar {name}" if len(containers(pod)) > 1 and name not in pod.status.component else ""


def _explain_call(candidate: Candidate, now: Now) -> None:
    """The kind of store or service that is called, where the texts name it."""
    if candidate.cause not in CALLED:
        return
    texts = [s for s in now.current if s.is_trouble or _CALLING.search(s.text)]
    named = {match.group(1).lower(): s.cite for s in texts for match in _PRODUCT.finditer(s.text)}
    new = [name for name in named if name not in candidate.statement.lower()][:SHOWN]
    if new:
        candidate.pro(0.0, f"what is called: {', '.join(new)}", [named[name] for name in new])


def _explain_end(candidate: Candidate, now: Now) -> None:
    """How the containers that fail ended, and which release does so."""
    if candidate.cause not in ENDING:
        return
    ended = [(code, pod.cite) for pod in now.unready for c in containers(pod) if (code := exit_code(c))]
    if ended:
        candidate.pro(0.0, f"its container ends with exit code {ended[0][0]}", [cite for _, cite in ended])
    started = [(match.group(1), s.cite) for s in now.current if (match := _RELEASE.search(s.text))]
    if started:
        candidate.pro(0.0, f"the release that runs is {started[-1][0]}", [started[-1][1]])


def _explain_room(candidate: Candidate, now: Now) -> None:
    """Why no node comes for what waits."""
    kept_small = [s for s in now.current if _UNGROWN.search(s.text)]
    if candidate.cause == "no_capacity" and kept_small:
        candidate.pro(0.0, "the cluster autoscaler adds no node: its group is at its maximum size", cites(kept_small))


def well(now: Now) -> list[Clue]:
    """What the word healthy rests on; empty when anything speaks against it, or nothing was seen."""
    if now.unready or now.alerting or now.scene.ailing or any(said.level == "ERROR" for said in now.current):
        return []
    if any(said.is_warned for said in now.current):
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
    if found and (monitors := now.monitors_ok):
        found.append(Clue("every monitor is OK", tuple(m.cite for m in monitors), 1.0))
    if found:
        found += [*_resolved(now), *ruled_out(now, "")]
    return found


def _resolved(now: Now) -> Iterator[Clue]:
    """How it became well: it was said, pods went with an old ReplicaSet, capacity came."""
    if now.recovery:
        said = tuple(dict.fromkeys(log.cite for log in now.recovery))
        yield Clue("it has recovered: what failed before is over and no current failure", said, 1.0)
    enlarged = [s for s in now.said if _ENLARGED.search(s.text)]
    if now.of_kind("database-load") and enlarged:
        text = "its storage was enlarged (storage autoscaling or a modification), so that there is free space"
        yield Clue(text, tuple(cites(enlarged)), 1.0)
    regained = [m for m in now.own if m.content.name.startswith("Free") and rise(m) > 1 and not is_steady(m)]
    if regained:
        text = f"{', '.join(m.content.name for m in regained)} has recovered"
        yield Clue(text, tuple(m.cite for m in regained), 1.0)
    moved = [m for m in now.own if not is_steady(m) and m not in regained]
    if moved and now.of_kind("database-load") and not now.recovery:
        names = ", ".join(sorted({m.content.name for m in moved}))
        text = f"{names} moved, but that is load alone: latency, lag and queues did not follow"
        yield Clue(text, tuple(m.cite for m in moved), 1.0)
    leaving = [pod for pod in now.of_kind("pod") if is_leaving(pod)]
    if leaving:
        names = ", ".join(pod.status.component for pod in leaving)
        text = f"pod {names} is terminating with its old ReplicaSet after a completed rollout, not a current failure"
        yield Clue(text, tuple(pod.cite for pod in leaving), 1.0)
    again = [pod for pod in now.pods if restarts(pod)]
    if again:
        names = ", ".join(f"{pod.status.component} (restarts: {restarts(pod)})" for pod in again[:SHOWN])
        yield Clue(
            f"after a restart Ready again, not a current failure: {names}", tuple(pod.cite for pod in again), 1.0
        )
    scaled = [s for s in now.said if _SCALED.search(s.text)]
    if now.pods and scaled:
        yield Clue("the cluster autoscaler added a node, which ended it", tuple(cites(scaled)), 1.0)
