"""What the whole house decided under the adversary is decided again from each incident's log alone, or as a fixture."""

import json
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.local.fixture import FixtureRefused, fixture_of
from resilibot.local.fixture_folder import same_headline, tried
from resilibot.local.recorded_log import RecordedLog, of_answer
from resilibot.local.rerun import REASONERS, GateRules, not_asked_again, rerun
from resilibot.runtime.blobs import InMemoryBlobStore
from tests.simulation.house import ACT
from tests.simulation.run import Run

SEEDS = (2, 211, *range(300, 315))  # in 2 a plan came too late, in 211 a signal between evidence and verdict


def log_of(events: tuple[RecordedEvent, ...]) -> RecordedLog:
    rows = [{"body": one.body.decode(), "hash": one.hash} for one in events]
    return of_answer(json.loads(json.dumps({"events": rows})), InMemoryBlobStore())


@pytest.fixture(scope="module")
def logs() -> list[RecordedLog]:
    return [log_of(run.events(stream)) for run in map(_played, SEEDS) for stream in run.incidents()]


def _played(seed: int) -> Run:
    return Run(seed).play()


@pytest.mark.feature(202)
def test_the_same_inputs_give_the_same_decisions(logs: list[RecordedLog]) -> None:
    judged: list[Any] = []
    for log in logs:
        rounds = rerun(log, REASONERS["deterministic"], GateRules(ACT))
        assert [one.differs for one in rounds if one.differs] == [], log.incident_id
        assert not_asked_again(log, rounds) == [], log.incident_id
        judged += [one for one in rounds if one.was_judged]
    assert len(judged) > 40
    kinds = {type(one.verdict[0]) for one in judged} | {type(one.plan[0]) for one in judged}
    assert kinds >= {e.DiagnosisReachedV1, e.IncidentResolvedV1, e.PlanProposedV1, e.NoRemedyFoundV1}
    decisions = {gate.decision for one in judged for gate in one.gate[0] or ()}
    assert decisions >= {"auto", "approval"}


@pytest.mark.feature(211)
def test_every_incident_that_makes_a_fixture_passes_and_is_diagnosed_in_it_as_it_was(logs: list[RecordedLog]) -> None:
    refusals, tries = [], []
    for log in logs:
        try:
            fixture = fixture_of(log)
        except FixtureRefused as refused:
            refusals.append(refused.code)
        else:
            trial = tried(fixture)
            tries.append((log.incident_id, trial.passes, same_headline(fixture, trial)))
    assert [one for one in tries if one[1:] != (True, True)] == []
    assert len(tries) > 10
    assert set(refusals) <= {"not_diagnosed", "merged_away", "truth_unknown"}
