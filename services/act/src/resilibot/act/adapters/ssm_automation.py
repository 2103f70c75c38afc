"""SSM Automation: our own pinned documents, started with a client token; and the managed hosts they run on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from resilibot.act.catalogue import Arguments, HostFact
from resilibot.act.ports import DispatchRefused, DispatchUndecided, Execution
from resilibot.runtime.aws_codes import DENIED
from resilibot.runtime.redact import Redactor

REDACTOR = Redactor()  # what a host answers goes into events
SUCCEEDED = frozenset({"Success", "CompletedWithSuccess"})
FAILED = frozenset({"Failed", "TimedOut", "Cancelled", "CompletedWithFailure", "Rejected", "Exited"})
LATE = "resilibot: not begun after its deadline"  # printed by our documents
REFUSALS = DENIED | {
    "AutomationDefinitionNotFoundException",
    "AutomationDefinitionVersionNotFoundException",
    "InvalidAutomationExecutionParametersException",
    "IdempotentParameterMismatch",
    "InvalidTarget",
    "ValidationException",
}


class SsmAutomation:
    """`client` must not retry by itself (attempts=1): an unanswered start is settled by reading back, not by luck."""

    name = "ssm"

    def __init__(self, client: Any, reading_client: Any) -> None:
        self._client = client
        self._reading = reading_client

    def start(self, document: str, version: str, arguments: Arguments, client_token: str, not_after: datetime) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.start_automation_execution(
                DocumentName=document,
                DocumentVersion=version,
                Parameters={**arguments.parameters(), "NotAfter": [str(int(not_after.timestamp()))]},
                ClientToken=client_token,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code", "") in REFUSALS:
                raise DispatchRefused(str(error)) from error
            raise DispatchUndecided(str(error)) from error
        except BotoCoreError as error:
            raise DispatchUndecided(str(error)) from error
        provider_id: str = answer["AutomationExecutionId"]
        return provider_id

    def read(self, provider_id: str) -> Execution:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._reading.get_automation_execution(AutomationExecutionId=provider_id)
        except (BotoCoreError, ClientError) as error:
            raise DispatchUndecided(f"reading {provider_id}: {error}") from error
        execution = answer["AutomationExecution"]
        status = execution["AutomationExecutionStatus"]
        output = REDACTOR.text("\n".join(line for lines in execution.get("Outputs", {}).values() for line in lines))
        if status in SUCCEEDED:
            return Execution(provider_id, "succeeded", output)
        if status in FAILED:
            told = REDACTOR.text(execution.get("FailureMessage") or "") or output or status
            return Execution(provider_id, "late" if LATE in f"{told}\n{output}" else "failed", told)
        return Execution(provider_id, "running")


class SsmManagedHosts:
    def __init__(self, client: Any, tag: str) -> None:
        self._client = client
        self._tag = tag

    def of_service(self, service: str) -> Sequence[HostFact]:
        from botocore.exceptions import BotoCoreError, ClientError

        filters = [{"Key": f"tag:{self._tag}", "Values": [service]}]
        try:
            pages = self._client.get_paginator("describe_instance_information").paginate(Filters=filters)
            found = [instance for page in pages for instance in page["InstanceInformationList"]]
        except (BotoCoreError, ClientError) as error:
            raise DispatchUndecided(f"hosts of {service}: {error}") from error
        return [HostFact(i["InstanceId"], i["PingStatus"] == "Online", None) for i in found]
