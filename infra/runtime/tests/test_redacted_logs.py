"""What a service logs: no secret in message, extra fields or exception."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from resilibot.runtime.redacted_logs import RedactingFormatter, redact_logs

SECRET = "zq7Kp0-hunter2"


@pytest.fixture
def handler() -> Iterator[logging.StreamHandler[io.StringIO]]:
    made = logging.StreamHandler(io.StringIO())
    made.setFormatter(LambdaPowertoolsFormatter(service="test"))
    root = logging.getLogger()
    before = {one: one.formatter for one in root.handlers}
    root.addHandler(made)
    yield made
    root.removeHandler(made)
    for one, formatter in before.items():
        one.setFormatter(formatter)


def test_message_extra_and_exception_are_redacted_and_the_line_stays_json(
    handler: logging.StreamHandler[io.StringIO],
) -> None:
    redact_logs()
    redact_logs()
    log = logging.getLogger("some.service")
    try:
        raise ValueError(f"cannot open redis://:{SECRET}@cache")
    except ValueError:
        log.exception("refused: password=%s", SECRET, extra={"api_key": SECRET, "stream": "incident#1"})
    line = json.loads(handler.stream.getvalue())
    assert SECRET not in handler.stream.getvalue()
    assert line["message"] == "refused: password=[password]"
    assert (line["api_key"], line["stream"]) == ("[secret]", "incident#1")
    assert "redis://:[password]@cache" in line["exception"]


def test_a_handler_is_wrapped_once(handler: logging.StreamHandler[io.StringIO]) -> None:
    redact_logs()
    once = handler.formatter
    redact_logs()
    assert handler.formatter is once
    assert isinstance(once, RedactingFormatter)
