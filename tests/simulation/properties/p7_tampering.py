"""P7: whoever edits, deletes, inserts, swaps or truncates stored events of the run is found, and at that place."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from resilibot.contracts.canonical import link
from resilibot.runtime.event_store.verify import Commit, verify_stream
from tests.simulation.run import Run

Commits = list[Commit]


def _edited(commit: Commit) -> Commit:
    first, *rest = commit.bodies
    body = first.replace(b'"actor"', b'"acted"', 1)
    return replace(commit, bodies=(body, *rest))


def _edit(commits: Commits, at: int) -> Commits:
    return [*commits[:at], _edited(commits[at]), *commits[at + 1 :]]


def _edit_and_redo_the_hash(commits: Commits, at: int) -> Commits:
    edited = _edited(commits[at])
    running = edited.prev_hash
    for body in edited.bodies:
        running = link(running, body)
    return [*commits[:at], replace(edited, hash=running), *commits[at + 1 :]]


def _delete(commits: Commits, at: int) -> Commits:
    return [*commits[:at], *commits[at + 1 :]]


def _insert(commits: Commits, at: int) -> Commits:
    return [*commits[:at], commits[at], *commits[at:]]


def _swap(commits: Commits, at: int) -> Commits:
    other = (at + 1) % len(commits)
    if other == at:
        return _delete(commits, at)
    swapped = list(commits)
    swapped[at] = replace(commits[at], bodies=commits[other].bodies)
    swapped[other] = replace(commits[other], bodies=commits[at].bodies)
    return swapped


def _truncate(commits: Commits, at: int) -> Commits:
    return commits[:at]


TAMPERINGS: tuple[Callable[[Commits, int], Commits], ...] = (
    _edit,
    _edit_and_redo_the_hash,
    _delete,
    _insert,
    _swap,
    _truncate,
)


def tampering_is_found(run: Run) -> Iterator[str]:
    rng = random.Random(f"tamper {run.scenario.seed}")
    for stream in run.incidents():
        head, commits = run.store.head(stream), run.store.commits(stream)
        if head is None:
            continue
        for tamper in TAMPERINGS:
            at = rng.randrange(len(commits))
            if not verify_stream(head, tamper(commits, at)):
                yield f"{stream}: {tamper.__name__.strip('_')} at commit {at} is not found"
