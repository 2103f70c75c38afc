"""House: a running home as the tests see it: its API, its world, its queues, its workers' pids, its command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from resilibot.local.aws import clients_at
from resilibot.local.client import ApiClient
from resilibot.local.drill import DrillReport, Watcher, follow, known_incidents
from resilibot.local.home import Home, HomePlan
from resilibot.local.home_file import HomeFile
from resilibot.local.world.client import WorldClient
from tests.support.receiver import SECRET, Receiver, receiving

AGE_S = 18  # of a home before its first fault: as far as the baseline reaches before its alarm
HEALTHY_S = 10  # before any further one: the baseline leaves out earlier trouble by itself


@dataclass
class House:
    file: HomeFile
    receiver: Receiver | None = None
    started: float = field(default_factory=time.monotonic)
    _open: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def api(self) -> ApiClient:
        return self._open.enter_context(closing(ApiClient(self.file)))

    @cached_property
    def world(self) -> WorldClient:
        return self._open.enter_context(closing(WorldClient(str(self.file.world))))

    @cached_property
    def client(self) -> Callable[[str], Any]:
        """AWS clients of this home, by service name."""
        return self._open.enter_context(clients_at(self.file.endpoint))

    def close(self) -> None:
        self._open.close()

    def pid(self, worker: str) -> int:
        return int((self.file.run_dir / f"{worker}.pid").read_text())

    def kill(self, worker: str) -> int:
        """kill -9; returns the pid that died."""
        pid = self.pid(worker)
        os.kill(pid, signal.SIGKILL)
        return pid

    def cli(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The resilibot command against this home."""
        env = {**os.environ, "RESILIBOT_HOME": str(self.file.state_dir)}
        command = [sys.executable, "-m", "resilibot.local.cli", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    def cli_json(self, *arguments: str) -> Any:
        done = self.cli(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def warm_up(self) -> None:
        until(lambda: time.monotonic() - self.started >= AGE_S, AGE_S + 1, "some history")
        until(lambda: self.world.state()["healthy_for_s"] >= HEALTHY_S, 60, "a healthy world")
        until(lambda: not self.firing(), 120, "no alarm that still fires")

    def firing(self) -> list[str]:
        """Alarms that the emulator holds to be in ALARM. Injected before they are over, a fault would raise none."""
        answer = self.client("cloudwatch").describe_alarms(StateValue="ALARM")
        return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]

    def drill(
        self,
        name: str,
        *,
        on_event: Callable[[Mapping[str, Any]], None] = lambda _: None,
        approve: bool | None = True,
        timeout_s: float = 90,
        injected: Callable[[], None] = lambda: None,
    ) -> DrillReport:
        """Inject a fault and follow its incident to the end; the fault is always undone."""
        self.warm_up()
        before = known_incidents(self.api)
        at = datetime.now(UTC)
        self.world.inject(name)
        try:
            injected()
            watcher = Watcher(on_event, lambda request, case: approve)
            return follow(self.api, watcher, drill=name, before=before, injected_at=at, timeout_s=timeout_s)
        finally:
            self.world.undo(name)

    def starts(self) -> list[dict[str, Any]]:
        """Every start of every patient, by the hosts' own journals."""
        hosts = self.world.state()["hosts"].values()
        return [line for host in hosts for line in host["journal"]]

    def alarm(self, name: str, *, service: str = "billing", metric: str = "Failures", state: str = "ALARM") -> str:
        """Publish a CloudWatch alarm notification of an otherwise unknown service. Returns its message id."""
        message = {
            "AlarmName": name,
            "AWSAccountId": "000000000000",
            "NewStateValue": state,
            "NewStateReason": "Threshold crossed",
            "StateChangeTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+0000"),
            "Region": "us-east-1",
            "Trigger": {
                "MetricName": metric,
                "Namespace": "Test",
                "Statistic": "AVERAGE",
                "Period": 60,
                "Threshold": 1.0,
                "ComparisonOperator": "GreaterThanThreshold",
                "Dimensions": [{"name": "Service", "value": service}],
            },
        }
        sent = self.client("sns").publish(TopicArn=self.file.alarm_topic_arn, Message=json.dumps(message))
        message_id: str = sent["MessageId"]
        return message_id

    def repeat(self, incident_id: str, times: int) -> None:
        """Publish the alarm that opened this incident again, `times` times, as fast as SNS takes it."""
        signal = self.api.get(f"/incidents/{incident_id}/events")["events"][0]["envelope"]["data"]["signal"]
        metric = signal["metric"]
        message = {
            "AlarmName": signal["name"],
            "AWSAccountId": signal["resource"]["account"],
            "NewStateValue": "ALARM",
            "StateChangeTime": "2026-11-24T12:00:00.000+0000",
            "Region": signal["resource"]["region"],
            "Trigger": {
                "MetricName": metric["name"],
                "Namespace": metric["namespace"],
                "Period": metric["period_s"],
                "Dimensions": [{"name": k, "value": v} for k, v in metric["dimensions"].items()],
            },
        }
        for start in range(0, times, 10):
            entries = [{"Id": str(i), "Message": json.dumps(message)} for i in range(start, min(start + 10, times))]
            self.client("sns").publish_batch(TopicArn=self.file.alarm_topic_arn, PublishBatchRequestEntries=entries)

    def open_incident(self, service: str) -> str | None:
        """The one incident of this service that is not over."""
        rows = [row for row in self.incidents_of(service) if row["status"] not in ("RESOLVED", "CLOSED")]
        return str(rows[0]["incident_id"]) if rows else None

    def incidents_of(self, service: str) -> list[dict[str, Any]]:
        rows = self.api.get("/incidents", limit=100)["incidents"]
        return [row for row in rows if row["service"] == service]


@contextmanager
def living_in(plan: HomePlan, *, is_told: bool = True) -> Iterator[House]:
    """A home made by `plan`, with short pauses between drills and, if `is_told`, a webhook that is told everything."""
    with receiving() as receiver:
        webhook = {
            "RESILIBOT_WEBHOOK_URL": receiver.url,
            "RESILIBOT_WEBHOOK_SECRET": SECRET,
            "RESILIBOT_WEBHOOK_ALLOW_LOOPBACK": "true",
        }
        settings = {
            "RESILIBOT_COOLDOWN_S": "1",
            "RESILIBOT_QUIET_PERIOD_S": "2",
            **(webhook if is_told else {}),
            **plan.settings,
        }
        with Home(replace(plan, settings=settings)) as file, closing(House(file, receiver)) as house:
            yield house


def until(condition: Callable[[], Any], within_s: float, what: str, every_s: float = 0.1) -> Any:
    """Poll to a deadline; the last value when it passes is told."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {within_s} s (last: {value!r})")
        time.sleep(every_s)
