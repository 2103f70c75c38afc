"""time travel: `?at=` on incidents of a thousand events, over HTTP, from a real API process and the emulator.

The events lie in a store of their own that nobody relays, one commit each, as in life. Warm: the API has seen the
incident before and reads only what is new. Cold: the first question about an incident.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

import psutil

from resilibot.contracts.event import format_time
from resilibot.local.aws import clients_at, emulator_env
from resilibot.local.client import ApiClient, ApiError
from resilibot.local.emulators import make_emulator
from resilibot.local.home import LOCAL_SETTINGS, seed
from resilibot.local.home_file import HomeFile
from resilibot.local.ports import free_port
from resilibot.local.processes import minimal_env, spawn, stop
from resilibot.projections.tables import definitions
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.tables import Tables
from tests.support.house import until
from tests.support.story import NOON
from tests.support.synthetic import OPENED_EVERY_S, append_synthetic, incident_id

EVENTS = 1000
COLD = 8
WARM = 200


def figures(folder: Path) -> dict[str, float]:
    """Milliseconds per request; versions and moments in turn, at random places."""
    random = Random(201)
    with _serving(folder) as (api, store, cpu_s):
        for number in range(COLD):
            append_synthetic(store, number, EVENTS, commit=1)
        cold = [_ask(api, number, str(random.randint(EVENTS // 2, EVENTS))) for number in range(COLD)]
        warm = []
        before_s = cpu_s()
        for turn in range(WARM):
            place = random.randint(1, EVENTS)
            moment = NOON + timedelta(seconds=OPENED_EVERY_S + place - 1)
            warm.append(_ask(api, 1, str(place) if turn % 2 else format_time(moment)))
        warm_cpu_ms = 1000 * (cpu_s() - before_s) / WARM
    return {
        "events": EVENTS,
        "warm_p50_ms": round(median(warm)),
        "warm_p95_ms": round(quantiles(warm, n=20)[-1]),
        "warm_api_cpu_ms": round(warm_cpu_ms, 1),
        "cold_p50_ms": round(median(cold)),
        "cold_max_ms": round(max(cold)),
    }


def _ask(api: ApiClient, number: int, at: str) -> float:
    began = time.perf_counter()
    case = api.get(f"/incidents/{incident_id(number)}", at=at)
    took_ms = 1000 * (time.perf_counter() - began)
    assert case["version"] == int(at) if at.isdecimal() else case["version"] >= 1
    return took_ms


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[ApiClient, DynamoEventStore, Callable[[], float]]]:
    """An API process over an emulator that holds nothing but tables, secrets and what the store is given.

    The third value gives the CPU seconds that the API process has used.
    """
    emulator = make_emulator("ministack", folder / "emulator")
    emulator.install()
    endpoint = emulator.start()
    (folder / "run").mkdir(parents=True)
    env = {**emulator_env(endpoint), **LOCAL_SETTINGS}
    api = f"http://127.0.0.1:{free_port()}"
    home = HomeFile(state_dir=folder, pid=0, emulator="ministack", endpoint=endpoint, api=api, env=env)
    home.write()
    process: Any = None
    try:
        with clients_at(endpoint) as client:
            for definition in [*Tables().definitions(), *definitions()]:
                client("dynamodb").create_table(**definition)
            seed(client, folder)
            argv = [sys.executable, "-m", "resilibot.local.api", str(folder)]
            process = spawn(argv, folder / "logs" / "api.log", {**minimal_env(), **env})
            asking = ApiClient(home)
            until(lambda: _answers(asking), 30, "the API")
            yield asking, DynamoEventStore(client("dynamodb"), Tables()), lambda: _cpu_s(process.pid)
            asking.close()
    finally:
        if process is not None:
            stop(process)
        emulator.stop()


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _answers(api: ApiClient) -> bool:
    try:
        return bool(api.get("/health"))
    except ApiError:
        return False
