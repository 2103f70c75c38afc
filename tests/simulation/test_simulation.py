"""The house under a seeded adversary: no property breaks, a seed repeats to the byte, and a failure shrinks."""

import logging
from collections.abc import Iterator

import pytest

from tests.simulation.mutants import MUTANTS, RARE, hunt
from tests.simulation.properties import PROPERTIES, violations
from tests.simulation.run import Run
from tests.simulation.runner import run_seeds
from tests.simulation.shrink import shrink, tell

SEEDS = 120
PART = 20

# Bugs that the simulation found, shrunk: the mutant that brings each back, a seed, and the faults that it takes.
SLEEPER = "stall @ act after append PlanGated+ActionStarted+TargetClaimed #1"
REGRESSIONS = {
    "release_written_again": (6, ["duplicate @ ingest IncidentResolved #1"]),
    "lease_ends_unnoticed": (6, [SLEEPER]),
    "recover_calls_a_refused_repeat_failed": (
        6,
        ["answer_lost @ ResiliBot-RestartService #1", "refused @ ResiliBot-RestartService #2"],
    ),
    "late_release_closes_the_door": (4, ["delay @ ingest IncidentResolved #1"]),
    "call_without_deadline": (
        20192,
        [
            "answer_lost @ ResiliBot-RestartService #1",
            "answer_lost @ ResiliBot-RestartService #2",
            "race @ act before start ResiliBot-RestartService #3",
            "stall @ act before append ActionSucceeded+TargetReleased #1",
        ],
    ),
    "blind_look_sets_the_baseline": (
        8233,
        ["delay @ intake ALARM #1", "delay @ intake ALARM #2", "gap @ metrics of orders #1"],
    ),
}


@pytest.fixture(autouse=True)
def _crashes_are_not_logged() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.feature(206)
@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_no_property_breaks(first: int) -> None:
    tally = run_seeds(range(first, first + PART))
    assert tally.failures == []
    assert len(tally.ways) == PART, "two seeds took the same way"


@pytest.mark.parametrize("name", REGRESSIONS)
def test_what_was_once_found_is_mended(name: str) -> None:
    seed, faults = REGRESSIONS[name]
    assert violations(Run(seed, only=faults).play()) == []
    with {**MUTANTS, **RARE}[name]():
        assert violations(Run(seed, only=faults).play()) != [], "the story no longer reaches the place of the bug"


@pytest.mark.feature(212)
def test_a_seed_repeats_to_the_byte() -> None:
    for seed in range(200, 203):
        one, two = Run(seed).play(), Run(seed).play()
        assert one.digest() == two.digest()
        assert one.adversary.faults == two.adversary.faults
        assert {s: one.store.commits(s) for s in one.incidents()} == {s: two.store.commits(s) for s in two.incidents()}


def test_a_suppressed_fault_moves_no_other() -> None:
    run = next(run for run in (Run(seed).play() for seed in range(100)) if len(run.adversary.faults) > 3)
    last = run.adversary.faults[-1]
    kept = [fault.key for fault in Run(run.scenario.seed, {last.key}).play().adversary.faults]
    assert kept[: len(run.adversary.faults) - 1] == [fault.key for fault in run.adversary.faults[:-1]]


def test_a_failure_shrinks_to_the_faults_that_it_needs() -> None:
    with MUTANTS["causation_not_checked"]():
        failing = next(seed for seed in range(50) if any("P3" in f for f in violations(Run(seed).play())))
        story = shrink(failing)
        assert story is not None
        assert len(story.run.adversary.faults) <= 2, tell(story.run, story.found)
        assert violations(Run(failing, story.suppressed).play()) == story.found
    assert "=> " in tell(story.run, story.found)


FAST = (
    "correlation_leaves_no_word",
    "ack_before_append",
    "effect_without_claim",
    "no_version_condition",
    "projection_skips_gaps",
    "causation_not_checked",
    "mac_not_checked",
    "lease_timer_lost",
    "source_id_forgotten",
    "invented_citations",
    "plan_cites_another_hash",
    "findings_cite_another_hash",
    "decision_by_chance",
    "audit_reads_no_bytes",
    "looks_before_the_start",
    "threshold_is_one_too_high",
)


@pytest.mark.parametrize("name", FAST)
def test_a_planted_bug_is_found(name: str) -> None:
    """All of them: `python -m tests.simulation mutants`."""
    assert hunt(name, range(40)) is not None


def test_every_property_is_broken_by_some_planted_bug() -> None:
    broken: set[str] = set()
    for name in ("no_version_condition", "mac_not_checked", "invented_citations", "decision_by_chance"):
        found = hunt(name, range(40))
        broken |= set(found[1]) if found else set()
    for name in ("audit_reads_no_bytes", "effect_by_whoever_finds_the_claim", "projection_skips_gaps"):
        found = hunt(name, range(40))
        broken |= set(found[1]) if found else set()
    assert broken == set(PROPERTIES)
