"""recorded_evidence: files of cloud and cluster answers beside an incident become logs and states. Texts are untrusted.

Read by shape, not by name: {"events"}, {"warning_events"}, {"logs"}, {"pods"}, {"nodes"}, {"deployments"},
{"monitors"}, {"top_sql"}. What has another shape is a gap.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from resilibot.contracts.event import Value
from resilibot.contracts.evidence import LogContent, LogPattern, StatusContent

Contents = list[tuple[Value, str, str]]  # content, kind of evidence, place in the file
LEVELS: Mapping[str, str] = {"error": "ERROR", "fatal": "ERROR", "warn": "WARN", "warning": "WARN", "info": "INFO"}

OF_EVERY_NODE = ("kernel", "kubelet", "containerd", "systemd")
UNTIMED = datetime.fromtimestamp(0, UTC)  # a line without a time of its own


def read_recorded(name: str, told: Mapping[str, Any]) -> Contents:
    """The contents of one file; none if its shape is not known. Raises KeyError, TypeError, ValueError."""
    for key, reader in READERS.items():
        if key in told:
            return reader(name, told)
    return []


def _events(name: str, told: Mapping[str, Any]) -> Contents:
    lines = [(event["message"], "INFO", 1, event.get("source_identifier"), event["date"]) for event in told["events"]]
    return [(_log(name, lines), "log", "events")]


def _warnings(name: str, told: Mapping[str, Any]) -> Contents:
    lines = [
        (f"{w['reason']}: {w['message']}", "WARN", w.get("count", 1), w.get("involved_object"), _told_at(w))
        for w in told["warning_events"]
    ]
    return [(_log(name, lines), "log", "warning_events")]


def _told_at(warning: Mapping[str, Any]) -> str:
    """When it was told; of one that was told again and again, when it was last."""
    last = warning.get("last_time") if warning.get("count", 1) > 1 else None
    return str(last or warning["first_time"])


def _logs(name: str, told: Mapping[str, Any]) -> Contents:
    """A list of entries, or the raw lines of one pod."""
    if isinstance(told["logs"], str):
        pod, lines, at = told.get("pod_name"), [], ""
        for text in filter(None, told["logs"].splitlines()):
            stamp, _, rest = text.partition(" ")
            at = at if _time(stamp) == UNTIMED else stamp  # a stack trace has the time of its first line
            level = LEVELS.get(rest.split(" ", 1)[0].lower(), "OTHER")
            lines.append((text if level == "OTHER" else rest, level, 1, pod, at))
    else:
        lines = [
            (
                entry["message"],
                LEVELS.get(entry.get("status", ""), "OTHER"),
                1,
                _who(entry),
                entry["timestamp"],
            )
            for entry in told["logs"]
        ]
    return [(_log(name, lines), "log", "logs")]


def _who(entry: Mapping[str, Any]) -> str | None:
    """The service; of a daemon that every node has, the node."""
    service = entry.get("service")
    return entry.get("host", service) if service in OF_EVERY_NODE else service


def _log(name: str, lines: Sequence[tuple[str, str, int, str | None, str]]) -> LogContent:
    patterns = [
        LogPattern.model_validate(
            {
                "template": text[:500],
                "level": level,
                "count": count,
                "baseline_count": 0,
                "component": component,
                "first_at": _time(at),
                "sample": text[:1000],
            }
        )
        for text, level, count, component, at in lines
    ]
    return LogContent(group=name, lines=len(lines), baseline_lines=0, truncated=False, patterns=patterns)


def _pods(_: str, told: Mapping[str, Any]) -> Contents:
    return [_state("pod", pod["name"], pod.get("phase", ""), pod, f"pods/{n}") for n, pod in enumerate(told["pods"])]


def _nodes(_: str, told: Mapping[str, Any]) -> Contents:
    nodes = enumerate(told["nodes"])
    return [_state("node", node["name"], f"ready={node.get('ready')}", node, f"nodes/{n}") for n, node in nodes]


def _deployments(_: str, told: Mapping[str, Any]) -> Contents:
    found = enumerate(told["deployments"])
    return [
        _state("deployment", d["name"], f"{d.get('ready')}/{d.get('desired')}", d, f"deployments/{n}") for n, d in found
    ]


def _monitors(_: str, told: Mapping[str, Any]) -> Contents:
    found = enumerate(told["monitors"])
    return [_state("monitor", m["name"], m.get("overall_state", ""), m, f"monitors/{n}") for n, m in found]


def _database_load(_: str, told: Mapping[str, Any]) -> Contents:
    return [_state("database-load", told.get("db_instance_identifier", ""), "", told, "top_sql")]


def _state(kind: str, component: str, state: str, detail: Mapping[str, Any], place: str) -> tuple[Value, str, str]:
    content = StatusContent(component=component, kind=kind, state=state, responds=None, detail=dict(detail))
    return content, "status", place


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return UNTIMED


READERS: Mapping[str, Callable[[str, Mapping[str, Any]], Contents]] = {
    "top_sql": _database_load,
    "events": _events,
    "warning_events": _warnings,
    "logs": _logs,
    "pods": _pods,
    "nodes": _nodes,
    "deployments": _deployments,
    "monitors": _monitors,
}
