"""requests: AWS API requests that one incident costs, by worker and operation. Counted as sent, retries too.

Polls that bring nothing are idleness: they are given apart, per second. The world's own calls are not counted.
`python -m tests.bench.requests [--runs N]` prints the figures without a channel, N drills of each kind, one JSON line
each with every worker's operations.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

from resilibot.local.home import HomePlan
from tests.support.house import House, living_in

SETTLE_S = 4.0  # the last projections, cursors and timers of the incident


def of_drill(house: House, drill: str) -> dict[str, object]:
    """Requests of one whole drill, from the fault to the postmortem and a little after."""
    house.warm_up()
    before, idle_before, started = *_counts(house), time.monotonic()
    report = house.drill(drill)
    time.sleep(SETTLE_S)
    after, idle_after, ended = *_counts(house), time.monotonic()
    spent = after - before
    by_service: Counter[str] = Counter()
    by_worker: Counter[str] = Counter()
    for (worker, operation), number in spent.items():
        by_service[operation.split(".")[0]] += number
        by_worker[worker] += number
    idle = sum((idle_after - idle_before).values()) / (ended - started)
    return {
        "drill": drill,
        "events": len(report.timeline),
        "requests": sum(spent.values()),
        "by_aws_service": dict(by_service.most_common()),
        "by_worker": dict(by_worker.most_common()),
        "by_operation": {f"{worker} {operation}": number for (worker, operation), number in spent.most_common()},
        "idle_requests_per_s": round(idle, 1),
    }


def _counts(house: House) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """Calls and idle polls by (worker, operation). The API worker serves us, not the incident, and is left out."""
    time.sleep(0.6)
    calls: Counter[tuple[str, str]] = Counter()
    idle: Counter[tuple[str, str]] = Counter()
    for path in house.file.run_dir.glob("*.requests.json"):
        worker = path.name.split(".")[0]
        if worker == "api":
            continue
        counted = json.loads(path.read_text())
        calls.update({(worker, name): number for name, number in counted["calls"].items()})
        idle.update({(worker, name): number for name, number in counted["idle"].items()})
    return calls, idle


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder, living_in(HomePlan(Path(folder)), is_told=False) as house:
        for drill in ("hung-worker", "bad-deploy") * runs:
            print(json.dumps(of_drill(house, drill)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1)
    main(parser.parse_args().runs)
