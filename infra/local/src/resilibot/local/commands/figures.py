"""figures: scores as people and programs read them, and the limits that they are held to.

LimitInvalid   a text that is no limit; the message names it
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import typer

from resilibot.local.commands.context import fail, out
from resilibot.local.scoring import GRADES, NAMES, Figures


class LimitInvalid(Exception):
    code: ClassVar[str] = "bad_limit"


@dataclass(frozen=True)
class Limits:
    """By figure: what it must reach, and what it must not pass."""

    at_least: Mapping[str, float]
    at_most: Mapping[str, float]

    @classmethod
    def read(cls, at_least: Iterable[str], at_most: Iterable[str]) -> "Limits":
        """Of texts like top1=0.95. Raises LimitInvalid."""
        return cls(_limits(at_least), _limits(at_most))

    def missed(self, figures: Figures) -> list[str]:
        """Every limit that is not kept. A figure without a single case keeps none."""
        found = []
        for limits, word in ((self.at_least, "below"), (self.at_most, "above")):
            for name, limit in limits.items():
                figure = figures.figure(name)
                if figure is None:
                    found.append(f"{name}: there was no case to compute it over")
                elif (figure < limit) if word == "below" else (figure > limit):
                    found.append(f"{name} {figure:.3f} is {word} {limit:g}")
        return found


def hold(figures: Figures, limits: Limits, others: Sequence[str], as_json: bool) -> None:
    """Exit code 1 when a limit is missed, or anything else is told against the run."""
    if missed := [*limits.missed(figures), *others]:
        raise fail("; ".join(missed), "score_missed", as_json)


def tell(figures: Figures, as_json: bool, more: Mapping[str, Any]) -> None:
    """As JSON with all of `more`; in words with what `more` says of stability and of what was left out."""
    if as_json:
        typer.echo(json.dumps({**figures.told(), **more}))
        return
    counts = figures.counts
    rows = (
        ("top-1", figures.top1, counts["localised"]),
        ("top-3", figures.top3, counts["localised"]),
        ("specificity", figures.specificity, counts["healthy"]),
        ("category", figures.category, counts["categories"]),
        ("AUROC", figures.auroc, figures.cases),
        ("Brier score", figures.brier, figures.cases),
        ("  of a constant", figures.brier_of_a_constant, figures.cases),
    )
    out.print(f"{figures.cases} cases, {counts['healthy']} of them healthy; {figures.abstained} faults named nobody")
    if away := more.get("without"):
        what = f"{away['series']} series of {away['cases']} cases left out (seed {away['seed']})"
        out.print(f"  {what}; of the culprit itself in {away['culprits_hit']}")
    for name, figure, cases in rows:
        out.print(f"  {name:<16} {_shown(figure)}  of {cases}")
    steps = ", ".join(f"{step}: {figures.grades[step]}" for step in GRADES)
    out.print(f"  {'grade':<16} {figures.grade or 0:5.1f}  ({steps})")
    for one in figures.reliability:
        said, right = _shown(one.confidence), _shown(one.right)
        out.print(f"  confidence {one.low:.1f} to {one.high:.1f}: said {said}, right {right}  of {one.cases}")
    if more.get("repeat", 1) > 1:
        times = more["repeat"]
        out.print(f"  stability        {more['stable']} of {figures.cases} cases gave {times}/{times} equal answers")


def _limits(texts: Iterable[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, limit in map(_limit, texts):
        if name in found:
            raise LimitInvalid(f"{name} has two limits: {found[name]:g} and {limit:g}")
        found[name] = limit
    return found


def _limit(text: str) -> tuple[str, float]:
    name, sign, number = text.partition("=")
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not sign or name not in NAMES or not math.isfinite(limit):  # nothing is ever below NaN
        raise LimitInvalid(f"{text!r} is no limit: one of {', '.join(NAMES)}, then = and a number")
    return name, limit


def _shown(figure: float | None) -> str:
    return "  n/a" if figure is None else f"{figure:5.3f}"
