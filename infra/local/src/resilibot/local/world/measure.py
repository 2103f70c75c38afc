"""measure: once a second, what really happened goes to CloudWatch as metrics and to Logs as lines."""

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from resilibot.local.world.hosts import SERVICE, Host
from resilibot.local.world.traffic import Counts, Traffic, log_line

log = logging.getLogger(__name__)

NAMESPACE = "Shop"
GROUP = f"/shop/{SERVICE}"
BALANCER = "balancer"


class Measurements:
    """Publishes until stopped; a failing call is logged and the next second goes on."""

    def __init__(self, hosts: Sequence[Host], cloudwatch: Any, logs: Any) -> None:
        self._hosts = hosts
        self._cloudwatch = cloudwatch
        self._logs = logs
        self._lock = threading.Lock()
        self._balancer_lines: list[str] = []
        self._offsets = dict.fromkeys((host.instance_id for host in hosts), 0)
        self._stopping = threading.Event()
        self._traffic: Traffic | None = None

    def note(self, host: Host, message: str) -> None:
        """A line of the balancer's log."""
        with self._lock:
            self._balancer_lines.append(log_line(message))

    def start(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._create_log_streams()
        threading.Thread(target=self._run, daemon=True, name="measure").start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        due = time.monotonic() + 1
        while not self._stopping.wait(max(0, due - time.monotonic())):
            due += 1
            for publish in (self._publish_metrics, self._publish_logs):
                try:
                    publish()
                except (BotoCoreError, ClientError) as error:
                    log.warning("%s failed: %s", publish.__name__, error)

    def _publish_metrics(self) -> None:
        assert self._traffic is not None  # noqa: S101  set by start()
        counts, deepest = self._traffic.take()
        at = datetime.now(UTC)
        whole = Counts()
        data: list[dict[str, Any]] = []
        for host in self._hosts:
            own = counts.get(host.instance_id, Counts())
            whole.requests += own.requests
            whole.errors += own.errors
            whole.latency_ms += own.latency_ms
            data += _metrics("Host", own, at, {"Service": SERVICE, "Host": host.instance_id})
        data += _metrics("", whole, at, {"Service": SERVICE})
        data.append(_datum("QueueDepth", float(deepest), "Count", at, {"Service": SERVICE}))
        self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)

    def _publish_logs(self) -> None:
        for host in self._hosts:
            self._put(host.instance_id, self._new_lines(host))
        with self._lock:
            lines, self._balancer_lines = self._balancer_lines, []
        self._put(BALANCER, lines)

    def _new_lines(self, host: Host) -> list[str]:
        if not host.log.exists():
            return []
        with host.log.open("rb") as file:
            file.seek(self._offsets[host.instance_id])
            raw = file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        self._offsets[host.instance_id] += len(whole)
        return whole.decode("utf-8", "replace").splitlines()

    def _put(self, stream: str, lines: Sequence[str]) -> None:
        if not lines:
            return
        now = int(time.time() * 1000)
        events = sorted(({"timestamp": _at_ms(line, now), "message": line} for line in lines), key=_timestamp)
        self._logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)

    def _create_log_streams(self) -> None:
        exists = self._logs.exceptions.ResourceAlreadyExistsException
        with contextlib.suppress(exists):
            self._logs.create_log_group(logGroupName=GROUP)
        for stream in (*(host.instance_id for host in self._hosts), BALANCER):
            with contextlib.suppress(exists):
                self._logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)


def _metrics(prefix: str, counts: Counts, at: datetime, dimensions: dict[str, str]) -> list[dict[str, Any]]:
    data = [_datum(f"{prefix}Requests", float(counts.requests), "Count", at, dimensions)]
    if counts.requests:
        rate = 100 * counts.errors / counts.requests
        data.append(_datum(f"{prefix}ErrorRate", rate, "Percent", at, dimensions))
        data.append(_datum(f"{prefix}LatencyMs", fmean(counts.latency_ms), "Milliseconds", at, dimensions))
    return data


def _datum(name: str, value: float, unit: str, at: datetime, dimensions: dict[str, str]) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()],
        "Timestamp": at,
        "Value": round(value, 3),
        "Unit": unit,
        "StorageResolution": 1,
    }


def _timestamp(event: dict[str, Any]) -> int:
    at: int = event["timestamp"]
    return at


def _at_ms(line: str, fallback: int) -> int:
    try:
        return int(datetime.fromisoformat(line.split(" ", 1)[0]).timestamp() * 1000)
    except ValueError:
        return fallback
