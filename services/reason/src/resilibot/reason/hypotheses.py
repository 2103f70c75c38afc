"""hypotheses: the catalogue of causes. Each predicts what must be seen; what is seen supports or refutes it. Pure.

Every clue has a weight; confidence is what supports minus what refutes. Weights are round numbers by judgement, in
one place, and change only with a measurement.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from resilibot.contracts.evidence import Citation, Finding
from resilibot.contracts.quantity import Quantity
from resilibot.reason.scene import Changed, Measured, Scene

RECENT_CHANGE_S = 1800.0  # a change this long before the onset still counts; nearer counts more
AFTER_ONSET_S = 15.0  # clocks and sampling: a change may be recorded this long after the onset seems to begin
PAST = 0.05  # a like incident had this cause, and its remedy helped: what was is no proof of what is
MOST = 0.6  # share of the components that is "most of them"

_TIMEOUT = re.compile(r"time[d]?[ -]?out|no answer|unresponsive|deadlock|hang|stuck", re.IGNORECASE)
_UPSTREAM = re.compile(
    r"connection (?:refused|reset)|upstream|unreachable|econn|name resolution|dns|503|bad gateway", re.IGNORECASE
)


@dataclass(frozen=True)
class Clue:
    text: str
    cites: tuple[Citation, ...]
    weight: float


@dataclass
class Candidate:
    """A cause at a component, with the clues for and against it."""

    cause: str
    component: str
    statement: str
    support: list[Clue] = field(default_factory=list)
    refutation: list[Clue] = field(default_factory=list)
    rank: int = 0  # among candidates of the same score
    probability: float | None = None  # known by itself; else the clues are weighed
    fault_class: str | None = None
    category: str | None = None
    past: Clue | None = None  # an earlier incident had this cause; no part of the score

    @property
    def score(self) -> float:
        """By the evidence of this incident alone."""
        if self.probability is not None:
            return self.probability
        return sum(clue.weight for clue in self.support) - sum(clue.weight for clue in self.refutation)

    @property
    def told_for(self) -> list[Clue]:
        """All that speaks for it, history last."""
        return [*self.support, *([self.past] if self.past else [])]

    def pro(self, weight: float, text: str, cites: Iterable[Citation]) -> None:
        self._add(self.support, weight, text, cites)

    def con(self, weight: float, text: str, cites: Iterable[Citation]) -> None:
        self._add(self.refutation, weight, text, cites)

    def _add(self, clues: list[Clue], weight: float, text: str, cites: Iterable[Citation]) -> None:
        cited = tuple(dict.fromkeys(cites))
        if cited:  # what cites nothing counts nothing
            clues.append(Clue(text, cited, weight))


def findings(clues: Iterable[Clue]) -> list[Finding]:
    return [Finding(text=clue.text, citations=list(clue.cites)) for clue in clues]


def candidates(scene: Scene) -> list[Candidate]:
    """Every cause that the scene gives at least one clue for or against: what was ruled out is part of the answer."""
    found: list[Candidate] = []
    for propose in CATALOGUE:
        found += [candidate for candidate in propose(scene) if candidate.support or candidate.refutation]
    return found


def _hung_process(scene: Scene) -> list[Candidate]:
    """One component does not answer (or all its requests time out) while its peers are well."""
    found = []
    for component in scene.components:
        candidate = Candidate("hung_process", component, f"the process on {component} hangs: it does not answer")
        own = [r for r in scene.reported if r.status.component == component]
        peers = [r for r in scene.reported if r.status.component != component]
        if any(r.status.responds is False for r in own):
            candidate.pro(0.45, f"{component} does not answer its health check", [r.cite for r in own])
        elif own:
            candidate.con(0.6, f"{component} answers its health check", [r.cite for r in own])
        well = [r for r in peers if r.status.responds]
        if well and component in scene.silent:
            names = ", ".join(sorted({r.status.component for r in well}))
            candidate.pro(0.15, f"its peers answer: {names}", [r.cite for r in well])
        _localised(candidate, scene, component, 0.25, 0.3)
        stalls = [
            entry
            for entry in scene.logged
            if _TIMEOUT.search(entry.pattern.template) and component in entry.pattern.sample
        ]
        if stalls:
            count = sum(entry.pattern.count for entry in stalls)
            candidate.pro(
                0.1,
                f"{count} log lines since the onset tell of time-outs on {component}",
                [entry.cite for entry in stalls],
            )
        found.append(candidate)
    return found


def _component_fault(scene: Scene) -> list[Candidate]:
    """One component errs, though it answers, while its peers are well."""
    found = []
    for component in scene.hurt:
        candidate = Candidate("component_fault", component, f"{component} alone is faulty, though it answers")
        _localised(candidate, scene, component, 0.4, 0.5)
        own = [r for r in scene.reported if r.status.component == component]
        if any(r.status.responds is False for r in own):
            candidate.con(0.4, f"{component} does not answer at all", [r.cite for r in own])
        elif own:
            candidate.pro(0.15, f"{component} answers its health check", [r.cite for r in own])
        logged = [entry for entry in scene.errors if entry.pattern.component == component]
        if logged:
            candidate.pro(0.15, f"new errors are logged on {component} only", [entry.cite for entry in logged])
        found.append(candidate)
    return found


def _bad_release(scene: Scene) -> list[Candidate]:
    """A release came shortly before the onset, and what runs it fails."""
    candidate = Candidate("bad_release", scene.service, f"a new release broke {scene.service}")
    near = [changed for changed in scene.own_changes if is_release(changed) and is_near(changed)]
    if near:
        last = max(near, key=_tells_both)  # several records may tell the same release; the one with its values speaks
        change = last.change
        candidate.statement = f"release {change.after} broke {scene.service} (before: {change.before})"
        nearness = 1 - 0.4 * max(last.lead_s, 0) / RECENT_CHANGE_S
        text = f"{change.what} went from {change.before} to {change.after} {when(last)}"
        candidate.pro(0.4 * nearness, text, [last.cite, *(changed.cite for changed in near)])
        named = [entry for entry in scene.errors if change.after and change.after in entry.pattern.sample]
        if named:
            candidate.pro(0.1, f"the new errors name release {change.after}", [entry.cite for entry in named])
    elif scene.answered("change"):
        candidate.con(0.7, "no release within half an hour before the onset", _any_cites(scene))
    _widespread(candidate, scene, 0.3, 0.4)
    if scene.errors:
        sample = scene.errors[0].pattern
        candidate.pro(
            0.15, f"new errors since the onset: {sample.count} x {sample.template[:120]}", [scene.errors[0].cite]
        )
    if scene.all_silent and near:
        candidate.pro(0.15, "nothing that runs it answers any more", _silent_cites(scene))
    elif scene.silent and not scene.all_silent:
        candidate.con(0.2, f"only {', '.join(scene.silent)} does not answer, others do", _silent_cites(scene))
    return [candidate]


def _overload(scene: Scene) -> list[Candidate]:
    """More traffic than it can carry."""
    candidate = Candidate("overload", scene.service, f"{scene.service} gets more traffic than it can carry")
    traffic = [m for m in scene.measured if m.quantity is Quantity.TRAFFIC and m.is_judged]
    risen = [m for m in traffic if m.deviates and m.content.baseline and (m.value or 0) > m.content.baseline.median]
    if risen:
        candidate.pro(0.4, "traffic is far above its healthy range", [m.cite for m in risen])
    elif traffic:
        candidate.con(0.6, "traffic is not above its healthy range", [m.cite for m in traffic])
    slow = [m for m in scene.deviating if m.quantity is Quantity.LATENCY]
    full = [m for m in scene.deviating if m.quantity is Quantity.SATURATION]
    candidate.pro(0.25, "latency has risen", [m.cite for m in slow])
    candidate.pro(0.15, "queues or resources are filling up", [m.cite for m in full])
    return [candidate]


def _dependency_failure(scene: Scene) -> list[Candidate]:
    """Something that it calls fails."""
    candidate = Candidate("dependency_failure", scene.service, f"something that {scene.service} depends on fails")
    calls = [entry for entry in scene.errors if _UPSTREAM.search(entry.pattern.template)]
    if calls:
        candidate.pro(
            0.35, f"new errors name a failing call: {calls[0].pattern.template[:120]}", [entry.cite for entry in calls]
        )
    elif scene.logs_seen:
        candidate.con(0.3, "no new log line names a failing call", scene.logs_seen)
    _widespread(candidate, scene, 0.25, 0.4)
    near = [changed for changed in scene.own_changes if is_near(changed)]
    if near:
        candidate.con(0.25, f"{near[-1].change.what} changed {when(near[-1])}", [near[-1].cite])
    if scene.silent:
        candidate.con(0.2, f"{', '.join(scene.silent)} does not answer its own health check", _silent_cites(scene))
    return [candidate]


def _config_change(scene: Scene) -> list[Candidate]:
    """A change other than a release came shortly before the onset."""
    near = [changed for changed in scene.own_changes if not is_release(changed) and is_near(changed)]
    if not near:
        return []
    last = near[-1]
    candidate = Candidate("config_change", scene.service, f"the change {last.change.what} broke {scene.service}")
    nearness = 1 - 0.4 * max(last.lead_s, 0) / RECENT_CHANGE_S
    candidate.pro(0.35 * nearness, f"{last.change.what} by {last.change.by} {when(last)}", [last.cite])
    _widespread(candidate, scene, 0.3, 0.3)
    return [candidate]


CATALOGUE: tuple[Callable[[Scene], list[Candidate]], ...] = (
    _hung_process,
    _component_fault,
    _bad_release,
    _overload,
    _dependency_failure,
    _config_change,
)


def _localised(candidate: Candidate, scene: Scene, component: str, pro: float, con: float) -> None:
    """Only this component's own metrics deviate; or its peers' do as well."""
    own = [m for m in scene.deviating if m.content.component == component]
    peers = [c for c in scene.components if c != component]
    hurt_peers = [m for m in scene.deviating if m.content.component in peers]
    if own and not hurt_peers:
        candidate.pro(pro, f"only {component} deviates: {_say(own)}", [m.cite for m in own])
    elif hurt_peers:
        candidate.con(con, f"its peers deviate too: {_say(hurt_peers)}", [m.cite for m in hurt_peers])
    elif judged := [m for m in scene.measured if m.content.component == component and m.is_judged]:
        candidate.con(0.2, f"the metrics of {component} are within their healthy range", [m.cite for m in judged])


def _widespread(candidate: Candidate, scene: Scene, pro: float, con: float) -> None:
    """Most components deviate; or only a few of several; or only the service as a whole is known."""
    with_metrics = {m.content.component for m in scene.measured if m.is_judged} - {scene.service}
    hurt = set(scene.hurt) & with_metrics
    cites = [m.cite for m in scene.deviating]
    if len(with_metrics) >= 2 and hurt and len(hurt) / len(with_metrics) >= MOST:
        candidate.pro(pro, f"{len(hurt)} of {len(with_metrics)} components deviate: {_say(scene.deviating)}", cites)
    elif len(with_metrics) >= 2 and hurt:
        candidate.con(con, f"only {', '.join(sorted(hurt))} deviates of {len(with_metrics)} components", cites)
    elif cites:
        candidate.pro(pro / 2, f"the service as a whole deviates: {_say(scene.deviating)}", cites)


def is_release(changed: Changed) -> bool:
    if changed.change.kind is not None:
        return changed.change.kind == "deploy"
    return "release" in changed.change.what.lower() or "deploy" in changed.change.what.lower()


def is_near(changed: Changed) -> bool:
    return -AFTER_ONSET_S <= changed.lead_s <= RECENT_CHANGE_S


def _tells_both(changed: Changed) -> tuple[bool, datetime]:
    return changed.change.before is not None and changed.change.after is not None, changed.change.at


def when(changed: Changed) -> str:
    seconds = abs(changed.lead_s)
    return f"{seconds:.0f} s {'before' if changed.lead_s >= 0 else 'after'} the onset"


def _say(measured: Iterable[Measured]) -> str:
    worst = sorted(measured, key=lambda m: -(m.badness or 0))[:2]
    return "; ".join(m.say() for m in worst)


def _silent_cites(scene: Scene) -> list[Citation]:
    return [r.cite for r in scene.reported if r.status.responds is False]


def _any_cites(scene: Scene) -> list[Citation]:
    """A negative rests on the record as a whole: cite an old change if there is one, else the alarm's metric."""
    return [c.cite for c in scene.changed] or [m.cite for m in scene.alarmed] or [m.cite for m in scene.measured][:1]
