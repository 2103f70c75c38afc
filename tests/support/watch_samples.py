"""Write the samples of tests/samples/watch: drawn series with known truth, the same bytes at each run.

`python -m tests.support.watch_samples`

In the layout of recorded incidents (resilibot.local.incident_folder): one baseline of eight days, quarter-hourly, and
windows after it. Truth stands in truth.jsonl.
"""

import gzip
import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[1] / "samples" / "watch"
BEGIN = 1_767_571_200  # 2026-01-05 00:00 UTC, a Monday
PERIOD_S = 900
DAY = 96  # points
DAYS = 8
COLUMNS = "timestamp,service,metric,statistic,value"
Value = Callable[[int], float]
Key = tuple[str, str, str]

LATENCY: Key = ("shop", "latency", "Average")
REQUESTS: Key = ("shop", "requests", "Sum")
ERRORS: Key = ("shop", "errors", "Sum")


def by_day(low: float, high: float, i: int) -> float:
    """Least at midnight, most at noon."""
    return low + (high - low) * (1 - math.cos(2 * math.pi * i / DAY)) / 2


class Shop:
    """The healthy series; each value is drawn once, whoever asks."""

    def __init__(self) -> None:
        rng = random.Random("watch samples")
        count = (DAYS + 2) * DAY
        self._noise = [(rng.gauss(0, 1), rng.gauss(0, 1), rng.random()) for _ in range(count)]

    def value(self, key: Key, i: int) -> float:
        slow, busy, unlucky = self._noise[i]
        if key == LATENCY:
            return by_day(0.08, 0.4, i) * (1 + 0.04 * slow)
        if key == REQUESTS:
            return round(by_day(400, 6000, i) * (1 + 0.03 * busy))
        return float(unlucky > 0.97)  # a stray error now and then


def anomalies() -> Iterator[tuple[str, Key, int, int, Callable[[int, float], float], bool]]:
    """Id, series, first point of the window after the baseline, points, what becomes of a value, healthy."""
    for number, hour in enumerate((1, 5, 9, 13, 18, 22)):
        start = hour * 4
        yield f"quiet-latency-{number}", LATENCY, start, 12, lambda i, v: v, True
        yield f"quiet-requests-{number}", REQUESTS, start, 12, lambda i, v: v, True
        yield f"quiet-errors-{number}", ERRORS, start, 12, lambda i, v: v, True
        yield f"slow-{number}", LATENCY, start, 12, lambda i, v: v + 0.25 if i >= 6 else v, False
        yield f"half-gone-{number}", REQUESTS, start, 12, lambda i, v: v / 2 if i >= 6 else v, False
        yield f"failing-{number}", ERRORS, start, 12, lambda i, v: v + 20 if i >= 6 else v, False
    yield "noon-at-night", LATENCY, 0, 12, lambda i, v: 0.35 if i >= 6 else v, False
    yield "one-spike", LATENCY, 40, 12, lambda i, v: 9.0 if i == 6 else v, True


def exhaustions() -> Iterator[tuple[str, dict[str, Any], int, Value, bool]]:
    """Id, what the watch is, its period, the series, healthy."""
    rng = random.Random("disks")
    noise = [rng.gauss(0, 1) for _ in range(600)]
    disk = {"kind": "exhaustion", "limit": 90, "horizon_h": 12}
    for number, rate in enumerate((0.25, 0.5, 1.0)):  # an hour's quarter
        yield f"filling-{number}", disk, 900, lambda i, rate=rate: 40 + rate * i + 0.3 * noise[i], False
    yield "filling-late", disk, 900, lambda i: 50 + max(0, i - 60) * 0.8 + 0.3 * noise[i], False
    yield "filling-faster", disk, 900, lambda i: 50 + i * i / 300 + 0.3 * noise[i], False
    free = {"kind": "exhaustion", "direction": "down", "limit": 2e9, "horizon_h": 12}
    yield "free-bytes", free, 900, lambda i: 4e10 - 3e8 * i + 1e8 * noise[i], False
    days = {"kind": "exhaustion", "direction": "down", "limit": 14, "horizon_h": 168, "history_h": 480}
    yield "certificate", days, 86400, lambda i: 90.0 - i, False
    yield "certificate-renewed", days, 86400, lambda i: 60.0 - i if i < 35 else 395.0 - i, True
    yield "steady", disk, 900, lambda i: 60 + noise[i], True
    yield "rotated", disk, 900, lambda i: 40 + 4 * (i % 9) + 0.3 * noise[i], True
    yield "one-step", disk, 900, lambda i: (40 if i < 70 else 70) + 0.3 * noise[i], True
    yield "noisy", disk, 900, lambda i: 60 + 8 * noise[i], True
    yield "filled-and-done", disk, 900, lambda i: min(40 + 0.2 * i, 60) + 0.3 * noise[i], True


def main() -> None:
    shop, truth = Shop(), []
    rows = [
        (BEGIN + i * PERIOD_S, key, shop.value(key, i))
        for key in (LATENCY, REQUESTS, ERRORS)
        for i in range(DAYS * DAY)
    ]
    _write(SAMPLES / "baselines" / "shop.csv.gz", rows)
    for name, key, first, count, change, healthy in anomalies():
        begin = DAYS * DAY + first
        window = [
            (BEGIN + i * PERIOD_S, key, change(i - begin, shop.value(key, i))) for i in range(begin, begin + count)
        ]
        alarm_at = BEGIN + (begin + count) * PERIOD_S
        told = {"baseline": "shop", "period_s": PERIOD_S, "watch": {"season": "daily", "history_h": 24 * 7}}
        _incident(name, key, alarm_at, told, window)
        truth.append({"id": name, "healthy": healthy})
    for name, watch, period_s, value, healthy in exhaustions():
        key = ("shop", "left" if watch.get("direction") == "down" else "used", "Average")
        window = [(BEGIN + i * period_s, key, value(i)) for i in range(160 if period_s == 900 else 85)]
        told = {"baseline": None, "period_s": period_s, "watch": watch}
        _incident(name, key, window[-1][0], told, window)
        truth.append({"id": name, "healthy": healthy})
    lines = "".join(json.dumps(row) + "\n" for row in sorted(truth, key=lambda row: str(row["id"])))
    (SAMPLES / "truth.jsonl").write_text(lines)


def _incident(name: str, key: Key, alarm_at: int, told: dict[str, Any], rows: list[tuple[int, Key, float]]) -> None:
    service, metric, statistic = key
    alarm = {"service": service, "metric": metric, "statistic": statistic, "timestamp": alarm_at}
    folder = SAMPLES / "incidents" / name
    folder.mkdir(parents=True, exist_ok=True)
    content = {"id": name, "source": "drawn", "alarm": alarm, **told}
    (folder / "incident.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    _write(folder / "metrics.csv", rows)


def _write(path: Path, rows: list[tuple[int, Key, float]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join([COLUMNS, *(f"{at},{','.join(key)},{value:.6g}" for at, key, value in rows)]) + "\n"
    packed = path.suffix == ".gz"
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if packed else text.encode())


if __name__ == "__main__":
    main()
