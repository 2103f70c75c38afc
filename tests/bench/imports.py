"""imports: CPU time of a cold import of each service's handler, as a ratio to `import boto3`. Median of five."""

import subprocess
import sys
from statistics import median

from resilibot.local.roster import SERVICES

RUNS = 5
CODE = "import time; t = time.process_time(); import {module}; print(time.process_time() - t)"


def ratios() -> dict[str, dict[str, float]]:
    """Per service: CPU milliseconds and the ratio to boto3's, measured in turn."""
    modules = {service.name: f"resilibot.{service.name}.handler" for service in SERVICES}
    boto3 = _cpu_ms("boto3")
    result = {"boto3": {"cpu_ms": round(boto3), "ratio": 1.0}}
    for name, module in modules.items():
        cpu_ms = _cpu_ms(module)
        result[name] = {"cpu_ms": round(cpu_ms), "ratio": round(cpu_ms / boto3, 2)}
    return result


def _cpu_ms(module: str) -> float:
    command = [sys.executable, "-c", CODE.format(module=module)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(RUNS)]
    return 1000 * median(float(run.stdout) for run in runs)
