"""The local SSM endpoint as boto3 sees it: real wire, real documents, a real process restarted."""

import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from resilibot.act.adapters.ssm_automation import SsmAutomation
from resilibot.act.catalogue import Arguments, RollbackArguments
from resilibot.local.aws import clients_at
from resilibot.local.ports import free_port
from resilibot.local.world.control import ControlServer, World
from resilibot.local.world.faults import Faults
from resilibot.local.world.hosts import BAD_RELEASE, HEALTHY_RELEASE, SERVICE, UNIT, Host, make_hosts
from resilibot.local.world.ssm_documents import Library
from resilibot.local.world.ssm_endpoint import SsmOperations, SsmServer
from resilibot.local.world.ssm_executions import Executions
from resilibot.local.world.traffic import Traffic
from tests.support.house import until

pytestmark = pytest.mark.integration

RESTART = "ResiliBot-RestartService"
ROLLBACK = "ResiliBot-RollbackRelease"
IN_TIME = {"NotAfter": ["4102444800"]}  # 2100


@dataclass
class Fleet:
    ssm: Any
    hosts: list[Host]

    def restarts_by(self, execution_id: str) -> list[str]:
        """Instance ids, one per restart that this execution caused, by the hosts' own journals."""
        return [h.instance_id for h in self.hosts for line in h.journal() if line.cause == execution_id]

    def finished(self, execution_id: str) -> dict[str, Any]:
        def read() -> Any:
            answer = self.ssm.get_automation_execution(AutomationExecutionId=execution_id)["AutomationExecution"]
            return answer if answer["AutomationExecutionStatus"] != "InProgress" else None

        done: dict[str, Any] = until(read, 20, "the end of the automation")
        return done


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    state: Path = tmp_path_factory.mktemp("world")
    hosts = make_hosts(state)
    library = Library([Path(str(files("resilibot.act") / "documents"))])
    control = ControlServer(
        free_port(), World(hosts, Traffic(hosts, lambda *_: None), Faults(hosts, None, None, "no topic"))
    )
    init = f"http://127.0.0.1:{control.server_port}"
    executions = Executions(hosts, library, state / "executions.jsonl", init)
    endpoint = SsmServer(free_port(), SsmOperations(hosts, executions), "http://127.0.0.1:1")
    for server in (control, endpoint):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    with clients_at(f"http://127.0.0.1:{endpoint.server_port}") as client:
        yield Fleet(client("ssm"), hosts)
    executions.stop()
    for server in (control, endpoint):
        server.shutdown()
        server.server_close()
    for host in hosts:
        host.stop()


def test_only_tagged_hosts_are_found(fleet: Fleet) -> None:
    def found(tag: str) -> list[str]:
        pages = fleet.ssm.get_paginator("describe_instance_information").paginate(
            Filters=[{"Key": "tag:Service", "Values": [tag]}]
        )
        return [i["InstanceId"] for page in pages for i in page["InstanceInformationList"]]

    assert found(SERVICE) == [host.instance_id for host in fleet.hosts]
    assert found("elsewhere") == []


def test_an_automation_restarts_the_real_process_of_the_host_that_was_named(fleet: Fleet) -> None:
    one, other = fleet.hosts
    pids = (one.pid, other.pid)
    parameters = {"InstanceIds": [one.instance_id], "Unit": [UNIT], **IN_TIME}
    started = fleet.ssm.start_automation_execution(DocumentName=RESTART, Parameters=parameters)
    done = fleet.finished(started["AutomationExecutionId"])
    assert done["AutomationExecutionStatus"] == "Success"
    assert f"pid {pids[0]} -> {one.pid}" in done["Outputs"]["run.Output"][0]
    assert one.pid != pids[0]
    assert other.pid == pids[1]


def test_a_client_token_starts_once_and_refuses_other_parameters(fleet: Fleet) -> None:
    token = str(uuid4())
    parameters = {"InstanceIds": [fleet.hosts[0].instance_id], "Unit": [UNIT], **IN_TIME}
    ids = {
        fleet.ssm.start_automation_execution(DocumentName=RESTART, Parameters=parameters, ClientToken=token)[
            "AutomationExecutionId"
        ]
        for _ in range(3)
    }
    (execution_id,) = ids
    fleet.finished(execution_id)
    assert fleet.restarts_by(execution_id) == [fleet.hosts[0].instance_id]
    other = {**parameters, "InstanceIds": [fleet.hosts[1].instance_id]}
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        fleet.ssm.start_automation_execution(DocumentName=RESTART, Parameters=other, ClientToken=token)


def test_send_command_has_no_token_and_runs_each_time(fleet: Fleet) -> None:
    host = fleet.hosts[0].instance_id
    waiter = fleet.ssm.get_waiter("command_executed")
    ids = []
    for _ in range(2):
        sent = fleet.ssm.send_command(
            DocumentName=f"{RESTART}Command",
            InstanceIds=[host],
            Parameters={"Unit": [UNIT], **IN_TIME},
            Comment="why",
        )
        ids.append(sent["Command"]["CommandId"])
        waiter.wait(CommandId=ids[-1], InstanceId=host, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert [fleet.restarts_by(command) for command in ids] == [[host], [host]]
    listed = fleet.ssm.list_commands(CommandId=ids[0])["Commands"]
    assert [(c["Status"], c["Comment"]) for c in listed] == [("Success", "why")]


def test_a_rollback_goes_to_the_named_release_and_running_it_again_changes_nothing(fleet: Fleet) -> None:
    host = fleet.hosts[0]
    host.deploy(BAD_RELEASE, "deploy")
    parameters = {"InstanceIds": [host.instance_id], "Unit": [UNIT], "Release": [HEALTHY_RELEASE], **IN_TIME}
    ids = []
    for _ in range(2):
        started = fleet.ssm.start_automation_execution(DocumentName=ROLLBACK, Parameters=parameters)
        ids.append(started["AutomationExecutionId"])
        assert fleet.finished(ids[-1])["AutomationExecutionStatus"] == "Success"
        assert host.release == HEALTHY_RELEASE
    assert [fleet.restarts_by(execution) for execution in ids] == [[host.instance_id], []]
    started = fleet.ssm.start_automation_execution(DocumentName=ROLLBACK, Parameters={**parameters, "Release": ["9"]})
    failed = fleet.finished(started["AutomationExecutionId"])
    assert "release 9 is not installed" in failed["FailureMessage"]
    assert host.release == HEALTHY_RELEASE


def test_a_script_that_fails_is_a_failed_automation_with_its_own_words(fleet: Fleet) -> None:
    parameters = {"InstanceIds": [fleet.hosts[0].instance_id], "Unit": ["nginx.service"], **IN_TIME}
    started = fleet.ssm.start_automation_execution(DocumentName=RESTART, Parameters=parameters)
    done = fleet.finished(started["AutomationExecutionId"])
    assert done["AutomationExecutionStatus"] == "Failed"
    assert "nginx.service" in done["FailureMessage"]


def test_a_host_begins_nothing_after_the_deadline_and_says_so_through_the_real_adapter(fleet: Fleet) -> None:
    host = fleet.hosts[0]
    before = (host.pid, host.release)
    automation = SsmAutomation(fleet.ssm, fleet.ssm)
    for document, given in (
        (RESTART, Arguments(instance_ids=[host.instance_id], unit=UNIT)),
        (ROLLBACK, RollbackArguments(instance_ids=[host.instance_id], unit=UNIT, release=HEALTHY_RELEASE)),
    ):
        just_over = datetime.now(UTC) - timedelta(seconds=2)
        execution_id = automation.start(document, "$DEFAULT", given, str(uuid4()), just_over)
        fleet.finished(execution_id)
        assert automation.read(execution_id).state == "late"
        assert fleet.restarts_by(execution_id) == []
    assert (host.pid, host.release) == before
    in_time = Arguments(instance_ids=[host.instance_id], unit=UNIT)
    soon = datetime.now(UTC) + timedelta(seconds=60)
    execution_id = automation.start(RESTART, "$DEFAULT", in_time, str(uuid4()), soon)
    fleet.finished(execution_id)
    assert automation.read(execution_id).state == "succeeded"


SNEAKY = ["checkout.service; touch /tmp/pwned", "$(id).service", "checkout.service\nid", "../checkout.service"]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        *itertools.product([{"Unit": [text]} for text in SNEAKY], ["Unit"]),
        ({"Unit": [UNIT], "Shell": ["sh"]}, "Shell"),
    ],
)
def test_parameters_against_the_document_start_nothing(fleet: Fleet, parameters: Any, named: str) -> None:
    before = json.dumps([[line.__dict__ for line in host.journal()] for host in fleet.hosts])
    given = {"InstanceIds": [fleet.hosts[0].instance_id], **IN_TIME, **parameters}
    with pytest.raises(ClientError, match=named) as refused:
        fleet.ssm.start_automation_execution(DocumentName=RESTART, Parameters=given)
    assert refused.value.response["Error"]["Code"] == "InvalidAutomationExecutionParametersException"
    assert json.dumps([[line.__dict__ for line in host.journal()] for host in fleet.hosts]) == before


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda ssm: ssm.send_command(DocumentName="AWS-RunShellScript", InstanceIds=["i-0"]), "InvalidDocument"),
        (
            lambda ssm: ssm.start_automation_execution(DocumentName="AWS-RestartEC2Instance"),
            "AutomationDefinitionNotFoundException",
        ),
        (
            lambda ssm: ssm.send_command(
                DocumentName=f"{RESTART}Command",
                InstanceIds=["i-0123456789abcdef0"],
                Parameters={"Unit": [UNIT], **IN_TIME},
            ),
            "InvalidInstanceId",
        ),
        (lambda ssm: ssm.get_automation_execution(AutomationExecutionId="x" * 36), "AutomationExecutionNotFound"),
        (lambda ssm: ssm.get_command_invocation(CommandId="x" * 36, InstanceId="i-0123456789"), "InvocationDoesNot"),
    ],
)
def test_errors_have_the_names_that_aws_gives_them(fleet: Fleet, call: Any, code: str) -> None:
    with pytest.raises(ClientError, match=code):
        call(fleet.ssm)
