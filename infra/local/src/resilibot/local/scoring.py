"""scoring: how right answers were, in figures. Pure; one place for folders of recorded cases and for the own log.

Every figure says over how many cases it is. None: there was no case to compute it over; that is never a good figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GRADES = (100, 65, 35, 0)
BINS = 5
UNSPECIFIC = "component_fault"  # the cause that says where, and not what


@dataclass(frozen=True)
class Calls:
    """Who calls whom, and the node whose alarm fired."""

    alarm_node: str
    edges: tuple[tuple[str, str], ...]  # caller, callee

    def below(self, node: str) -> frozenset[str]:
        """All that is called from a node, directly or not; cycles end."""
        return self._reach(node, {caller: [] for caller, _ in self.edges}, self.edges)

    def above(self, node: str) -> frozenset[str]:
        """All that call a node, directly or not."""
        turned = tuple((callee, caller) for caller, callee in self.edges)
        return self._reach(node, {callee: [] for callee, _ in turned}, turned)

    def callers(self, node: str) -> frozenset[str]:
        return frozenset(caller for caller, callee in self.edges if callee == node)

    def _reach(self, start: str, nexts: dict[str, list[str]], edges: Iterable[tuple[str, str]]) -> frozenset[str]:
        for one, other in edges:
            nexts[one].append(other)
        found: set[str] = set()
        waiting = list(nexts.get(start, ()))
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += nexts.get(node, ())
        return frozenset(found)


@dataclass(frozen=True)
class Truth:
    """What it really was. `component` None: healthy, or a case that is judged by its category alone."""

    is_healthy: bool
    component: str | None = None
    cause: str | None = None  # of the reasoner's vocabulary; None: told in free words, or not at all
    fault_class: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class Said:
    """One answer. `ranked`: suspects, best first, sure or not; `is_sure`: the first of them is named as the cause."""

    ranked: tuple[str, ...]
    is_sure: bool
    confidence: float  # that this very answer is right; of nobody named: that there is nobody
    cause: str | None = None
    fault_class: str | None = None
    category: str | None = None
    calls: Calls | None = None

    @property
    def named(self) -> str | None:
        return self.ranked[0] if self.is_sure and self.ranked else None


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence lies within [low, high), the last one with its end."""

    low: float
    high: float
    cases: int
    confidence: float | None
    right: float | None


@dataclass(frozen=True)
class Figures:
    """`counts` says over how many cases each figure is."""

    cases: int
    counts: Mapping[str, int]
    top1: float | None
    top3: float | None
    specificity: float | None
    category: float | None
    grade: float | None
    grades: Mapping[int, int]
    abstained: int  # with a fault, and nobody named
    brier: float | None
    brier_of_a_constant: float | None  # of one who always says the share of right answers: to be beaten
    auroc: float | None
    reliability: Sequence[Bin] = field(default_factory=tuple)

    def figure(self, name: str) -> float | None:
        """By its name, as thresholds give it. Raises KeyError for a name that is no figure."""
        if name not in NAMES:
            raise KeyError(name)
        found: float | None = getattr(self, name)
        return found

    def told(self) -> dict[str, Any]:
        """As JSON."""
        shown = {name: _rounded(getattr(self, name)) for name in (*NAMES, "brier_of_a_constant")}
        bins = [
            {
                "from": b.low,
                "to": b.high,
                "cases": b.cases,
                "confidence": _rounded(b.confidence),
                "right": _rounded(b.right),
            }
            for b in self.reliability
        ]
        grades = {str(step): number for step, number in self.grades.items()}
        return {
            **shown,
            "counts": dict(self.counts),
            "grades": grades,
            "abstained": self.abstained,
            "reliability": bins,
        }


NAMES = ("cases", "top1", "top3", "specificity", "category", "grade", "brier", "auroc")


def score(answers: Sequence[tuple[Said, Truth]]) -> Figures:
    """All figures over these answers."""
    located = [(said, truth) for said, truth in answers if truth.component is not None]
    healthy = [said for said, truth in answers if truth.is_healthy]
    typed = [(said, truth) for said, truth in answers if truth.category is not None]
    grades = [grade(said, truth) for said, truth in answers]
    sure = [(said.confidence, is_right(said, truth)) for said, truth in answers]
    share = mean([right for _, right in sure])
    return Figures(
        cases=len(answers),
        counts={"localised": len(located), "healthy": len(healthy), "categories": len(typed)},
        top1=mean([hits(said, truth, 1) for said, truth in located]),
        top3=mean([hits(said, truth, 3) for said, truth in located]),
        specificity=mean([not said.is_sure for said in healthy]),
        category=mean([said.category == truth.category for said, truth in typed]),
        grade=mean(grades),
        grades={step: grades.count(step) for step in GRADES},
        abstained=sum(not said.is_sure and not truth.is_healthy for said, truth in answers),
        brier=brier(sure),
        brier_of_a_constant=None if share is None else share * (1 - share),
        auroc=auroc(sure),
        reliability=reliability(sure),
    )


def hits(said: Said, truth: Truth, k: int) -> bool:
    """The component at fault is among the first k suspects, whether the answer is sure of it or not."""
    return truth.component is not None and any(_same(name, truth.component) for name in said.ranked[:k])


def is_right(said: Said, truth: Truth) -> bool:
    """What the confidence is about: the named component; of a healthy case, that nobody is; else the category."""
    if truth.is_healthy:
        return not said.is_sure
    if truth.component is not None:
        return said.named is not None and _same(said.named, truth.component)
    return said.category == truth.category


def grade(said: Said, truth: Truth) -> int:
    """Would acting on the headline have been right? 100, 65 one hop short, 35 the right area but a wrong diagnosis, 0.

    On a call graph: the culprit; its direct caller on the way from the alarm's node; the same branch below that node;
    elsewhere. Without one the component is the area, and of a case without a component its category is. Naming nobody
    is right of a healthy case alone.
    """
    if truth.is_healthy:
        return 0 if said.is_sure else 100
    if not said.is_sure:
        return 0
    if truth.component is None:
        return 0 if said.category != truth.category else 100 if _is_that_kind(said, truth) else 35
    if said.named is not None and _same(said.named, truth.component):
        return 100 if _is_that_kind(said, truth) else 35
    return _on_the_way(said.named or "", truth.component, said.calls) if said.calls else 0


def _on_the_way(named: str, culprit: str, calls: Calls) -> int:
    """The alarm's own node is on every way: naming it says nothing, unless it calls the culprit itself."""
    way = calls.above(culprit) & (calls.below(calls.alarm_node) | {calls.alarm_node})
    if named in way & calls.callers(culprit):
        return 65
    return 35 if named in (way | calls.below(culprit)) - {calls.alarm_node} else 0


def _is_that_kind(said: Said, truth: Truth) -> bool:
    """By the finest word that both use; where there is none, the place alone decides."""
    if truth.cause and said.cause and UNSPECIFIC not in (said.cause, truth.cause):
        return said.cause == truth.cause
    if truth.fault_class and said.fault_class:
        return (
            said.fault_class.partition("-")[0] == truth.fault_class.partition("-")[0]
        )  # the symptom: metrics tell no more
    if truth.category and said.category:
        return said.category == truth.category
    return True


def brier(answers: Sequence[tuple[float, bool]]) -> float | None:
    """Mean of (confidence - outcome) squared, outcome 1 if right. Brier, Monthly Weather Review 78 (1950), 1-3."""
    return mean([(confidence - right) ** 2 for confidence, right in answers])


def auroc(answers: Sequence[tuple[float, bool]]) -> float | None:
    """Probability that a right answer has the higher confidence of the two; ties count half. None without both kinds.

    The Mann-Whitney statistic over the number of pairs: Hanley and McNeil, Radiology 143 (1982), 29-36.
    """
    right = [confidence for confidence, is_so in answers if is_so]
    wrong = [confidence for confidence, is_so in answers if not is_so]
    if not right or not wrong:
        return None
    return sum((r > w) + 0.5 * (r == w) for r in right for w in wrong) / (len(right) * len(wrong))


def reliability(answers: Sequence[tuple[float, bool]], bins: int = BINS) -> tuple[Bin, ...]:
    """Mean confidence against the share of right answers, in bins of equal width.

    Murphy and Winkler, Applied Statistics 26 (1977), 41-47. An empty bin is told, with no figure.
    """
    found = []
    for number in range(bins):
        inside = [(c, right) for c, right in answers if min(int(c * bins), bins - 1) == number]
        confidence, share = mean([c for c, _ in inside]), mean([right for _, right in inside])
        found.append(Bin(number / bins, (number + 1) / bins, len(inside), confidence, share))
    return tuple(found)


def mean(values: Sequence[float | bool]) -> float | None:
    return sum(values) / len(values) if values else None


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
