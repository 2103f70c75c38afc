"""fixture_folder: fixtures as cases in a folder that `resilibot eval diagnose` reads, and each tried before it is kept.

    truth.jsonl                     a line for each
    incidents/<id>/incident.json
    incidents/<id>/observed.json

FixtureExists   the folder has a case of that id, which is never written over
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from resilibot.contracts import events as e
from resilibot.local.answers import said_by
from resilibot.local.diagnosis_eval import read_truth
from resilibot.local.fixture import Fixture, headline
from resilibot.local.incident_folder import IncidentFolder
from resilibot.local.observed_round import OBSERVED, told_as
from resilibot.local.scoring import GRADES, grade
from resilibot.reason.diagnose import diagnose

TRUTH = "truth.jsonl"


class FixtureExists(Exception):
    code: ClassVar[str] = "fixture_exists"


@dataclass(frozen=True)
class Trial:
    """What today's reasoner makes of a fixture, as it is read from its files, and how that is graded."""

    reached: e.DiagnosisReachedV1
    grade: int

    @property
    def passes(self) -> bool:
        return self.grade == GRADES[0]


def tried(fixture: Fixture) -> Trial:
    """By the very files, in a folder of its own that does not stay."""
    with TemporaryDirectory() as folder:
        add(Path(folder), fixture)
        (incident,) = IncidentFolder(Path(folder)).read()
        truth = read_truth(Path(folder) / TRUTH)[fixture.incident_id]
    reached = diagnose(incident.case, incident.gathered)
    return Trial(reached, grade(said_by(reached, incident.gathered.items), truth))


def add(folder: Path, fixture: Fixture) -> list[Path]:
    """Write it beside what is there; returns the new files. Its truth comes last: a case without one is no result.

    The files come all at once; where a case was left without its truth, the same case gets it now.

    Raises FixtureExists, TruthInvalid, OSError.
    """
    place, truths = folder / "incidents" / fixture.incident_id, folder / TRUTH
    written = {"incident.json": _pretty(fixture.incident), OBSERVED: _pretty(told_as(fixture.observed))}
    is_left = place.exists() and _holds(place, written)
    is_told = truths.exists() and fixture.incident_id in read_truth(truths)
    if is_told or (place.exists() and not is_left):
        raise FixtureExists(f"{folder} has a case {fixture.incident_id} already: nothing is written over it")
    if not is_left:
        _place(place, written)
    _append(truths, json.dumps(fixture.truth, ensure_ascii=False))
    return [place / name for name in written]


def _place(place: Path, written: Mapping[str, str]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=place.parent.parent) as beside:
        whole = Path(beside) / place.name
        whole.mkdir()
        for name, text in written.items():
            (whole / name).write_text(text, encoding="utf-8")
        whole.rename(place)


def _holds(place: Path, written: Mapping[str, str]) -> bool:
    files = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    return files == {name: text.encode() for name, text in written.items()}


def same_headline(fixture: Fixture, trial: Trial) -> bool:
    return headline(trial.reached) == headline(fixture.recorded)


def _append(truths: Path, line: str) -> None:
    with truths.open("a+", encoding="utf-8") as file:
        file.seek(0)
        told = file.read()
        file.write(("" if not told or told.endswith("\n") else "\n") + line + "\n")


def _pretty(told: Mapping[str, Any]) -> str:
    """For people and for diffs; the same data gives the same bytes."""
    return json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
