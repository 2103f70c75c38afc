"""What the cold start of a queue's handler does without: the application of the API, and AWS clients."""

import subprocess
import sys

import pytest

from resilibot.local.roster import SERVICES


@pytest.mark.parametrize("name", [service.name for service in SERVICES])
def test_a_handler_is_imported_without_the_api_and_without_boto3(name: str) -> None:
    module = f"resilibot.{name}.handler"
    code = (
        f"import sys, {module}; print([m for m in ('boto3', 'resilibot.runtime.http.application') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"
