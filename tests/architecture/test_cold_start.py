"""What the cold start of a queue's handler does without: the API's application, AWS clients, model clients."""

import subprocess
import sys

import pytest

from resilibot.local.roster import SERVICES


@pytest.mark.parametrize("name", [service.name for service in SERVICES])
def test_a_handler_is_imported_without_the_api_and_without_boto3(name: str) -> None:
    module = f"resilibot.{name}.handler"
    left_out = ("boto3", "resilibot.runtime.http.application", "pydantic_ai", "openai")
    code = f"import sys, {module}; print([m for m in {left_out} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"


def test_a_reasoner_by_rules_alone_loads_no_model_client() -> None:
    code = (
        "import sys; from resilibot.reason.adapters.models import ports_of; "
        "from resilibot.reason.settings import ReasonSettings; print(ports_of(ReasonSettings()), "
        "[m for m in ('boto3', 'pydantic_ai', 'openai') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "None []"


def test_questions_read_by_rules_alone_load_no_model_client_and_not_what_would_make_one() -> None:
    code = (
        "import sys, resilibot.projections.routes; from resilibot.projections.adapters.readers import reader_of; "
        "from resilibot.projections.settings import AskSettings; print(reader_of(AskSettings()), "
        "[m for m in ('pydantic_ai', 'openai', 'resilibot.runtime.models.make', "
        "'resilibot.runtime.models.pydantic_ai_models') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "None []"
