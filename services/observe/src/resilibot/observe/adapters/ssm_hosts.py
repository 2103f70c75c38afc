"""SSM managed hosts: who is online, and one read-only health check document over all of them."""

import json
import time
from collections.abc import Callable
from typing import Any

from resilibot.contracts.evidence import StatusContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import SourceFailed, StatusRead
from resilibot.observe.single_flight import SingleFlight

FINAL = frozenset({"Success", "Failed", "TimedOut", "Cancelled", "CompletedWithSuccess", "CompletedWithFailure"})
AT_ONCE = 50  # instances that one command takes


class SsmHosts:
    name = "ssm"

    def __init__(
        self,
        client: Any,
        document: str,
        tag: str,
        probe_s: float,
        wait_s: float,
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._document = document
        self._tag = tag
        self._probe_s = probe_s
        self._wait_s = wait_s
        self._pause = pause
        self._monotonic = monotonic
        self._flights: SingleFlight[list[StatusRead]] = SingleFlight()

    def status(self, service: str, unit: str) -> list[StatusRead]:
        return self._flights.ask((service, unit), lambda: self._ask(service, unit))

    def _ask(self, service: str, unit: str) -> list[StatusRead]:
        hosts = self._online(service)
        online = sorted(host for host, ping in hosts.items() if ping == "Online")
        reports: dict[str, dict[str, Any]] = {}
        for first in range(0, len(online), AT_ONCE):
            reports |= self._health(online[first : first + AT_ONCE], unit)
        reads = []
        for host, ping in sorted(hosts.items()):
            query = {"operation": "StartAutomationExecution", "DocumentName": self._document, "InstanceId": host}
            reads.append(StatusRead(_status(host, ping, unit, reports.get(host)), query))
        return reads

    def _online(self, service: str) -> dict[str, str]:
        filters = [{"Key": f"tag:{self._tag}", "Values": [service]}]
        hosts: dict[str, str] = {}
        with asking(f"DescribeInstanceInformation {filters}"):
            pages = self._client.get_paginator("describe_instance_information").paginate(Filters=filters)
            for page in pages:
                hosts |= {i["InstanceId"]: i["PingStatus"] for i in page["InstanceInformationList"]}
        if not hosts:
            raise SourceFailed("no_data", f"no managed host has the tag {self._tag}={service}")
        return hosts

    def _health(self, hosts: list[str], unit: str) -> dict[str, dict[str, Any]]:
        """One report per host that gave one in time. Of a host that is missing here nothing is known."""
        parameters = {"InstanceIds": hosts, "Unit": [unit], "ProbeSeconds": [f"{self._probe_s:g}"]}
        with asking(f"StartAutomationExecution {self._document} {parameters}"):
            started = self._client.start_automation_execution(DocumentName=self._document, Parameters=parameters)
            command = self._command(started["AutomationExecutionId"])
            pages = self._client.get_paginator("list_command_invocations").paginate(CommandId=command, Details=True)
            invocations = [one for page in pages for one in page["CommandInvocations"]] if command else []
        return {one["InstanceId"]: report for one in invocations if (report := _report(one)) is not None}

    def _command(self, execution_id: str) -> str | None:
        """Id of the command that the execution runs, once it has ended or the time is up; None when it has none."""
        deadline = self._monotonic() + self._wait_s
        wait_s = self._probe_s * 1.2  # nothing can have ended before
        while True:
            self._pause(wait_s)
            answer = self._client.get_automation_execution(AutomationExecutionId=execution_id)
            execution = answer["AutomationExecution"]
            if execution["AutomationExecutionStatus"] in FINAL or self._monotonic() > deadline:
                return next(iter(execution.get("Outputs", {}).get("run.CommandId", [])), None)
            wait_s = min(wait_s * 1.5, 2.0)


def _report(invocation: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON line that the document prints; other text is skipped."""
    for plugin in invocation.get("CommandPlugins", []):
        for line in str(plugin.get("Output", "")).splitlines():
            try:
                report = json.loads(line)
            except ValueError:
                continue
            if isinstance(report, dict) and report.get("instance_id") == invocation["InstanceId"]:
                return report
    return None


def _status(host: str, ping: str, unit: str, report: dict[str, Any] | None) -> StatusContent:
    if ping != "Online":
        return StatusContent(component=host, kind="managed-instance", state=ping.lower(), responds=False, detail={})
    if report is None:
        return StatusContent(
            component=host, kind="unit", state="no_report", responds=None, detail={"unit": unit, "ping": ping}
        )
    responds = report.get("responds")
    return StatusContent(
        component=host,
        kind="unit",
        state=str(report.get("state", "unknown")),
        responds=responds if isinstance(responds, bool) else None,
        detail={key: value for key, value in sorted(report.items()) if key != "instance_id"},
    )
