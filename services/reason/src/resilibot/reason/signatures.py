"""signatures: failures that clusters, databases and programs describe in words of their own. Pure.

Declarative: a signature (signs/) is a pattern over current texts, the category it stands for, how specific it is, and
the mechanism in the vocabulary of the evidence. A consequence (a crash loop, a stalled rollout) is less specific than
what brings it about, so that the cause leads and the consequence is kept; a cause that explains another refutes it.
Metrics of a database can support a signature, contradict it, or stand in for its text. No signature knows a service.
"""

import re
from collections.abc import Mapping, Sequence

from resilibot.contracts.evidence import Citation
from resilibot.reason.hypotheses import Candidate
from resilibot.reason.now import Now, Said, bare, is_working
from resilibot.reason.scene import Measured, Scene
from resilibot.reason.signs.applications import APPLICATIONS
from resilibot.reason.signs.aws import AWS
from resilibot.reason.signs.clusters import CLUSTERS
from resilibot.reason.signs.databases import DATABASES
from resilibot.reason.signs.families import FAMILIES
from resilibot.reason.signs.signature import AGAINST, METRIC, Signature, no_load, no_metrics
from resilibot.reason.terms import terms

MOST = 0.95
SHOWN = 2  # reasons that are told in brackets
SIGNATURES: tuple[Signature, ...] = (*DATABASES, *AWS, *CLUSTERS, *APPLICATIONS, *FAMILIES)

Matches = Sequence[tuple[Said, re.Match[str]]]


def signatures(scene: Scene) -> list[Candidate]:
    """What current texts, states and metrics of the resource speak for; none of it, and there is no candidate.

    Of several signatures of one cause only the one that the evidence supports best. Texts without any state speak only
    where no metric can be judged: else the catalogue knows more.
    """
    if not scene.states and any(m.is_judged for m in scene.measured):
        return []
    now = Now(scene)
    found: dict[str, tuple[Signature, Candidate]] = {}
    for signature in SIGNATURES:
        candidate = _candidate(signature, now)
        rival = found.get(signature.cause)
        if candidate is not None and (rival is None or candidate.score > rival[1].score):
            found[signature.cause] = (signature, candidate)
    _explained(found)
    return [candidate for _, candidate in found.values()]


def _explained(found: Mapping[str, tuple[Signature, Candidate]]) -> None:
    """What only follows from a cause that was found is refuted by it."""
    for signature, candidate in found.values():
        for cause in signature.explains & found.keys():
            cited = [cite for clue in candidate.support for cite in clue.cites]
            found[cause][1].con(AGAINST, f"it follows from this: {candidate.statement}", cited)


def _candidate(signature: Signature, now: Now) -> Candidate | None:
    told = [s for s in now.current if _is_heard(s, signature)]
    said = [(s, match) for s in told for match in signature.says.finditer(s.text)]
    metrics = signature.metrics(now)
    load, sufficing = signature.load(now), signature.told_by(now)
    is_told = _suffices(signature, now)
    if not said and not is_told:
        return None
    if signature.unless is not None and any(signature.unless.search(s.text) for s in now.current):
        return None
    if signature.of_change and not now.is_suffering:
        return None
    candidate = Candidate(signature.cause, now.scene.service, _statement(signature, now, said, metrics))
    candidate.category = signature.category
    who = ", ".join(sorted({s.by for s, _ in said if s.by})[:2])
    candidate.pro(signature.weight, f"it is told now by {who or 'the evidence'}", [s.cite for s, _ in said])
    for metric in metrics:
        speaks = not said and metric in sufficing[:1]
        candidate.pro(signature.weight if speaks else METRIC, _moved(metric), [metric.cite])
    if load and not said and not sufficing:
        text = "the database's load waits for it first"
        candidate.pro(signature.weight, text, [state.cite for state in load])
    if said and now.calm and not any(s.level in ("ERROR", "STATE") for s, _ in said):
        candidate.con(AGAINST, "nothing suffers: every monitor is OK", [state.cite for state in now.calm])
    if against := signature.against(now):
        candidate.con(AGAINST, "; ".join(_moved(metric) for metric in against), [metric.cite for metric in against])
    if named := terms([s.text for s, _ in said], candidate.statement):
        candidate.pro(0.0, f"the evidence names {', '.join(named)}", [s.cite for s, _ in said])
    return candidate


def _is_heard(said: Said, signature: Signature) -> bool:
    if signature.of_states:
        return said.level == "STATE"
    if signature.of_errors:
        return said.level == "ERROR"
    return said.is_trouble or not signature.of_trouble


def _suffices(signature: Signature, now: Now) -> bool:
    """Metrics and load without a text: all of those that the signature asks for."""
    asks_metrics, asks_load = signature.told_by is not no_metrics, signature.load is not no_load
    if not (asks_metrics or asks_load):
        return False
    return (not asks_metrics or bool(signature.told_by(now))) and (not asks_load or bool(signature.load(now)))


def _statement(signature: Signature, now: Now, said: Matches, metrics: Sequence[Measured]) -> str:
    named = _named(signature, now, said)
    statement = signature.mechanism.format_map(named)
    reasons = [why for _, match in said for name, why in match.groupdict().items() if why and name.startswith("why")]
    why = {reason.lower(): reason for reason in reasons}
    new = [told for reason, told in why.items() if reason not in statement.lower()][:SHOWN]
    brackets = [*new, *(metric.content.name for metric in metrics)]
    return statement + (f" ({', '.join(brackets)})" if brackets else "")


def _moved(metric: Measured) -> str:
    values = [value for _, value in metric.content.points]
    return f"{metric.content.name} of {metric.content.component} went from {values[0]:g} to {values[-1]:g}"


def _named(signature: Signature, now: Now, said: Matches) -> Mapping[str, str]:
    """What the mechanism's words stand for: the first object that a text names, else who said it."""
    objects = [
        group
        for _, match in said
        for name, group in match.groupdict().items()
        if group and name != "kind" and not name.startswith("why")
    ]
    service = now.scene.service or "the resource"
    pods = [pod.status.component for pod in now.unready] or [pod.status.component for pod in now.pods]
    who = next((bare(s.by) for s, _ in said if s.by), service)
    nodes = [node.status.component for node in now.of_kind("node") if not is_working(node)]
    nodes += [bare(s.by) for s, _ in said if s.by.startswith("Node/")]
    named = {"service": service, "pod": pods[0] if pods else service, "who": who, "node": nodes[0] if nodes else who}
    otherwise = signature.otherwise.format_map(named)
    kind = next((match["kind"] for _, match in said if match.groupdict().get("kind")), "")
    return {**named, "object": objects[0] if objects else otherwise, "kind": kind.capitalize()}


def cites(said: Sequence[Said]) -> list[Citation]:
    return list(dict.fromkeys(s.cite for s in said))
