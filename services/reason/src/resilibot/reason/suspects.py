"""suspects: what the call graph says, as candidates with clues; and what it says against the other causes. Pure."""

from collections.abc import Iterable, Sequence
from statistics import median

from resilibot.contracts.evidence import Citation
from resilibot.contracts.quantity import DEVIATES, Quantity, quantity_of
from resilibot.reason.hypotheses import Candidate, is_near, is_release, when
from resilibot.reason.localise import LEAST_SHARE, Suspect
from resilibot.reason.scene import Changed, Located, Measured, Scene

CONCLUSIVE = 0.6
NAMED = 3  # suspects that become hypotheses
ELSEWHERE = 0.4  # against a cause at the service itself, when the graph points elsewhere
TOGETHER_S = 60.0  # changes recorded within this belong to one
HOLDS = ("bucket", "queue", "stream", "table", "topic")  # kinds that hold data and run none of the owner's code
RISEN = 1.5  # times: calls of the suspect, over those of the alarm's node
SYMPTOM = {Quantity.LATENCY: "latency", Quantity.AVAILABILITY: "error", Quantity.ERRORS: "error"}


def suspects(scene: Scene) -> list[Candidate]:
    """The first suspects in order; their probabilities do not rise along it, as only one is the cause."""
    if scene.located is None:
        return []
    found: list[Candidate] = []
    for rank, suspect in enumerate(scene.located.found.suspects[:NAMED]):
        probability = suspect.confidence
        if found:
            first, last = found[0].probability or 0.0, found[-1].probability or 0.0
            probability = min(probability, last, 1 - first)
        found.append(_candidate(scene, scene.located, suspect, rank, probability))
    return found


def culprit(scene: Scene) -> Suspect | None:
    """The node that the graph blames with enough confidence to act upon."""
    first = next(iter(scene.located.found.suspects), None) if scene.located else None
    return first if first is not None and first.confidence >= CONCLUSIVE else None


def weigh_against(scene: Scene, others: Iterable[Candidate]) -> None:
    """A cause at the service itself is less likely when what it suffers arises in something that it calls."""
    located, found = scene.located, culprit(scene)
    if located is None or found is None or found.component == located.found.alarm_node:
        return
    for candidate in others:
        if candidate.cause != "dependency_failure":
            candidate.con(ELSEWHERE, f"the call graph points to {found.component}", _cites(located, found))


def _candidate(scene: Scene, located: Located, suspect: Suspect, rank: int, probability: float) -> Candidate:
    node, alarm_node = suspect.component, located.found.alarm_node
    what = SYMPTOM.get(quantity_of(suspect.metric.name), "deviation")
    where = "itself" if node == alarm_node else f"of what {alarm_node} suffers"
    candidate = Candidate("component_fault", node, f"the {what} {where} arises in {node}")
    candidate.rank, candidate.probability = rank, probability
    candidate.fault_class = fault_class(scene, located, suspect)
    cites = _cites(located, suspect)
    if (changed := deciding_change(scene, node)) is not None:
        what = "a deployment" if is_release(changed) else "a change of configuration"
        candidate.pro(0.0, f"{what} of {node} came {when(changed)}", [changed.cite])
    if suspect.share >= LEAST_SHARE and suspect.is_anomalous:
        text = f"{min(suspect.share, 1):.0%} of what {alarm_node} suffers arises in {node} and in nothing it calls"
        candidate.pro(0.0, text, cites)
    else:
        candidate.con(0.0, f"{node} and what it calls alone do not explain what {alarm_node} suffers", cites)
    if suspect.unusual > 1:
        text = f"its {suspect.metric.name} lasts at {suspect.unusual:.1f} times what is unusual for it while healthy"
        candidate.pro(0.0, text, cites[:1])
    else:
        candidate.con(0.0, f"its {suspect.metric.name} is not unusual for it", cites[:1])
    return candidate


def fault_class(scene: Scene, located: Located, suspect: Suspect) -> str | None:
    """`<symptom>-deploy`, `<symptom>-config` or `request-overload`; None when the metric has no such symptom.

    Metrics cannot tell a deployment from a parameter: that takes change evidence. Without any, -config is assumed; of
    what runs no code and reads no parameter, more requests than it can carry, who else may send them.
    """
    symptom = SYMPTOM.get(quantity_of(suspect.metric.name))
    if symptom is None or _is_flooded(located, suspect.component):
        return symptom and "request-overload"
    changed = deciding_change(scene, suspect.component)
    if changed is None and _last_word(suspect.kind) in HOLDS:
        return "request-overload"
    return f"{symptom}-{'deploy' if changed is not None and is_release(changed) else 'config'}"


def _last_word(kind: str) -> str:
    """Of `AWS::Service::Table` the table."""
    return kind.rpartition(":")[2].lower()


def deciding_change(scene: Scene, node: str) -> Changed | None:
    """The last change of the node near the onset, else the last that names nobody. Another's change decides nothing.

    A deployment brings its configuration along: of changes recorded together it decides.
    """
    near = [changed for changed in scene.changed if is_near(changed)]
    own = [c for c in near if c.change.component == node] or [c for c in near if c.change.component is None]
    if not own:
        return None
    together = [c for c in own if c.lead_s - own[-1].lead_s <= TOGETHER_S]
    return next((c for c in reversed(together) if is_release(c)), own[-1])


def _is_flooded(located: Located, node: str) -> bool:
    """More calls than usual, and more than the demand explains: that at the alarm's node, or if unknown, elsewhere."""
    own, demand = _rise(located.traffic.get(node)), _rise(located.traffic.get(located.found.alarm_node))
    if demand is None:
        elsewhere = [rise for n, calls in located.traffic.items() if n != node and (rise := _rise(calls)) is not None]
        demand = median(elsewhere) if elsewhere else 1.0
    deviates = node in located.traffic and (located.traffic[node].badness or 0.0) > DEVIATES
    return deviates and own is not None and own > RISEN * (demand or 1.0)


def _rise(calls: Measured | None) -> float | None:
    """Calls now, in multiples of the healthy median."""
    if calls is None or calls.value is None or calls.content.baseline is None or calls.content.baseline.median <= 0:
        return None
    return calls.value / calls.content.baseline.median


def _cites(located: Located, suspect: Suspect) -> Sequence[Citation]:
    """The suspect's metric first, then the graph."""
    metric = suspect.metric
    return [located.metrics[(metric.component, metric.name, metric.statistic)], located.graph]
