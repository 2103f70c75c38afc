"""python -m tests.simulation run --seeds 10000 | replay SEED | mutants: see docs/simulation.md."""

import argparse
import logging
import sys
import time

from tests.simulation.mutants import MUTANTS, hunt
from tests.simulation.properties import violations
from tests.simulation.run import Run
from tests.simulation.runner import Tally, simulate
from tests.simulation.shrink import shrink, tell


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run many seeds and check every property after each")
    run.add_argument("--seeds", type=int, default=1000)
    run.add_argument("--first", type=int, default=0)
    run.add_argument("--processes", type=int, default=2)
    replay = commands.add_parser("replay", help="run one seed twice, compare the bytes, tell its story")
    replay.add_argument("seed", type=int)
    replay.add_argument("--mutant", choices=sorted(MUTANTS))
    mutants = commands.add_parser("mutants", help="plant each bug and count the seeds until a property notices")
    mutants.add_argument("--seeds", type=int, default=500)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.command == "run":
        return run_many(arguments.seeds, arguments.first, arguments.processes)
    if arguments.command == "replay":
        if arguments.mutant:
            with MUTANTS[arguments.mutant]():
                return replay_one(arguments.seed)
        return replay_one(arguments.seed)
    return show_mutants(arguments.seeds)


def run_many(seeds: int, first: int, processes: int) -> int:
    total, began = Tally(), time.monotonic()
    for tally in simulate(range(first, first + seeds), processes):
        total.add(tally)
        for seed, found in tally.failures:
            print(f"seed {seed}: {found[0]}", flush=True)
    took_s = time.monotonic() - began
    print(f"{total.runs} runs in {took_s:.0f} s on {processes} processes: {total.runs / took_s:.1f} runs/s")
    print(
        f"processor time: {1000 * total.cpu_s / total.runs:.0f} ms a run, {total.runs / total.cpu_s:.1f} runs/s a core"
    )
    print(f"{total.incidents} incidents ({60 * total.incidents / took_s:.0f} a minute), {total.events} events")
    print(f"ends: {', '.join(f'{count} {end}' for end, count in total.ends.most_common())}")
    print(f"{sum(total.faults.values())} faults: {', '.join(f'{n} {kind}' for kind, n in total.faults.most_common())}")
    print(f"{len(total.ways)} distinct interleavings")
    print(f"{len(total.failures)} runs with a violation")
    if total.failures:
        story = shrink(total.failures[0][0])
        if story:
            print(tell(story.run, story.found))
    return 1 if total.failures else 0


def replay_one(seed: int) -> int:
    run, again = Run(seed).play(), Run(seed).play()
    is_same = (run.digest(), run.adversary.interleaving) == (again.digest(), again.adversary.interleaving)
    print(f"seed {seed}: events {run.digest()}, played twice: {'the same bytes' if is_same else 'NOT THE SAME'}")
    story = shrink(seed)
    if story is None:
        print(tell(run, violations(run)))
        print("no violation")
        return 0 if is_same else 1
    print(f"shrunk from {len(run.adversary.faults)} faults to {len(story.run.adversary.faults)}")
    print(tell(story.run, story.found))
    return 1


def show_mutants(seeds: int) -> int:
    print("| mutant | found by | after seeds |\n|---|---|---|", flush=True)
    missed = 0
    for name in MUTANTS:
        found = hunt(name, range(seeds))
        missed += found is None
        print(
            f"| {name} | {', '.join(found[1])} | {found[0]} |" if found else f"| {name} | NOT FOUND | {seeds} |",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
