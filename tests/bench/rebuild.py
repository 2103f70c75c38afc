"""A rebuild of many incidents on the embedded emulator: killed with -9 half way, resumed, equal to the live ones.

python -m tests.bench.rebuild [--incidents 10000] [--length 30]
"""

import argparse
import hashlib
import json
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from resilibot.contracts.canonical import canonical
from resilibot.local.aws import clients_at
from resilibot.local.emulators import make_emulator
from resilibot.projections.tables import MODELS
from tests.support.rebuild_ground import Ground
from tests.support.synthetic import append_synthetic, stream_of


def main(incidents: int, length: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="resilibot-rebuild-"))
    emulator = make_emulator("ministack", folder / "ministack")
    emulator.install()
    with clients_at(emulator.start()) as client:
        try:
            ground = Ground(client, client("dynamodb").meta.endpoint_url, folder)
            _measure(ground, incidents, length)
        finally:
            emulator.stop()


def _measure(ground: Ground, incidents: int, length: int) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(
            lambda n: ground.publish(append_synthetic(ground.store, n, length), length - 1), range(incidents)
        ):
            pass
    print(f"{incidents} incidents, {incidents * length} events stored and shown in {time.monotonic() - began:.0f} s")
    live = _digest(ground, incidents)
    began = time.monotonic()
    killed = ground.command("rebuild", "--json")
    assert killed.stderr is not None
    for line in killed.stderr:
        done = json.loads(line)["streams"]
        if done >= incidents // 2:
            killed.send_signal(signal.SIGKILL)
            print(f"killed with -9 at {done} streams, after {time.monotonic() - began:.0f} s")
            break
    killed.communicate()
    began = time.monotonic()
    resumed = ground.command("rebuild", "--json")
    printed, complaints = resumed.communicate()
    if resumed.returncode:
        raise SystemExit(complaints)
    report = json.loads(printed)
    print(
        f"resumed: {report['folded_now']} of {report['streams']} streams folded now, {report['events']} events,"
        f" in {time.monotonic() - began:.0f} s; live now: {report['live']}"
    )
    time.sleep(1.1)  # the age of this reader's names
    is_equal = _digest(ground, incidents) == live
    print(f"rebuilt equals live, byte for byte: {is_equal}")
    if not (is_equal and report["resumed"]):
        raise SystemExit(1)


def _digest(ground: Ground, incidents: int) -> str:
    """Of every row that is shown of every incident."""
    digest = hashlib.sha256()
    for number in range(incidents):
        stream = stream_of(number)
        shown = {model: ground.models.get(model, stream) for model in MODELS["incident"]}
        if not all(shown.values()):
            raise SystemExit(f"{stream} is not shown")
        digest.update(canonical(shown))
    return digest.hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--length", type=int, default=30)
    given = parser.parse_args()
    main(given.incidents, given.length)
