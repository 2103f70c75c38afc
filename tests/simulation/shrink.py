"""shrink: from a failing seed to a short story: faults are dropped as long as the same property still fails."""

from dataclasses import dataclass

from tests.simulation.properties import violations
from tests.simulation.run import Run

MOST_RUNS = 400


@dataclass(frozen=True)
class Story:
    """A failing run in which every fault left is needed; `suppressed` replays it."""

    run: Run
    found: list[str]
    suppressed: frozenset[str]
    tried: int


def shrink(seed: int) -> Story | None:
    """None if the seed does not fail."""
    story = _play(seed, frozenset(), 1)
    if story is None:
        return None
    wanted = story.found[0].partition(":")[0]
    size = max(len(story.run.adversary.faults) // 2, 1)
    tried = 1
    while True:
        dropped = False
        keys = [fault.key for fault in story.run.adversary.faults]
        for start in range(0, len(keys), size):
            if tried >= MOST_RUNS:
                return story
            tried += 1
            smaller = _play(seed, story.suppressed | set(keys[start : start + size]), tried)
            if smaller is not None and any(found.startswith(wanted) for found in smaller.found):
                story, dropped = smaller, True
        if size == 1 and not dropped:
            return story
        size = max(size // 2, 1)


def _play(seed: int, suppressed: frozenset[str], tried: int) -> Story | None:
    run = Run(seed, suppressed).play()
    found = violations(run)
    return Story(run, found, suppressed, tried) if found else None


def tell(run: Run, found: list[str]) -> str:
    """The run line by line: what the world was, what went wrong, what was written."""
    scenario = run.scenario
    lines = [f"seed {scenario.seed}, intensity {scenario.intensity}, approvals: {', '.join(scenario.personas)}"]
    for workload in scenario.workloads:
        heals = f", heals by itself after {workload.heals_after_s:.0f} s" if workload.heals_after_s else ""
        helps = "the remedy helps" if workload.is_remedied else "the remedy does not help"
        lines.append(f"  {workload.name}: {workload.trouble} on {len(workload.hosts)} hosts, {helps}{heals}")
    told: list[tuple[str, int, str]] = []
    for number, fault in enumerate(run.adversary.faults):
        told.append((f"{fault.at:%H:%M:%S.%f}", number, f"! {fault.key}"))
    for number, written in enumerate(run.journal.written):
        at = written.appends[0].events[0].envelope.recorded_at
        names = [
            f"{event.stream.partition('#')[0]}:{event.version} {event.type}"
            for a in written.appends
            for event in a.events
        ]
        told.append((f"{at:%H:%M:%S.%f}", 1000 + number, f"  {written.service} wrote {', '.join(names)}"))
    lines += [f"  {at[:-3]} {line}" for at, _, line in sorted(told)]
    lines += [f"=> {violation}" for violation in found]
    return "\n".join(lines)
