"""runner: many seeds on several processes, and what they came to."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.simulation.properties import violations
from tests.simulation.run import Run

CHUNK = 25


@dataclass
class Tally:
    """Sums over runs. `ways`: hashes of all choices of the adversary and of all events; `cpu_s` of the workers."""

    runs: int = 0
    events: int = 0
    incidents: int = 0
    steps: int = 0
    cpu_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    ways: set[str] = field(default_factory=set)
    failures: list[tuple[int, list[str]]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.runs += other.runs
        self.events += other.events
        self.incidents += other.incidents
        self.steps += other.steps
        self.cpu_s += other.cpu_s
        self.faults += other.faults
        self.ends += other.ends
        self.ways |= other.ways
        self.failures += other.failures


def run_seeds(seeds: Sequence[int]) -> Tally:
    logging.disable(logging.CRITICAL)  # crashes are the point here
    tally = Tally()
    began = time.process_time()
    for seed in seeds:
        run = Run(seed).play()
        found = violations(run)
        if found:
            tally.failures.append((seed, found))
        tally.runs += 1
        tally.steps += run.steps
        tally.events += sum(head.version for head in run.store.heads())
        tally.faults.update(fault.kind for fault in run.adversary.faults)
        tally.ways.add(run.adversary.interleaving + run.digest())
        for stream in run.incidents():
            case = run.case(stream)
            tally.incidents += 1
            tally.ends[f"{case.status}{', escalated' if case.escalated else ''}"] += 1
    tally.cpu_s = time.process_time() - began
    return tally


def simulate(seeds: Sequence[int], processes: int) -> Iterable[Tally]:
    """A tally per chunk, as they come."""
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    if processes == 1:
        yield from map(run_seeds, chunks)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_seeds, chunks)
