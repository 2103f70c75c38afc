"""now: what logs, events and states say about the present, apart from what is over. Pure.

History is no cause: an event long before the onset, or about a pod that is ready or going by now, is past. Texts are
untrusted and are only matched, never followed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from resilibot.contracts.evidence import Citation
from resilibot.reason.moves import is_calm
from resilibot.reason.scene import Logged, Measured, Reported, Scene

RUN_UP = timedelta(minutes=10)  # what came shortly before the onset may have led to it
RECOVERED = re.compile(
    r"\b(?<!not )(?<!be )(?<!panic )(?:recovered|resolved)\b(?! (?:to|host|name|address))"
    r"|(?:back|returned) to normal|replica .{0,80}caught up"
    r"|storage (?:has been |was )?(?:increased|expanded|scaled)"
    r"|storage (?:auto)?scaling .{0,80}(?:complete|finish)"
    r"|(?:finished|completed) .{0,40}allocated storage|allocated storage .{0,60}increased"
    r"|storage modification .{0,20}(?:complete|finish)",
    re.IGNORECASE,
)
_TARGET = re.compile(r"\b(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /\S*")  # whoever calls may write anything there
_OBJECT = re.compile(r"[A-Z][A-Za-z]+/")
_SEVERE = re.compile(r"\b(?:fatal|error|critical|panic|warning|failed)\b", re.IGNORECASE)
_NAME = re.compile(r"[\w.:/@-]{1,64}")
KILLED = (137, 143)  # SIGKILL, SIGTERM
ORDERLY = ("ServiceSchedulerInitiated", "UserInitiated")  # stop codes of ECS
ALERTING = ("alert", "alarm", "triggered")


@dataclass(frozen=True)
class Said:
    """One text: a log line, an event, or the reason of a state."""

    text: str
    level: str
    cite: Citation
    by: str
    is_past: bool

    @property
    def is_trouble(self) -> bool:
        """Not logged as information (a line of no known level may be anything), or it says so itself."""
        return self.level != "INFO" or _SEVERE.search(self.text) is not None

    @property
    def is_warned(self) -> bool:
        """A cluster's warning about one of its objects, which is named by its kind."""
        return self.level == "WARN" and _OBJECT.match(self.by) is not None


@dataclass(frozen=True)
class Now:
    """The present of one scene."""

    scene: Scene

    @cached_property
    def said(self) -> tuple[Said, ...]:
        told = [
            Said(
                _without_target(log.pattern.sample),
                log.pattern.level,
                log.cite,
                log.pattern.component or "",
                self._is_past(log),
            )
            for log in self.scene.logged
        ]
        pods = [said for pod in self.of_kind("pod") for said in _of_pod(pod, self.scene.onset)]
        tasks = [said for task in self.of_kind("task") for said in _of_task(task, self.scene.onset)]
        nodes = [said for node in self.of_kind("node") for said in _of_node(node)]
        return (*told, *pods, *tasks, *nodes, *(said for state in self.scene.states for said in _of_itself(state)))

    @property
    def current(self) -> tuple[Said, ...]:
        return tuple(said for said in self.said if not said.is_past)

    @property
    def past(self) -> tuple[Said, ...]:
        return tuple(said for said in self.said if said.is_past)

    def of_kind(self, kind: str) -> tuple[Reported, ...]:
        return tuple(state for state in self.scene.states if state.status.kind == kind)

    @cached_property
    def pods(self) -> tuple[Reported, ...]:
        """Those that are meant to run."""
        return tuple(pod for pod in self.of_kind("pod") if not is_leaving(pod))

    @cached_property
    def recovery(self) -> tuple[Logged, ...]:
        """Texts that say so; whatever was told before the last of them is over, if nothing else says that it is not."""
        calm = [log for log in self.scene.logged if log.pattern.level != "ERROR"]
        told = [log for log in calm if RECOVERED.search(_without_target(log.pattern.template))]
        is_over = not self.unready and not self.alerting and all(is_calm(metric, is_over=True) for metric in self.own)
        return tuple(told) if is_over else ()

    @cached_property
    def unready(self) -> tuple[Reported, ...]:
        return tuple(pod for pod in self.pods if not is_ready(pod))

    @cached_property
    def alerting(self) -> tuple[Reported, ...]:
        return tuple(m for m in self.of_kind("monitor") if m.status.state.lower() in ALERTING)

    @cached_property
    def calm(self) -> tuple[Reported, ...]:
        """Its monitors and what it runs on, if there are monitors and all of them are well."""
        return (*self.monitors_ok, *self.pods) if self.monitors_ok and not self.unready else ()

    @property
    def monitors_ok(self) -> tuple[Reported, ...]:
        """All monitors, if each of them is well: one without data, or that warns, is not."""
        monitors = self.of_kind("monitor")
        return monitors if all(m.status.state.lower() == "ok" for m in monitors) else ()

    @property
    def is_suffering(self) -> bool:
        """A text, a monitor, a pod or a metric says so."""
        is_seen = self.alerting or self.unready or any(not is_calm(metric) for metric in self.own)
        return bool(is_seen) or any(said.is_trouble for said in self.current)

    def metric(self, name: str) -> Measured | None:
        """A metric of the resource that the incident is about, or of its replicas."""
        own = [m for m in self.own if m.content.name == name and m.content.points]
        return own[0] if own else None

    @property
    def own(self) -> tuple[Measured, ...]:
        service = self.scene.service
        return tuple(m for m in self.scene.measured if service and m.content.component.startswith(service))

    def _is_past(self, log: Logged) -> bool:
        pattern = log.pattern
        if pattern.first_at < self.scene.onset - RUN_UP:
            return True
        if self.recovery and pattern.first_at <= max(log.pattern.first_at for log in self.recovery):
            return True
        kind, _, name = (pattern.component or "").partition("/")
        return self._is_over(kind, name)

    def _is_over(self, kind: str, name: str) -> bool:
        """What was told of a pod that is ready or going, of a node that works or has gone, of a finished rollout."""
        subjects = [state for state in self.of_kind(kind.lower()) if state.status.component == name]
        if kind == "Pod":
            return any(is_ready(pod) or is_leaving(pod) for pod in subjects)
        if kind == "Node":
            return all(is_working(node) for node in subjects) and bool(self.of_kind("node"))
        if kind == "Deployment":
            return not self.unready and any(is_complete(deployment) for deployment in subjects)
        return False


def is_ready(pod: Reported) -> bool:
    conditions = pod.status.detail.get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def is_leaving(pod: Reported) -> bool:
    return bool(pod.status.detail.get("deletion_timestamp")) or pod.status.state == "Succeeded"


def is_working(node: Reported) -> bool:
    """Ready, and under no pressure."""
    return not list(_of_node(node))


def is_complete(deployment: Reported) -> bool:
    detail = deployment.status.detail
    desired = detail.get("desired")
    return desired is not None and not detail.get("unavailable") and detail.get("ready") == desired


def _without_target(text: str) -> str:
    return _TARGET.sub(r"\1 /", text)


def bare(who: str) -> str:
    """A name without the kind that events put before it."""
    return who.rpartition("/")[2]


def waits_of(sql: Mapping[str, Any]) -> list[str]:
    """What a statement, or a database as a whole, waits for, most first; names that are none are not repeated."""
    waits = sorted(sql.get("wait_events") or [], key=lambda wait: -float(wait.get("db_load_avg", 0)))
    return [word(wait.get("name")) for wait in waits]


def word(text: object) -> str:
    """A name as databases give them; anything else is not repeated."""
    name = str(text)
    return name if _NAME.fullmatch(name) else "(unnamed)"


def exit_code(container: dict[str, Any]) -> int | None:
    states = (container.get("state"), container.get("last_state"))
    return next((s["exit_code"] for s in states if isinstance(s, dict) and s.get("exit_code") is not None), None)


def containers(pod: Reported) -> list[dict[str, Any]]:
    return list(pod.status.detail.get("containers") or [])


def init_containers(pod: Reported) -> list[dict[str, Any]]:
    return list(pod.status.detail.get("init_containers") or [])


def restarts(pod: Reported) -> int:
    return sum(container.get("restart_count") or 0 for container in containers(pod))


def _of_pod(pod: Reported, onset: datetime) -> Iterator[Said]:
    """Why its containers wait or ended, why it was not scheduled, why it was evicted.

    How a container ended that has been up again since before the onset is past.
    """
    states = [
        (state, key == "last_state" and _is_up_since(container, onset - RUN_UP))
        for container in (*containers(pod), *init_containers(pod))
        for key, state in container.items()
        if isinstance(state, dict)
    ]
    unmet = [(c, False) for c in pod.status.detail.get("conditions") or [] if c.get("status") == "False"]
    for told, is_over in (*states, *unmet, (pod.status.detail, False)):
        words = [str(told[key]) for key in ("reason", "message") if told.get(key)]
        words += [f"exit code {told['exit_code']}"] if told.get("exit_code") is not None else []
        if words:
            yield Said(": ".join(words), "STATE", pod.cite, pod.status.component, is_over or is_leaving(pod))


def _is_up_since(container: Mapping[str, Any], then: datetime) -> bool:
    started = (container.get("state") or {}).get("started_at")
    return (
        bool(container.get("ready")) and started is not None and _at(started, datetime.max.replace(tzinfo=UTC)) < then
    )


def _of_task(task: Reported, onset: datetime) -> Iterator[Said]:
    """Why a task of ECS stopped. One that its scheduler stopped in good order, or long before the onset, is past.

    A bare exit code 137 or 143 is not told: every container gets it that outlives its task by the stop timeout.
    """
    detail = task.status.detail
    is_past = _stopped_in_order(detail) or _at(detail.get("stopped_at"), onset) < onset - RUN_UP
    if message := detail.get("message"):
        yield Said(str(message), "STATE", task.cite, task.status.component, is_past)
    for container in containers(task):
        state = container.get("state") or {}
        reason, code = state.get("reason"), state.get("exit_code")
        words = [str(reason)] if reason else []
        words += [f"exit code {code}"] if code is not None and (reason or code not in KILLED) else []
        if words:
            yield Said(": ".join(words), "STATE", task.cite, task.status.component, is_past)


def _stopped_in_order(detail: Mapping[str, Any]) -> bool:
    """By a deployment, by scaling in or by a person; not for failing its health checks."""
    message = str(detail.get("message") or "")
    return detail.get("stop_code") in ORDERLY and "failed" not in message.lower()


def _at(told: object, otherwise: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(str(told))
    except ValueError:
        return otherwise
    return at if at.tzinfo else otherwise


def _of_itself(state: Reported) -> Iterator[Said]:
    """What a resource says is not as it should be."""
    reasons = state.status.detail.get("reasons")
    for reason in reasons if isinstance(reasons, list) else ():
        yield Said(str(reason), "STATE", state.cite, state.status.component, False)


def _of_node(node: Reported) -> Iterator[Said]:
    for key, value in sorted(node.status.detail.items()):
        is_bad = str(value).lower() in (("false", "unknown") if key == "ready" else ("true",))
        if is_bad and (key == "ready" or key.endswith("_pressure")):
            text = "node is not ready" if key == "ready" else key.replace("_", " ").title().replace(" ", "")
            yield Said(text, "STATE", node.cite, node.status.component, False)
