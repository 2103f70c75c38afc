"""SSM Automation: what was certainly not started is refused, what may have been is undecided."""

from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from resilibot.act.adapters.ssm_automation import SsmAutomation
from resilibot.act.ports import DispatchRefused, DispatchUndecided
from resilibot.runtime.aws_codes import DENIED
from resilibot.runtime.testing import NOON


class Nothing:
    def parameters(self) -> dict[str, list[str]]:
        return {}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, DispatchRefused) for code in sorted(DENIED)),
        ("InvalidTarget", DispatchRefused),
        ("ThrottlingException", DispatchUndecided),
        ("InternalServerError", DispatchUndecided),
    ],
)
def test_only_what_was_certainly_not_started_is_refused(code: str, expected: type[Exception]) -> None:
    client: Any = boto3.session.Session("k", "s", region_name="eu-central-1").client("ssm")
    with Stubber(client) as stub:
        stub.add_client_error("start_automation_execution", code)
        arguments: Any = Nothing()
        with pytest.raises(expected, match=code):
            SsmAutomation(client, client).start("Restart", "1", arguments, "0" * 36, NOON + timedelta(minutes=1))
