"""One JSON line per log record, with the service's name, so that one incident's lines are found by its id."""

import logging

from resilibot.runtime.redacted_logs import redact_logs


def configure_logging(service: str) -> None:
    """Root logger through the powertools formatter; libraries at WARNING."""
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(LambdaPowertoolsFormatter(service=service, log_record_order=["level", "timestamp", "service"]))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    redact_logs()
    for noisy in ("botocore", "boto3", "urllib3", "httpx", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
