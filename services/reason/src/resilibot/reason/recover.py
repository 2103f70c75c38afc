"""recover: does fresh evidence show the service healthy again? Pure. RESOLVED rests on this and on nothing else."""

from statistics import median

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import Finding
from resilibot.contracts.quantity import DEVIATES
from resilibot.reason.diagnose import checked_findings, diagnose, healthy_findings, is_healthy
from resilibot.reason.quantities import badness
from resilibot.reason.scene import Scene, read_scene

ENOUGH_FRESH = 3  # points of what the alarms watch, since the last action or the first look; and the last ones of them


def recovered(case: IncidentCase, gathered: e.EvidenceGatheredV1) -> e.IncidentResolvedV1 | None:
    """The resolution, or None: not healthy, or too little seen to say so."""
    scene = read_scene(case, gathered)
    if not is_healthy(scene) or not _holds(scene) or _misses_what_failed(case, scene) or _cannot_be_judged(case):
        return None
    found, _ = checked_findings(healthy_findings(scene), gathered)
    if not found:
        return None
    return e.IncidentResolvedV1(round=gathered.round, summary=_say(case, scene, found), findings=found)


def judge(case: IncidentCase, gathered: e.EvidenceGatheredV1) -> e.IncidentResolvedV1 | e.DiagnosisReachedV1:
    """A verify round either resolves or is diagnosed like any other."""
    return (recovered(case, gathered) if gathered.purpose == "verify" else None) or diagnose(case, gathered)


def _holds(scene: Scene) -> bool:
    """Enough was seen of what the alarms watch, and its last points are well too: a relapse is no recovery."""
    return all(
        len(m.content.points) >= ENOUGH_FRESH
        and m.content.baseline is not None
        and badness(m.content, median(value for _, value in m.content.points[-ENOUGH_FRESH:]), m.content.baseline)
        <= DEVIATES
        for m in scene.alarmed
    )


def _cannot_be_judged(case: IncidentCase) -> bool:
    """An alarm that still fires and watches no single metric: only its own word, or a person, can end it."""
    return any(s.is_firing and s.signal.metric is None for s in case.signals.values())


def _misses_what_failed(case: IncidentCase, scene: Scene) -> bool:
    """A metric that deviated when the incident was diagnosed must be seen again, not merely be absent."""
    first = next((r for r in reversed(case.rounds) if r.purpose == "diagnose"), None)
    if first is None:
        return False
    failed = {(m.content.component, m.content.name) for m in read_scene(case, first).deviating}
    seen = {(m.content.component, m.content.name) for m in scene.measured if m.is_judged}
    return bool(failed - seen)


def _say(case: IncidentCase, scene: Scene, found: list[Finding]) -> str:
    alarmed = (scene.alarmed or scene.measured)[0].say()
    acted = any(action.state == "succeeded" for action in case.current_actions.values())
    what = "recovered" if acted else "healthy in a second look, without any action"
    return f"{what}: {alarmed}; {len(found)} observations agree"
