"""drill: a real fault in the drill's world, followed from the alarm to the end. Decides nothing itself: it watches.

Durations are seconds between recorded events: from the signal's IncidentOpened (or IncidentReopened, when the last
drill's incident was resolved a moment ago) to DiagnosisReached, and to IncidentResolved.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from resilibot.local.client import ApiClient, ApiRefused, ApiUnavailable

END_STATES = ("RESOLVED", "CLOSED")


class DrillRefused(Exception):
    """The drill would break into an incident that is open: its alarms would be counted there."""

    code = "drill_refused"


class DrillTimedOut(Exception):
    """The incident did not come, or did not end, in time."""

    code = "drill_timed_out"


@dataclass
class Watcher:
    """Callbacks while a drill runs. `approve` gets the pending approval and says yes or no (None: leave it).

    `on_waiting` hears what went wrong and is tried again; what it raises ends the drill.
    """

    on_event: Callable[[dict[str, Any]], None]
    approve: Callable[[dict[str, Any], dict[str, Any]], bool | None]
    on_waiting: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True)
class DrillReport:
    """How it went; times in seconds, None when that event never came."""

    drill: str
    incident_id: str
    status: str
    escalated: bool
    outcome: str | None
    fault_to_alarm_s: float | None
    alarm_to_diagnosis_s: float | None
    alarm_to_recovery_s: float | None
    case: dict[str, Any]
    timeline: list[dict[str, Any]]


class Known(NamedTuple):
    """An incident as it was before the drill; only one that was over can be the drill's, reopened."""

    version: int
    is_over: bool


def known_incidents(api: ApiClient) -> dict[str, Known]:
    """The newest incidents, by id."""
    rows = api.get("/incidents", limit=100)["incidents"]
    return {row["incident_id"]: Known(row["version"], row["status"] in END_STATES) for row in rows}


def check_free(api: ApiClient, service: str) -> None:
    """Raises DrillRefused when an incident of the service is open."""
    for row in api.get("/incidents", limit=100)["incidents"]:
        if row["service"] == service and row["status"] not in END_STATES:
            found = row["incident_id"]
            why = f"incident {found} of {service} is open ({row['status']}), so this drill's alarms would belong to it"
            raise DrillRefused(f"{why}: end it first, resilibot incident close {found}")


def follow(
    api: ApiClient,
    watcher: Watcher,
    *,
    drill: str,
    before: dict[str, Known],
    injected_at: datetime,
    timeout_s: float,
    until_postmortem: bool = True,
) -> DrillReport:
    """Wait for the incident that opens or reopens after `before`, follow it to its end. Raises DrillTimedOut."""
    deadline = time.monotonic() + timeout_s
    case: dict[str, Any] = {"status": "unknown"}
    timeline: list[dict[str, Any]] = []
    incident_id = _await_incident(api, before, deadline, watcher)
    since = before[incident_id].version if incident_id in before else 0
    seen = 0
    asked: set[str] = set()
    while time.monotonic() < deadline:
        try:
            case = api.get(f"/incidents/{incident_id}")  # first, so that the timeline tells at least as much
            entries = api.get(f"/incidents/{incident_id}/timeline")["entries"]
            timeline = [entry for entry in entries if entry["version"] > since]
            for entry in timeline[seen:]:
                watcher.on_event(entry)
            seen = len(timeline)
            _answer_approvals(api, incident_id, case, asked, watcher)
        except ApiUnavailable as error:  # the API is a worker too: it may have been killed, and comes again
            watcher.on_waiting(str(error))
            time.sleep(0.2)
            continue
        if _is_finished(case, until_postmortem):
            return _report(drill, incident_id, case, timeline, injected_at)
        time.sleep(0.2)
    last = "; ".join(entry["sentence"] for entry in timeline[-4:])
    raise DrillTimedOut(f"incident {incident_id} is still {case['status']} after {timeout_s:.0f} s: {last}")


def _await_incident(api: ApiClient, before: dict[str, Known], deadline: float, watcher: Watcher) -> str:
    while time.monotonic() < deadline:
        new: list[str] = []
        try:
            for row in api.get("/incidents", limit=100)["incidents"]:
                known = before.get(row["incident_id"])
                if known is None or (known.is_over and row["status"] not in END_STATES):
                    new.append(row["incident_id"])
        except ApiUnavailable as error:
            watcher.on_waiting(str(error))
        if new:
            return min(new)
        time.sleep(0.2)
    raise DrillTimedOut(f"no alarm opened an incident in time{_held_back(api)}")


def _held_back(api: ApiClient) -> str:
    """What became of the newest incident's alarm when it fired again: silenced, or held because it flaps."""
    try:
        for row in api.get("/incidents", limit=1)["incidents"]:
            last = api.get(f"/signals/{row['fingerprint']}")["last"]
            if last["disposition"] in ("held", "silenced"):
                return f": {last['name']} was {last['disposition']} at {last['at']} ({last['reason']})"
    except (ApiRefused, ApiUnavailable):
        return ""  # the drill has failed anyway
    return ""


def _answer_approvals(
    api: ApiClient, incident_id: str, case: dict[str, Any], asked: set[str], watcher: Watcher
) -> None:
    for grant_id, approval in case["approvals"].items():
        if approval["state"] != "pending" or grant_id in asked:
            continue
        asked.add(grant_id)
        answer = watcher.approve(approval["request"], case)
        if answer is None:
            continue
        try:
            decide(api, incident_id, approval["request"], approve=answer, comment="answered during the drill")
        except ApiRefused as refused:  # somebody else was quicker, or it expired: the timeline tells
            watcher.on_waiting(f"the answer was not taken: {refused}")


def decide(api: ApiClient, incident_id: str, request: dict[str, Any], *, approve: bool, comment: str) -> Any:
    """Answer an approval for exactly the arguments that were shown."""
    body = {
        "decision": "approve" if approve else "deny",
        "arguments_hash": request["arguments_hash"],
        "comment": comment,
    }
    return api.post(f"/incidents/{incident_id}/approvals/{request['grant_id']}", body)


def _is_finished(case: dict[str, Any], until_postmortem: bool) -> bool:
    """Healed and told, or denied: then it waits for a person, or for the service to recover by itself."""
    if case["status"] in END_STATES:
        return bool(case["postmortem"]) or not until_postmortem
    return bool(case["status"] == "DENIED")


def _report(
    drill: str, incident_id: str, case: dict[str, Any], timeline: list[dict[str, Any]], injected_at: datetime
) -> DrillReport:
    at: dict[str, datetime] = {}
    for entry in timeline:
        at.setdefault(entry["type"].split(".")[0], datetime.fromisoformat(entry["at"]))
    opened = at.get("IncidentReopened") or at["IncidentOpened"]

    def since_alarm(name: str) -> float | None:
        return (at[name] - opened).total_seconds() if name in at else None

    outcomes = [diagnosis["outcome"] for diagnosis in case["diagnoses"]]
    return DrillReport(
        drill=drill,
        incident_id=incident_id,
        status=case["status"],
        escalated=bool(case["escalated"]),
        outcome=next((o for o in reversed(outcomes) if o == "conclusive"), outcomes[-1] if outcomes else None),
        fault_to_alarm_s=(opened - injected_at).total_seconds(),
        alarm_to_diagnosis_s=since_alarm("DiagnosisReached"),
        alarm_to_recovery_s=since_alarm("IncidentResolved"),
        case=case,
        timeline=timeline,
    )
