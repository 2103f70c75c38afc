"""diagnosis_eval: what the reason service answers for one recorded incident, as one line of an evaluation.

The path is production's: `diagnose`, the same function that the live service calls for a round of evidence. The line
only retells its DiagnosisReached; nothing is judged here but against a file of truths.

CasesInvalid
├── TruthInvalid    a line of the truth is none; the message names it
└── NotTheSame      other cases ran than the truth tells of
"""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from resilibot.contracts import events as e
from resilibot.contracts.evidence import Finding
from resilibot.local.answers import category_of, said_by
from resilibot.local.incident_folder import RecordedIncident
from resilibot.local.scoring import Said, Truth
from resilibot.reason.diagnose import diagnose

MOST = 10  # suspects in a line


def answer(incident: RecordedIncident, *, abstain: bool) -> dict[str, Any]:
    """{"id", "ranked", "confidence", "fault_class", "category", "summary", "citations"} of one incident.

    With `abstain`, `ranked` is empty unless a suspect leads; without, the suspects are always named.
    """
    reached = diagnose(incident.case, incident.gathered)
    suspects = [h for h in reached.hypotheses if h.fault_class is not None]
    first = suspects[0] if suspects else None
    confidence = first.confidence if first else reached.confidence
    leading = reached.leading
    if first and abstain and leading not in suspects:
        suspects, first, confidence = [], None, 1 - confidence
    leading = leading or first
    told = [*leading.support, *leading.refutation] if leading else _otherwise(reached)
    return {
        "id": incident.id,
        "ranked": list(dict.fromkeys(h.component for h in suspects))[:MOST],
        "confidence": round(confidence, 4),
        "fault_class": first.fault_class if first else "none",
        "category": category_of(reached),
        "summary": reached.summary,
        "citations": _files(incident, told),
    }


def said(incident: RecordedIncident) -> Said:
    """What it answers, to be scored."""
    return said_by(diagnose(incident.case, incident.gathered), incident.gathered.items)


def stable(incident: RecordedIncident, times: int) -> int:
    """How many of `times` answers are the same when the evidence comes in another order each time; the first as it is.

    The orders follow from the incident's id, so that a run repeats.
    """
    wanted = said(incident)
    shuffled = random.Random(incident.id)
    same = 1
    for _ in range(times - 1):
        items, gaps = list(incident.gathered.items), list(incident.gathered.gaps)
        shuffled.shuffle(items)
        shuffled.shuffle(gaps)
        gathered = incident.gathered.model_copy(update={"items": items, "gaps": gaps})
        same += said(replace(incident, gathered=gathered)) == wanted
    return same


class CasesInvalid(Exception):
    code: ClassVar[str] = "cases_invalid"


class TruthInvalid(CasesInvalid):
    code = "truth_invalid"


class NotTheSame(CasesInvalid):
    code = "not_the_same_cases"


def read_truth(path: Path) -> dict[str, Truth]:
    """By incident id. JSON lines: {"id", "healthy", "service", "cause", "fault_class", "category"}, absent: not told.

    Other fields are for people. Raises TruthInvalid.
    """
    found: dict[str, Truth] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TruthInvalid(f"{path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            identifier, is_healthy = told["id"], told["healthy"]
            words = {name: told.get(name) for name in ("service", "cause", "fault_class", "category")}
            if not isinstance(is_healthy, bool) or not all(v is None or isinstance(v, str) for v in words.values()):
                raise ValueError("healthy is true or false, the others are texts")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TruthInvalid(f"{path}:{number}: {error!r}") from error
        if identifier in found:
            raise TruthInvalid(f"{path}:{number}: {identifier} stands there twice")
        component = None if is_healthy else words.pop("service")
        words.pop("service", None)
        found[identifier] = Truth(is_healthy, component, **words)
    return found


def matched(answered: Mapping[str, Said], truths: Mapping[str, Truth]) -> list[tuple[Said, Truth]]:
    """Each answer with its truth. Raises NotTheSame where one has no other: nothing that was skipped is a result."""
    unanswered, untold = sorted(truths.keys() - answered.keys()), sorted(answered.keys() - truths.keys())
    if unanswered or untold or not answered:
        what = [f"{len(answered)} cases ran, {len(truths)} are in the truth"]
        what += [f"did not run: {', '.join(unanswered[:5])}"] if unanswered else []
        what += [f"without truth: {', '.join(untold[:5])}"] if untold else []
        raise NotTheSame("; ".join(what))
    return [(answered[identifier], truths[identifier]) for identifier in sorted(answered)]


def _otherwise(reached: e.DiagnosisReachedV1) -> list[Finding]:
    """What an answer without a cause rests on: what is well, else what was weighed and not believed."""
    return reached.findings or [f for h in reached.hypotheses[:1] for f in (*h.support, *h.refutation)]


def _files(incident: RecordedIncident, found: list[Finding]) -> list[str]:
    cited = (incident.files.get(citation.evidence_id) for finding in found for citation in finding.citations)
    return list(dict.fromkeys(file for file in cited if file))
