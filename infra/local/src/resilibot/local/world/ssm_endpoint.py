"""ssm_endpoint: SSM's wire protocol (JSON 1.1) on loopback, for what no emulator runs; the rest goes to the emulator.

Shapes and error names per botocore's service model of SSM. Parameter Store and every other operation is passed on
byte for byte.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from resilibot.local.world.hosts import SERVICE, Host
from resilibot.local.world.ssm_documents import DocumentMissing, ParametersInvalid
from resilibot.local.world.ssm_executions import Execution, Executions, NoSuchInstance, TokenReused

FORWARDED = ("Content-Type", "X-Amz-Target", "Authorization", "X-Amz-Date", "X-Amz-Security-Token")
SETTLE_S = 0.05  # an invocation is not there right after SendCommand


class SsmError(Exception):
    """An error as SSM models it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class SsmOperations:
    """The operations answered here. Each takes the request's JSON and returns the answer's."""

    def __init__(self, hosts: Sequence[Host], executions: Executions) -> None:
        self._hosts = hosts
        self._executions = executions
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "DescribeInstanceInformation": self._describe,
            "StartAutomationExecution": self._start_automation,
            "GetAutomationExecution": self._get_automation,
            "SendCommand": self._send_command,
            "GetCommandInvocation": self._get_invocation,
            "ListCommands": self._list_commands,
            "ListCommandInvocations": self._list_invocations,
            "CancelCommand": self._cancel,
        }

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Raises SsmError."""
        try:
            return self.operations[operation](request)
        except TokenReused as error:
            raise SsmError("IdempotentParameterMismatch", str(error)) from error
        except NoSuchInstance as error:
            raise SsmError("InvalidInstanceId", str(error)) from error
        except KeyError as error:
            raise SsmError("ValidationException", f"missing: {error}") from error

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = self._hosts
        for one in request.get("Filters", []):
            if one["Key"] == "tag:Service":
                wanted = [host for host in wanted if SERVICE in one["Values"]]
            elif one["Key"] == "InstanceIds":
                wanted = [host for host in wanted if host.instance_id in one["Values"]]
            else:
                wanted = []
        return {"InstanceInformationList": [_instance(host) for host in wanted]}

    def _start_automation(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            execution = self._executions.start_automation(
                request["DocumentName"], request.get("Parameters", {}), request.get("ClientToken")
            )
        except DocumentMissing as error:
            raise SsmError("AutomationDefinitionNotFoundException", str(error)) from error
        except ParametersInvalid as error:
            raise SsmError("InvalidAutomationExecutionParametersException", str(error)) from error
        return {"AutomationExecutionId": execution.id}

    def _get_automation(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._executions.get(request["AutomationExecutionId"])
        if execution is None:
            raise SsmError("AutomationExecutionNotFoundException", request["AutomationExecutionId"])
        answer: dict[str, Any] = {
            "AutomationExecutionId": execution.id,
            "DocumentName": execution.document,
            "AutomationExecutionStatus": execution.status,
            "ExecutionStartTime": execution.started_at,
            "Parameters": execution.parameters,
            "Outputs": {
                "run.CommandId": [execution.id],
                "run.Output": [i.output for i in execution.invocations.values() if i is not None],
            },
        }
        failed = [
            f"{h}: exit code {i.exit_code}: {i.error or i.output}"
            for h, i in execution.invocations.items()
            if i and i.exit_code
        ]
        if execution.ended_at and failed:
            answer["FailureMessage"] = "; ".join(failed)[:4000]
        return {"AutomationExecution": answer}

    def _send_command(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            execution = self._executions.send_command(
                request["DocumentName"],
                request.get("InstanceIds", []),
                request.get("Parameters", {}),
                request.get("Comment", ""),
            )
        except DocumentMissing as error:
            raise SsmError("InvalidDocument", f"{error} is not on the list of allowed documents") from error
        except ParametersInvalid as error:
            raise SsmError("InvalidParameters", str(error)) from error
        return {"Command": _command(execution)}

    def _get_invocation(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._executions.get(request["CommandId"])
        is_young = execution is not None and time.time() - execution.started_at < SETTLE_S
        if execution is None or is_young or request["InstanceId"] not in execution.invocations:
            raise SsmError("InvocationDoesNotExist", request["CommandId"])
        return _invocation(execution, request["InstanceId"])

    def _list_commands(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request.get("CommandId")
        return {"Commands": [_command(e) for e in self._executions.all() if wanted in (None, e.id)]}

    def _list_invocations(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request.get("CommandId")
        found = [e for e in self._executions.all() if wanted in (None, e.id)]
        invocations = [_invocation(e, i) for e in found for i in e.instance_ids]
        if request.get("Details"):
            for one in invocations:
                one["CommandPlugins"] = [{"Name": "run", "Output": one["StandardOutputContent"][:2500]}]
        return {"CommandInvocations": invocations}

    def _cancel(self, request: dict[str, Any]) -> dict[str, Any]:
        self._executions.cancel(request["CommandId"])
        return {}


class SsmServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, operations: SsmOperations, emulator: str) -> None:
        self.ssm = operations
        self.emulator = emulator
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: SsmServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = str(self.headers.get("X-Amz-Target", "")).rpartition(".")[2]
        if operation not in self.server.ssm.operations:
            self._pass_on(body)
            return
        try:
            answer = self.server.ssm.answer(operation, json.loads(body or b"{}"))
        except SsmError as error:
            self._reply(400, json.dumps({"__type": error.name, "message": str(error)}).encode())
        except ValueError as error:
            self._reply(400, json.dumps({"__type": "SerializationException", "message": str(error)}).encode())
        else:
            self._reply(200, json.dumps(answer).encode())

    def _pass_on(self, body: bytes) -> None:
        headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
        request = urllib.request.Request(self.server.emulator, body, headers)  # noqa: S310  the emulator's address
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                self._reply(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            self._reply(error.code, error.read())
        except OSError as error:
            self._reply(500, json.dumps({"__type": "InternalServerError", "message": str(error)}).encode())

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet: the journal of executions is the record."""


def _instance(host: Host) -> dict[str, Any]:
    return {
        "InstanceId": host.instance_id,
        "PingStatus": "Online",
        "LastPingDateTime": time.time(),
        "AgentVersion": "3.3.2746.0",
        "PlatformType": "Linux",
        "ResourceType": "EC2Instance",
        "ComputerName": host.instance_id,
    }


def _command(execution: Execution) -> dict[str, Any]:
    return {
        "CommandId": execution.id,
        "DocumentName": execution.document,
        "Comment": execution.comment,
        "InstanceIds": execution.instance_ids,
        "Status": execution.status,
        "RequestedDateTime": execution.started_at,
    }


def _invocation(execution: Execution, instance_id: str) -> dict[str, Any]:
    invocation = execution.invocations.get(instance_id)
    return {
        "CommandId": execution.id,
        "InstanceId": instance_id,
        "DocumentName": execution.document,
        "Comment": execution.comment,
        "Status": invocation.status if invocation else execution.status,
        "ResponseCode": invocation.exit_code if invocation else -1,
        "StandardOutputContent": invocation.output if invocation else "",
        "StandardErrorContent": invocation.error if invocation else "",
    }
