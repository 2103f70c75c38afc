"""faults: what a drill does to the world, and how it is undone. Alarms belong to the world too."""

import time
from collections.abc import Sequence
from typing import Any

from resilibot.local.world.hosts import BAD_RELEASE, HEALTHY_RELEASE, SERVICE, UNIT, Host
from resilibot.local.world.measure import NAMESPACE

RELEASE_RECORD = f"/releases/{SERVICE}"
ALARMS: dict[str, dict[str, Any]] = {
    "checkout-error-rate": {"MetricName": "ErrorRate", "Statistic": "Average", "Threshold": 10.0},
    "checkout-latency": {"MetricName": "LatencyMs", "Statistic": "Average", "Threshold": 150.0},
    # too low a threshold: an ordinary burst of the batch client trips it
    "checkout-queue-depth": {"MetricName": "QueueDepth", "Statistic": "Maximum", "Threshold": 3.0},
}
ALWAYS_ARMED = ("checkout-error-rate", "checkout-latency")
NOISY = "checkout-queue-depth"


class UnknownFault(Exception):
    code = "unknown_fault"


class Faults:
    """Injects and undoes; one fault at a time is the drills' business."""

    def __init__(self, hosts: Sequence[Host], cloudwatch: Any, ssm: Any, alarm_topic: str) -> None:
        self._hosts = hosts
        self._cloudwatch = cloudwatch
        self._ssm = ssm
        self._alarm_topic = alarm_topic
        self.active: dict[str, float] = {}  # since when, monotonic

    def prepare(self) -> None:
        self._record(HEALTHY_RELEASE)
        self.arm(ALWAYS_ARMED)

    def arm(self, names: Sequence[str]) -> None:
        """Create alarms, so that they start to be evaluated."""
        for name in names:
            if name not in ALARMS:
                raise UnknownFault(f"no alarm {name}")
            self._cloudwatch.put_metric_alarm(
                AlarmName=name,
                Namespace=NAMESPACE,
                Dimensions=[{"Name": "Service", "Value": SERVICE}],
                Period=10,
                EvaluationPeriods=1,
                ComparisonOperator="GreaterThanOrEqualToThreshold",
                TreatMissingData="ignore",
                ActionsEnabled=True,
                AlarmActions=[self._alarm_topic],
                OKActions=[self._alarm_topic],
                **ALARMS[name],
            )

    def inject(self, name: str) -> None:
        """Raises UnknownFault."""
        if name == "hung-worker":
            self._hosts[-1].wedge()
        elif name == "bad-deploy":
            self._deploy(BAD_RELEASE)
        elif name == "false-alarm":
            self.arm([NOISY])
        else:
            raise UnknownFault(f"no fault {name}: one of hung-worker, bad-deploy, false-alarm")
        self.active[name] = time.monotonic()

    def undo(self, name: str) -> None:
        """Leave a healthy world, whatever was done meanwhile. Raises UnknownFault."""
        if name not in self.active:
            return
        if name == "hung-worker":
            host = self._hosts[-1]
            if host.pid == self._wedged_pid(host):
                host.restart(UNIT, "drill")
        elif name == "bad-deploy":
            for host in self._hosts:
                if host.release != HEALTHY_RELEASE:
                    host.deploy(HEALTHY_RELEASE, "drill")
            self._record(HEALTHY_RELEASE)
        elif name == "false-alarm":
            self._cloudwatch.delete_alarms(AlarmNames=[NOISY])
        del self.active[name]

    def _deploy(self, release: str) -> None:
        self._record(release)
        for host in self._hosts:
            host.deploy(release, "deploy")

    def _record(self, release: str) -> None:
        self._ssm.put_parameter(Name=RELEASE_RECORD, Value=release, Type="String", Overwrite=True)

    def _wedged_pid(self, host: Host) -> int:
        """The pid that ran when the fault was injected: the last start in the journal, unless restarted since."""
        last = host.journal()[-1]
        return last.pid if last.cause in ("boot", "deploy", "drill") else -1
