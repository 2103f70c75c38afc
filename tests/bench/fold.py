"""fold: a million events from an export file into every read model, on two cores, one stream in memory at a time.

python -m tests.bench.fold [--events 1000000] [--processes 2] [--length 30] [--file PATH]

An export file holds one stored body a line, streams one after the other, each from its first event. The digest over
all states is the same for any number of processes: it is the sum of the streams' own, modulo 2^256.
"""

import argparse
import hashlib
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from resilibot.contracts.canonical import GENESIS, canonical
from resilibot.contracts.envelope import chain
from resilibot.projections.project import fold_view
from tests.support.synthetic import bodies

FIRST = b',"version":1}\n'  # how a stream's first line ends: version is the last key of a canonical body


def export(path: Path, events: int, length: int) -> None:
    """Write synthetic streams of `length` events, `events` in all."""
    with path.open("wb", buffering=1 << 20) as file:
        for number, start in enumerate(range(0, events, length)):
            for body in bodies(number, min(length, events - start)):
                file.write(body + b"\n")


def parts(path: Path, count: int) -> list[tuple[int, int]]:
    """Byte ranges of about the same size, each from the first line of a stream."""
    size = path.stat().st_size
    cuts = [0]
    with path.open("rb") as file:
        for number in range(1, count):
            file.seek(size * number // count)
            file.readline()
            while (line := file.readline()) and not line.endswith(FIRST):
                pass
            cuts.append(file.tell() - len(line))
    return list(zip(cuts, [*cuts[1:], size], strict=True))


def fold_part(path: Path, start: int, end: int) -> dict[str, Any]:
    """Fold the streams of one byte range. Peak memory is that of this whole process."""
    began = time.process_time()
    streams = events = total = 0
    for stream in _streams(path, start, end):
        log = chain(GENESIS, stream)
        states = fold_view(log[0].stream, log).states()
        total += int.from_bytes(hashlib.sha256(canonical([log[-1].hash, states])).digest(), "big")
        streams, events = streams + 1, events + len(log)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu_s = time.process_time() - began
    return {"streams": streams, "events": events, "digest": total, "peak_mb": peak_kb / 1024, "cpu_s": cpu_s}


def fold_file(path: Path, processes: int) -> dict[str, Any]:
    """Fold an export file side by side."""
    began = time.perf_counter()
    with ProcessPoolExecutor(processes) as pool:
        done = [future.result() for future in [pool.submit(fold_part, path, *part) for part in parts(path, processes)]]
    seconds = time.perf_counter() - began
    events = sum(part["events"] for part in done)
    return {
        "events": events,
        "streams": sum(part["streams"] for part in done),
        "processes": processes,
        "seconds": round(seconds, 1),
        "cpu_s": round(sum(part["cpu_s"] for part in done), 1),
        "events_per_s": round(events / seconds),
        "peak_mb_per_process": round(max(part["peak_mb"] for part in done), 1),
        "digest": f"{sum(part['digest'] for part in done) % 2**256:064x}",
    }


def _streams(path: Path, start: int, end: int) -> Iterator[list[bytes]]:
    stream: list[bytes] = []
    with path.open("rb", buffering=1 << 20) as file:
        file.seek(start)
        at = start
        for line in file:
            if at >= end:
                break
            at += len(line)
            if line.endswith(FIRST) and stream:
                yield stream
                stream = []
            stream.append(line[:-1])
    if stream:
        yield stream


def main(events: int, processes: int, length: int, path: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = path or Path(folder) / "export.jsonl"
        if not file.exists():
            began = time.perf_counter()
            export(file, events, length)
            print(json.dumps({"export_s": round(time.perf_counter() - began, 1), "bytes": file.stat().st_size}))
        print(json.dumps(fold_file(file, processes)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--length", type=int, default=30, help="events per stream")
    parser.add_argument("--file", type=Path, help="an export to fold (written when it does not exist)")
    given = parser.parse_args()
    main(given.events, given.processes, given.length, given.file)
