"""imports: CPU time of a cold import of each service's handler, as a ratio to `import boto3`. Median of five."""

import subprocess
import sys
from statistics import median

from resilibot.local.roster import SERVICES

RUNS = 5
CODE = "import time; t = time.process_time(); import {modules}; print(time.process_time() - t)"


def ratios() -> dict[str, dict[str, float]]:
    """Per service: CPU milliseconds and the ratio to boto3's, measured in turn.

    Handlers import boto3 lazily, at their first call: `ratio_with_boto3` is what a cold start pays in the end.
    """
    boto3 = _cpu_ms("boto3")
    result = {"boto3": {"cpu_ms": round(boto3), "ratio": 1.0}}
    for service in SERVICES:
        handler = f"resilibot.{service.name}.handler"
        alone, whole = _cpu_ms(handler), _cpu_ms(f"{handler}, boto3")
        result[service.name] = {
            "cpu_ms": round(alone),
            "ratio": round(alone / boto3, 2),
            "ratio_with_boto3": round(whole / boto3, 2),
        }
    return result


def _cpu_ms(modules: str) -> float:
    command = [sys.executable, "-c", CODE.format(modules=modules)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(RUNS)]
    return 1000 * median(float(run.stdout) for run in runs)
