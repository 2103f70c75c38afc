"""regroup: people merge incidents, take a merge back, and split signals off. Pure.

A fingerprint that moves leaves a trace in the incident it leaves, which leads to the one it goes to (`home_of`). No
signal stream is written to, so a storm of repeats neither hinders a person nor loses its way.
"""

from collections.abc import Callable, Sequence

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, SignalSummary
from resilibot.contracts.envelope import stream_id
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.signal import Signal
from resilibot.runtime.service import On


class RegroupRefused(Exception):
    """It cannot be done as things are; nothing is recorded. `status` is the HTTP status that says so."""

    code = "regroup_refused"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def merge(child: IncidentCase, parent: IncidentCase, comment: str) -> list[On]:
    """The child ends; what fires there fires in the parent now. Raises RegroupRefused."""
    _must_exist(child, parent)
    if child.incident_id == parent.incident_id:
        raise RegroupRefused(409, f"{child.incident_id} cannot be merged into itself")
    if child.closed_at is not None:
        where = f"merged into {child.merged_into}" if child.merged_into else "closed"
        raise RegroupRefused(409, f"{child.incident_id} is {where} already")
    if parent.is_over:  # so a merged one too: no circle can come about
        where = f"merged into {parent.merged_into}" if parent.merged_into else str(parent.status)
        raise RegroupRefused(409, f"{parent.incident_id} is {where}: it takes no signals any more")
    if any(action.state == "running" for action in child.actions.values()):
        raise RegroupRefused(409, f"{child.incident_id} has a running action: wait for its outcome")
    came = [_attached(summary, "merged", child.incident_id) for summary in child.signals.values()]
    return [
        _on(child, e.IncidentMergedV1(into=parent.incident_id, comment=comment)),
        *(_on(parent, event) for event in came),
    ]


def unmerge(
    child: IncidentCase, parent: IncidentCase | None, comment: str, home_of: Callable[[str], IncidentCase | None]
) -> list[On]:
    """The child lives again, with the signals that it brought, as they are by now. Raises RegroupRefused.

    `home_of(fingerprint)`: where its next signal would go. After the parent's end that may be a later incident: two
    for one fingerprint must not come about.
    """
    _must_exist(child)
    if parent is None:
        raise RegroupRefused(409, f"{child.incident_id} is not merged into another incident")
    if parent.merged_into is not None:
        what = f"{parent.incident_id} was itself merged into {parent.merged_into}: take that back first"
        raise RegroupRefused(409, what)
    back = [summary for summary in parent.signals.values() if summary.merged_from == child.incident_id]
    returning = _fingerprints(back)
    if child.fingerprint not in returning:
        gone = parent.home_of(child.fingerprint) or "another incident"
        raise RegroupRefused(409, f"the signal that opened {child.incident_id} has since gone to {gone}")
    for one in returning:
        home = home_of(one)
        if home is not None and home.incident_id != parent.incident_id:
            raise RegroupRefused(409, f"fingerprint {one} belongs to {home.incident_id} by now: look there")
    stay_away = [
        e.SignalDetachedV1(fingerprint=one, to=parent.home_of(one) or parent.incident_id, why="split", comment=comment)
        for one in child.fingerprints
        if one not in returning
    ]
    return [
        _on(child, e.IncidentUnmergedV1(out_of=parent.incident_id, comment=comment)),
        *(_on(child, event) for event in stay_away),
        *(_on(child, _attached(summary, "returned")) for summary in back),
        *_detached(parent, returning, child.incident_id, "unmerged", comment),
    ]


def split(case: IncidentCase, fingerprints: Sequence[str], new_incident_id: str, comment: str) -> list[On]:
    """The signals of these fingerprints leave into a new incident of their own. Raises RegroupRefused."""
    _must_exist(case)
    if case.is_over:
        raise RegroupRefused(409, f"{case.incident_id} is {case.status}: nothing can be split off")
    unknown = [fingerprint for fingerprint in fingerprints if fingerprint not in case.fingerprints]
    if unknown:
        raise RegroupRefused(404, f"fingerprints: {case.incident_id} has no signals of {', '.join(unknown)}")
    if case.fingerprint in fingerprints:
        raise RegroupRefused(409, f"fingerprints: {case.fingerprint} opened {case.incident_id}: split off the others")
    leaving = [summary for summary in case.signals.values() if summary.fingerprint in fingerprints]
    first, *others = sorted(leaving, key=lambda s: (not s.is_firing, s.signal.fired_at))
    signal = _as_it_is(first)
    opened = e.IncidentOpenedV1(
        title=signal.title,
        severity=signal.severity,
        severity_rule=signal.severity_rule,
        source=signal.source,
        resource=signal.resource,
        fingerprint=first.fingerprint,
        signal=signal,
        investigation=case.investigation,  # splitting is no way around a person, or around the budget
        policy_version=case.policy_version,
        auto_approve=case.auto_approve,
        split_from=case.incident_id,
        comment=comment,
    )
    new = stream_id("incident", new_incident_id)
    return [
        On(new, opened),
        *(On(new, _attached(summary, "returned")) for summary in others),
        *_detached(case, _fingerprints(leaving), new_incident_id, "split", comment),
    ]


def _must_exist(*cases: IncidentCase) -> None:
    for case in cases:
        if not case.exists:
            raise RegroupRefused(404, f"no incident {case.incident_id}")


def _attached(summary: SignalSummary, why: str, merged_from: str | None = None) -> e.SignalAttachedV1:
    return e.SignalAttachedV1.model_validate(
        {
            "signal": _as_it_is(summary),
            "fingerprint": summary.fingerprint,
            "why": why,
            "occurrences": summary.occurrences,
            "reason": summary.reason,
            "merged_from": merged_from,
        }
    )


def _as_it_is(summary: SignalSummary) -> Signal:
    """The last signal; in state OK when it has been cleared since."""
    return summary.signal if summary.is_firing else summary.signal.model_copy(update={"state": "OK"})


def _detached(case: IncidentCase, fingerprints: Sequence[str], to: str, why: str, comment: str) -> list[On]:
    fields = {"to": to, "why": why, "comment": comment}
    return [_on(case, e.SignalDetachedV1.model_validate({"fingerprint": one, **fields})) for one in fingerprints]


def _fingerprints(summaries: Sequence[SignalSummary]) -> list[str]:
    return list(dict.fromkeys(summary.fingerprint for summary in summaries))


def _on(case: IncidentCase, event: DomainEvent) -> On:
    return On(stream_id("incident", case.incident_id), event)
