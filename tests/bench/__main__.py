"""python -m tests.bench [--emulator localstack] [--incidents N]: print all figures of one run, as JSON lines."""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from resilibot.local.home import HomePlan
from tests.bench import appends, diagnosis, fold, imports, latency, library, requests, time_travel
from tests.support.house import living_in

FOLDED = 100_000  # python -m tests.bench.fold folds a million


def say(name: str, figures: Any) -> None:
    print(json.dumps({name: figures}), flush=True)


def main(emulator: Any, incidents: int) -> None:
    if emulator == "ministack":
        say("import CPU", imports.ratios())
        say("one diagnosis, by nodes of the call graph", diagnosis.figures())
        say("one search for a runbook", diagnosis.retrieval())
        say("fold, against the eventsourcing library's in memory", library.ratio())
        with tempfile.TemporaryDirectory() as folder:
            say("?at= over HTTP", time_travel.figures(Path(folder)))
            export = Path(folder) / "export.jsonl"
            fold.export(export, FOLDED, length=30)
            say("fold from an export file", fold.fold_file(export, processes=2))
    with tempfile.TemporaryDirectory() as folder, living_in(HomePlan(Path(folder), emulator)) as house:
        for drill in ("hung-worker", "bad-deploy"):
            say("AWS requests, webhook told", requests.of_drill(house, drill))
    with tempfile.TemporaryDirectory() as folder, living_in(HomePlan(Path(folder), emulator), is_told=False) as house:
        say("append, 1 thread", appends.ratio(house, 1))
        say("append, 8 threads", appends.ratio(house, 8, each=60))
        for drill in ("hung-worker", "bad-deploy"):
            say("AWS requests, no channel", requests.of_drill(house, drill))
        say("alarm to recovery, one alarm and a hundred", latency.repeated(house, 100))
        house.warm_up()
        say("alarm to diagnosis, one by one", latency.figures(latency.sequential(house, incidents)))
        say("alarm to diagnosis, burst", latency.figures(latency.burst(house, incidents)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--emulator", choices=["ministack", "localstack"], default="ministack")
    parser.add_argument("--incidents", type=int, default=30)
    given = parser.parse_args()
    main(given.emulator, given.incidents)
